"""The way of an order: paid, sent, delivered; and back again."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from common.storage import Database
from points.reward_fulfilment import handlers as fulfilment
from points.reward_orders import handlers as orders
from points.reward_orders.domain import Order, payment_state
from points.reward_orders.refusals import (
    OrderUnknownError,
    PaymentTooLateError,
)
from points.rewards.domain import Limit, Price
from points.rewards.refusals import (
    BadTransitionError,
)
from tests.points.coupons.world import template as coupon_template
from tests.points.rewards.world import (
    OPERATOR,
    TILL,
    advance,
    balance,
    member,
    offer,
    order,
    programme,
    reward,
    rows,
    soon,
    stock,
    told,
    undo,
)

MIXED = (Price(option="mixed", points=60, money=29_00),)


async def test_goods_on_their_way_to_delivery(points_database: Database) -> None:
    someone = await member(points_database, (1_000, None))
    await offer(points_database, reward())
    placed = await order(points_database, someone)
    async with points_database.transaction() as tx:
        await fulfilment.advance(tx, OPERATOR, placed.order_id, "picking", seen=1)
    async with points_database.transaction() as tx:
        shipped = await fulfilment.advance(
            tx, OPERATOR, placed.order_id, "shipped", seen=2, note="易碎", carrier="SF", tracking="SF1"
        )
    delivered = await advance(points_database, shipped, "delivered")
    assert (delivered.state, delivered.carrier, delivered.tracking, delivered.revision) == ("delivered", "SF", "SF1", 4)
    history = await rows(points_database, "SELECT * FROM reward_order_changes ORDER BY number")
    assert [(one.previous_state, one.state) for one in history] == [
        ("", "accepted"),
        ("accepted", "picking"),
        ("picking", "shipped"),
        ("shipped", "delivered"),
    ]
    assert (history[2].reason, json.loads(json.dumps(history[2].facts))["tracking"]) == ("易碎", "SF1")
    changed = [data for kind, data in await told(points_database) if kind == "reward.order_changed.v1"]
    assert [(one["previous_state"], one["state"]) for one in changed][-1] == ("shipped", "delivered")
    assert changed[1]["tracking"] == "SF1"


@pytest.mark.parametrize(
    ("kind", "way", "wanted", "allowed"),
    [
        ("goods", (), "delivered", ["picking", "shipped", "cancelled"]),
        ("goods", ("shipped",), "picking", ["delivered", "returned"]),
        ("goods", ("shipped", "delivered"), "shipped", ["returned"]),
        ("service", (), "shipped", ["fulfilled", "cancelled"]),
        ("service", ("fulfilled",), "fulfilled", []),
        ("donation", (), "fulfilled", []),
    ],
)
async def test_transition_that_is_not_allowed_names_those_that_are(
    points_database: Database, kind: str, way: tuple[str, ...], wanted: str, allowed: list[str]
) -> None:
    someone = await member(points_database, (1_000, None))
    await offer(points_database, reward(kind=kind))
    placed = await order(points_database, someone, goods=kind == "goods")
    await advance(points_database, placed, *way)
    with pytest.raises(BadTransitionError) as refused:
        await advance(points_database, placed, wanted)
    assert vars(refused.value)["to"] == wanted
    assert vars(refused.value)["allowed"] == allowed


async def test_sent_goods_cannot_be_cancelled_but_returned(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward(stock=3, limits=(Limit(quantity=1, per="ever"),)))
    placed = await order(points_database, someone)
    await advance(points_database, placed, "shipped", "delivered")
    with pytest.raises(BadTransitionError):
        await undo(points_database, placed)
    undone = await undo(points_database, placed, "returned", restock=False)
    assert (undone.order.state, undone.order.given_back) == ("returned", 100)
    assert (await balance(points_database, someone), await stock(points_database)) == (100, 2)
    with pytest.raises(BadTransitionError):
        await undo(points_database, placed, "returned")
    assert await balance(points_database, someone) == 100
    await order(points_database, someone)


async def test_members_can_cancel_until_the_warehouse_begins(points_database: Database) -> None:
    someone = await member(points_database, (1_000, None))
    await offer(points_database, reward())
    picked = await advance(points_database, await order(points_database, someone), "picking")
    with pytest.raises(BadTransitionError) as refused:
        await undo(points_database, picked, by=TILL)
    assert vars(refused.value)["allowed"] == ["shipped"]
    await undo(points_database, picked, by=OPERATOR)
    await undo(points_database, await order(points_database, someone), by=TILL)


async def test_cancelled_order_restores_lots_with_their_expiry(points_database: Database) -> None:
    first, second = soon(10), soon(20)
    someone = await member(points_database, (60, second), (50, first))
    await offer(points_database, reward(points=80, stock=1))
    placed = await order(points_database, someone)
    assert await stock(points_database) == 0
    undone = await undo(points_database, placed)
    assert undone.back is not None
    assert (undone.back.points, undone.back.restored, undone.back.renewed, undone.back.grace_until) == (80, 80, 0, None)
    lots = await rows(points_database, "SELECT points, remaining, expires_at FROM lots ORDER BY expires_at")
    assert [(lot.points, lot.remaining, lot.expires_at) for lot in lots] == [(50, 50, first), (60, 60, second)]
    assert await stock(points_database) == 1


async def test_points_that_expired_meanwhile_get_grace_and_the_answer_says_so(points_database: Database) -> None:
    await programme(points_database, grace_days=5)
    someone = await member(points_database, (30, soon(1)), (100, None))
    await offer(points_database, reward(points=80))
    placed = await order(points_database, someone)
    later = soon(2)
    async with points_database.transaction() as tx:
        tx.now = later
        undone = await fulfilment.undo(
            tx, OPERATOR, placed.order_id, "cancelled", reason="changed mind", restock=True, seen=None
        )
    assert undone.back is not None
    assert (undone.back.points, undone.back.restored, undone.back.renewed) == (80, 50, 30)
    assert undone.back.grace_until == later + timedelta(days=5)
    assert (undone.order.renewed, undone.order.grace_until) == (30, later + timedelta(days=5))
    (given_back,) = [data for kind, data in await told(points_database) if kind == "points.given_back.v1"]
    assert (given_back["reason"], given_back["renewed"]) == ("reward", 30)
    assert datetime.fromisoformat(given_back["grace_until"]) == later + timedelta(days=5)
    assert given_back["redemption_id"] == str(placed.order_id)


async def test_money_part_waits_for_its_payment(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward(prices=MIXED, pay_within_minutes=15, stock=3))
    placed = await order(points_database, someone, quantity=1)
    assert (placed.state, placed.points, placed.money, payment_state(placed)) == ("awaiting_payment", 60, 29_00, "due")
    assert placed.pay_until == placed.ordered_at + timedelta(minutes=15)
    with pytest.raises(BadTransitionError):
        await advance(points_database, placed, "shipped")
    for _ in range(2):
        async with points_database.transaction() as tx:
            paid = await fulfilment.pay(tx, TILL, placed.order_id, "wx-1")
        assert (paid.state, paid.payment_reference, payment_state(paid), paid.revision) == (
            "accepted",
            "wx-1",
            "paid",
            2,
        )
    with pytest.raises(BadTransitionError):
        async with points_database.transaction() as tx:
            await fulfilment.pay(tx, TILL, placed.order_id, "wx-2")
    undone = await undo(points_database, paid)
    assert payment_state(undone.order) == "to_refund"
    ordered, changed, cancelled = [data for kind, data in await told(points_database) if kind.startswith("reward.")]
    assert (ordered["state"], datetime.fromisoformat(ordered["pay_until"])) == ("awaiting_payment", placed.pay_until)
    assert (changed["state"], changed["to_refund"]) == ("accepted", 0)
    assert (cancelled["state"], cancelled["to_refund"]) == ("cancelled", 29_00)


@pytest.mark.parametrize("kind", ["donation", "coupon", "service"])
async def test_what_was_not_paid_cannot_be_fulfilled(points_database: Database, kind: str) -> None:
    someone = await member(points_database, (100, None))
    if kind == "coupon":
        await coupon_template(points_database, "ten")
    wanted = reward(kind=kind, prices=MIXED, coupon_template="ten" if kind == "coupon" else "")
    await offer(points_database, wanted)
    placed = await order(points_database, someone, goods=False)
    with pytest.raises(BadTransitionError) as refused:
        await advance(points_database, placed, "fulfilled")
    assert vars(refused.value)["from"] == "awaiting_payment"


async def test_money_that_was_paid_before_is_noted_at_once(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward(prices=MIXED))
    placed = await order(points_database, someone, payment_reference="ali-7")
    assert (placed.state, payment_state(placed), placed.pay_until) == ("accepted", "paid", None)


async def _at(database: Database, moment: datetime, job: Any) -> None:
    async with database.transaction() as tx:
        tx.now = moment
        await job(tx)


async def test_order_that_is_not_paid_in_time_gives_everything_back(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward(prices=MIXED, stock=3))
    placed = await order(points_database, someone)
    assert placed.pay_until is not None
    await _at(points_database, placed.pay_until - timedelta(microseconds=1), fulfilment.cancel_overdue)
    assert await balance(points_database, someone) == 40
    async with points_database.transaction() as tx:
        tx.now = placed.pay_until
        with pytest.raises(PaymentTooLateError):
            await fulfilment.pay(tx, TILL, placed.order_id, "wx-1")
    for _ in range(2):
        await _at(points_database, placed.pay_until, fulfilment.cancel_overdue)
    assert (await balance(points_database, someone), await stock(points_database)) == (100, 3)
    async with points_database.transaction() as tx:
        cancelled = await orders.of_id(tx, placed.order_id)
        (_, last) = await orders.history(tx, placed.order_id, after=0, limit=10)
    assert (cancelled.state, payment_state(cancelled)) == ("cancelled", "not_needed_any_more")
    assert (last.actor, last.reason) == ("system", "not_paid_in_time")


async def test_many_overdue_orders_are_cancelled_together(points_database: Database) -> None:
    for key in ("mug", "cup"):
        await offer(points_database, reward(key, prices=MIXED, stock=10))
    members = [await member(points_database, (200, None)) for _ in range(3)]
    placed: list[Order] = []
    for someone in members:
        placed += [await order(points_database, someone, key) for key in ("cup", "mug")]
    await _at(points_database, soon(1), fulfilment.cancel_overdue)
    assert [await balance(points_database, someone) for someone in members] == [200, 200, 200]
    assert (await stock(points_database, "mug"), await stock(points_database, "cup")) == (10, 10)


async def test_unknown_order_is_said_to_be_unknown(points_database: Database) -> None:
    async with points_database.transaction() as tx:
        with pytest.raises(OrderUnknownError):
            await fulfilment.undo(tx, OPERATOR, uuid4(), "cancelled", reason="", restock=True, seen=None)
        with pytest.raises(OrderUnknownError):
            await fulfilment.advance(tx, OPERATOR, uuid4(), "shipped", seen=None)


async def test_donation_is_fulfilled_at_once_for_good(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward("trees", kind="donation", points=30))
    placed = await order(points_database, someone, "trees", goods=False)
    assert placed.state == "fulfilled"
    with pytest.raises(BadTransitionError):
        await undo(points_database, placed)
