"""Ordering: stock, limits, points and everything else in one step; and the way back."""

from datetime import timedelta
from uuid import uuid4

import pytest

from common.storage import Database
from points.errors import MemberUnknownError
from points.reward_orders import handlers as orders
from points.reward_orders.domain import Wanted
from points.reward_orders.refusals import (
    AddressNeededError,
    AddressNotNeededError,
    RequestIdReusedError,
)
from points.rewards.domain import Limit, Price
from points.rewards.refusals import (
    LimitReachedError,
    NotForThisSegmentError,
    NotForThisTierError,
    OutOfStockError,
    PointsShortError,
    RewardUnknownError,
)
from tests.points.rewards.world import (
    OPERATOR,
    PERSON,
    TILL,
    balance,
    member,
    merge,
    offer,
    order,
    reward,
    rows,
    segment,
    soon,
    stock,
    tier,
    told,
    undo,
    value,
)

MIXED = (Price(option="mixed", points=60, money=29_00),)


async def test_order_spends_points_takes_stock_and_tells(points_database: Database) -> None:
    someone = await member(points_database, (500, None))
    await offer(points_database, reward(points=120, stock=10))
    placed = await order(points_database, someone, quantity=2)
    assert (placed.state, placed.points, placed.money, placed.revision) == ("accepted", 240, 0, 1)
    assert (await balance(points_database, someone), await stock(points_database)) == (260, 8)
    (transfer,) = await rows(points_database, "SELECT * FROM transfers WHERE kind = 'redeemed'")
    assert (transfer.to_account, transfer.points, transfer.reference) == ("redemption", 240, str(placed.order_id))
    redeemed, ordered = await told(points_database)
    assert redeemed[0] == "points.redeemed.v1"
    assert (redeemed[1]["reason"], redeemed[1]["balance"], redeemed[1]["redemption_id"]) == (
        "reward",
        260,
        str(placed.order_id),
    )
    assert ordered[0] == "reward.ordered.v1"
    assert (ordered[1]["reward"], ordered[1]["quantity"], ordered[1]["points"]) == ("mug", 2, 240)
    (change,) = await rows(points_database, "SELECT * FROM reward_order_changes")
    assert (change.number, change.previous_state, change.state, change.actor) == (1, "", "accepted", "client:shop")


async def test_what_speaks_against_an_order_leaves_nothing_behind(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward("dear", points=101, stock=5))
    await offer(points_database, reward("scarce", points=1, stock=1))
    await offer(points_database, reward("golden", points=1, tiers=("gold",)))
    await offer(points_database, reward("chosen", points=1, segments=("loyal",)))
    for key, kind, quantity in (
        ("dear", PointsShortError, 1),
        ("scarce", OutOfStockError, 2),
        ("golden", NotForThisTierError, 1),
        ("chosen", NotForThisSegmentError, 1),
        ("nothing", RewardUnknownError, 1),
    ):
        with pytest.raises(kind):
            await order(points_database, someone, key, quantity=quantity)
    with pytest.raises(MemberUnknownError):
        await order(points_database, uuid4(), "scarce")
    assert await balance(points_database, someone) == 100
    assert await stock(points_database, "dear") == 5
    assert await stock(points_database, "scarce") == 1
    assert await value(points_database, "SELECT count(*) FROM reward_orders") == 0
    assert await told(points_database) == []


async def test_short_points_name_balance_and_need(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward(points=60))
    with pytest.raises(PointsShortError) as refused:
        await order(points_database, someone, quantity=2)
    assert (refused.value.balance, refused.value.need, refused.value.debt) == (100, 120, 0)


async def test_tier_and_segment_of_the_member_decide_price_and_audience(points_database: Database) -> None:
    someone = await member(points_database, (1_000, None))
    prices = (Price(option="points", points=500), Price(option="points", points=300, tiers=("gold",)))
    await offer(points_database, reward("tiered", prices=prices))
    await offer(points_database, reward("chosen", points=1, segments=("loyal",)))
    assert (await order(points_database, someone, "tiered")).points == 500
    await tier(points_database, someone, "gold")
    await segment(points_database, someone, "loyal")
    assert (await order(points_database, someone, "tiered")).points == 300
    assert (await order(points_database, someone, "chosen")).points == 1


async def test_points_that_have_expired_are_not_spent(points_database: Database) -> None:
    someone = await member(points_database, (100, soon(-1)), (40, soon(1)))
    await offer(points_database, reward(points=50))
    with pytest.raises(PointsShortError) as refused:
        await order(points_database, someone)
    assert refused.value.balance == 40


async def test_limit_is_released_by_a_cancellation(points_database: Database) -> None:
    someone = await member(points_database, (1_000, None))
    await offer(points_database, reward(points=1, limits=(Limit(quantity=2, per="ever"),)))
    first = await order(points_database, someone)
    await order(points_database, someone)
    with pytest.raises(LimitReachedError) as refused:
        await order(points_database, someone)
    assert (refused.value.limit, refused.value.used, refused.value.resets_at) == (2, 2, None)
    await undo(points_database, first)
    await order(points_database, someone)


async def test_limit_of_a_period_begins_again_with_the_next(points_database: Database) -> None:
    someone = await member(points_database, (1_000, None))
    await offer(points_database, reward(points=1, limits=(Limit(quantity=1, per="day"),)))
    await order(points_database, someone)
    with pytest.raises(LimitReachedError) as refused:
        await order(points_database, someone)
    resets_at = refused.value.resets_at
    assert resets_at is not None
    for moment, allowed in ((resets_at - timedelta(microseconds=1), False), (resets_at, True)):
        async with points_database.transaction() as tx:
            tx.now = moment
            wanted = Wanted(member_id=someone, reward="mug", address=PERSON)
            if allowed:
                await orders.order(tx, TILL, wanted)
            else:
                with pytest.raises(LimitReachedError):
                    await orders.order(tx, TILL, wanted)


async def test_same_request_id_gives_the_same_order_once(points_database: Database) -> None:
    someone = await member(points_database, (1_000, None))
    await offer(points_database, reward(points=100, stock=5))
    first = await order(points_database, someone, request_id="网店-1")
    again = await order(points_database, someone, request_id="网店-1")
    assert again == first
    assert (await balance(points_database, someone), await stock(points_database)) == (900, 4)
    for other in ({"quantity": 2}, {"address": {**PERSON, "street": "elsewhere"}}):
        with pytest.raises(RequestIdReusedError) as refused:
            await order(points_database, someone, request_id="网店-1", **other)
        assert refused.value.order_id == first.order_id
    other_callers = await order(points_database, someone, request_id="网店-1", by=OPERATOR)
    assert other_callers.order_id != first.order_id


async def test_goods_need_an_address_and_nothing_else_may_have_one(points_database: Database) -> None:
    someone = await member(points_database, (1_000, None))
    await offer(points_database, reward())
    await offer(points_database, reward("massage", kind="service"))
    with pytest.raises(AddressNeededError):
        await order(points_database, someone, goods=False)
    with pytest.raises(AddressNotNeededError):
        await order(points_database, someone, "massage")


async def test_address_is_sealed_and_unreadable_after_erasure(points_database: Database) -> None:
    someone = await member(points_database, (1_000, None))
    await offer(points_database, reward())
    placed = await order(points_database, someone)
    stored = await value(points_database, "SELECT address FROM reward_orders")
    assert "王芳" not in stored
    assert PERSON["phone"] not in stored
    async with points_database.transaction() as tx:
        assert await orders.address_of(tx, placed) == PERSON
        assert await orders.addresses_of(tx, [placed, placed]) == {placed.order_id: PERSON}
    await value(points_database, "UPDATE data_keys SET key_id = '', wrapped = '' RETURNING 1")
    async with points_database.transaction() as tx:
        assert await orders.address_of(tx, placed) is None
        assert await orders.addresses_of(tx, [placed]) == {}


async def test_free_reward_spends_nothing_and_gives_nothing_back(points_database: Database) -> None:
    someone = await member(points_database)
    await offer(points_database, reward("gift", points=0, kind="service"))
    placed = await order(points_database, someone, "gift", goods=False)
    undone = await undo(points_database, placed)
    assert undone.back is None
    assert [kind for kind, _ in await told(points_database)] == ["reward.ordered.v1", "reward.order_changed.v1"]


async def test_figures_by_day_tell_ordered_from_undone(points_database: Database) -> None:
    someone = await member(points_database, (1_000, None))
    await offer(points_database, reward(points=100))
    await offer(points_database, reward("trees", kind="donation", points=30))
    first = await order(points_database, someone, quantity=2)
    await order(points_database, someone)
    await order(points_database, someone, "trees", goods=False)
    await undo(points_database, first)
    async with points_database.transaction() as tx:
        found = await orders.figures(tx, since=soon(-2), until=soon(2))
        only = await orders.figures(tx, since=soon(-2), until=soon(2), reward="trees")
        nothing = await orders.figures(tx, since=soon(-9), until=soon(-2))
    assert [
        (one.reward, one.orders, one.quantity, one.points, one.orders_undone, one.quantity_undone, one.points_undone)
        for one in found
    ] == [("mug", 2, 3, 300, 1, 2, 200), ("trees", 1, 1, 30, 0, 0, 0)]
    assert [one.reward for one in only] == ["trees"]
    assert list(nothing) == []


async def test_order_of_a_member_who_was_merged_is_the_survivors(points_database: Database) -> None:
    stays, absorbed = await member(points_database, (10, None)), await member(points_database, (100, soon(9)))
    await offer(points_database, reward(points=40, stock=9, limits=(Limit(quantity=2, per="ever"),)))
    before = await order(points_database, absorbed, request_id="r-1")
    await merge(points_database, stays, absorbed)
    assert (await order(points_database, absorbed, request_id="r-1")).order_id == before.order_id
    after = await order(points_database, absorbed)
    assert (before.member_id, after.member_id) == (absorbed, stays)
    with pytest.raises(LimitReachedError) as refused:
        await order(points_database, stays)
    assert refused.value.used == 2
    assert await balance(points_database, stays) == 30
    async with points_database.transaction() as tx:
        found = await orders.orders(tx, member_id=stays, limit=10)
    assert [one.order_id for one in found] == [after.order_id, before.order_id]
    undone = await undo(points_database, before)
    assert undone.order.given_back == 40
    assert (await balance(points_database, stays), await balance(points_database, absorbed)) == (70, 0)
    await undo(points_database, after)
    assert await balance(points_database, stays) == 110
