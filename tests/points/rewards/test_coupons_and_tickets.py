"""What a member has in hand at once: coupons, tickets; and what a grant of members is for."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from common.security.grants import Grant
from common.storage import Database
from points.coupon_templates import handlers as templates
from points.coupon_templates.forms import AmountOff, LimitsForm, TermsForm
from points.coupons import handlers as coupons
from points.coupons.refusals import IssueLimitError
from points.policies import handlers as policies
from points.redemption.errors import GrantRefusedError, GrantRequiredError
from points.reward_fulfilment import handlers as fulfilment
from points.reward_orders import handlers as orders
from points.reward_orders.domain import Order, Wanted
from points.reward_orders.refusals import AlreadyUsedError
from points.reward_tickets import handlers as tickets
from points.reward_tickets.domain import (
    Ticket,
    TicketOfOtherRewardError,
    TicketRevokedError,
    TicketUnknownError,
    TicketUsedError,
    code_hash,
    masked,
    written,
)
from points.rewards import handlers as rewards
from points.rewards.domain import Price
from points.rewards.refusals import BadTransitionError
from tests.points.rewards.world import (
    OPERATOR,
    PERSON,
    TILL,
    balance,
    member,
    offer,
    order,
    reward,
    rows,
    soon,
    told,
    undo,
    value,
)


async def template(database: Database, key: str, **limits: int) -> None:
    form = TermsForm(
        name_zh="满减", benefit=AmountOff(kind="amount", amount=10_00), days=30, limits=LimitsForm(**limits)
    )
    async with database.transaction() as tx:
        await templates.create(tx, OPERATOR, key, form.as_json())
        await templates.activate(tx, OPERATOR, key, await templates.lock(tx, key))


async def tickets_of(database: Database, order_id: object, member_id: object) -> list[Ticket]:
    async with database.transaction() as tx:
        return await tickets.of_order(tx, member_id, order_id)  # type: ignore[arg-type]


async def test_coupon_reward_issues_coupons_at_once(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await template(points_database, "ten-off")
    await offer(points_database, reward("ten", kind="coupon", coupon_template="ten-off", points=20, stock=5))
    placed = await order(points_database, someone, "ten", goods=False, quantity=2)
    assert (placed.state, len(placed.coupon_ids), len(set(placed.coupon_ids))) == ("fulfilled", 2, 2)
    async with points_database.transaction() as tx:
        assert (await orders.of_id(tx, placed.order_id)).coupon_ids == placed.coupon_ids
    kept = await rows(points_database, "SELECT coupon_id, member_id, reason, state FROM coupons")
    assert {one.coupon_id for one in kept} == set(placed.coupon_ids)
    assert {(one.member_id, one.reason, one.state) for one in kept} == {(someone, "reward", "active")}
    assert [kind for kind, _ in await told(points_database)].count("coupon.issued.v1") == 2


async def test_cancelled_coupon_reward_revokes_unused_coupons(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await template(points_database, "ten-off")
    await offer(points_database, reward("ten", kind="coupon", coupon_template="ten-off", points=20))
    placed = await order(points_database, someone, "ten", goods=False, quantity=2)
    await undo(points_database, placed)
    assert await balance(points_database, someone) == 100
    assert {one.state for one in await rows(points_database, "SELECT state FROM coupons")} == {"revoked"}


async def test_coupon_reward_with_a_coupon_that_is_gone_cannot_be_cancelled(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await template(points_database, "ten-off")
    await offer(points_database, reward("ten", kind="coupon", coupon_template="ten-off", points=20))
    placed = await order(points_database, someone, "ten", goods=False, quantity=2)
    async with points_database.transaction() as tx:
        await coupons.revoke(tx, placed.coupon_ids[1], "manual")
    with pytest.raises(AlreadyUsedError) as refused:
        await undo(points_database, placed)
    assert (refused.value.kind, refused.value.what) == ("coupon", placed.coupon_ids[1])
    assert await balance(points_database, someone) == 60
    assert await value(points_database, "SELECT count(*) FROM coupons WHERE state = 'active'") == 1


async def test_no_coupon_left_leaves_nothing_behind(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await template(points_database, "ten-off", issued_total=1)
    await offer(points_database, reward("ten", kind="coupon", coupon_template="ten-off", points=20, stock=5))
    with pytest.raises(IssueLimitError):
        await order(points_database, someone, "ten", goods=False, quantity=2)
    assert await balance(points_database, someone) == 100
    assert await value(points_database, "SELECT count(*) FROM coupons") == 0
    assert await value(points_database, "SELECT stock FROM reward_stocks") == 5


async def test_coupon_with_a_money_part_is_issued_when_it_is_paid(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await template(points_database, "ten-off")
    prices = (Price(option="mixed", points=20, money=1_00),)
    await offer(points_database, reward("ten", kind="coupon", coupon_template="ten-off", prices=prices))
    placed = await order(points_database, someone, "ten", goods=False)
    assert (placed.state, placed.coupon_ids) == ("awaiting_payment", ())
    async with points_database.transaction() as tx:
        paid = await fulfilment.pay(tx, TILL, placed.order_id, "wx-1")
    assert (paid.state, len(paid.coupon_ids)) == ("fulfilled", 1)


async def test_coupon_that_is_paid_later_is_what_was_ordered_though_the_reward_changed(
    points_database: Database,
) -> None:
    someone = await member(points_database, (100, None))
    for key in ("ten-off", "one-off"):
        await template(points_database, key)
    ten = reward("ten", kind="coupon", coupon_template="ten-off", prices=(Price(option="mixed", points=20, money=1),))
    await offer(points_database, ten)
    placed = await order(points_database, someone, "ten", goods=False)
    async with points_database.transaction() as tx:
        await rewards.change(tx, OPERATOR, replace(ten, coupon_template="one-off"), None)
    async with points_database.transaction() as tx:
        await fulfilment.pay(tx, TILL, placed.order_id, "wx-1")
    assert await value(points_database, "SELECT template FROM coupons") == "ten-off"


async def test_tickets_open_the_door_once_each(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward("concert", kind="ticket", points=10))
    await offer(points_database, reward("museum", kind="ticket", points=10))
    placed = await order(points_database, someone, "concert", goods=False, quantity=2)
    first, second = await tickets_of(points_database, placed.order_id, someone)
    assert placed.state == "accepted"
    assert first.code != second.code
    assert len(first.code) == 20
    stored = await value(points_database, "SELECT code || encode(code_hash, 'hex') FROM reward_tickets LIMIT 1")
    assert first.code not in stored
    with pytest.raises(TicketOfOtherRewardError):
        await check_in(points_database, first.code, "museum")
    order_after, used = await check_in(points_database, written(first.code).lower(), "concert")
    assert (order_after.state, used.state, used.number) == ("accepted", "used", 1)
    with pytest.raises(TicketUsedError) as refused:
        await check_in(points_database, first.code)
    assert refused.value.used_at == used.used_at
    with pytest.raises(TicketUnknownError):
        await check_in(points_database, "0" * 20)
    order_after, _ = await check_in(points_database, second.code)
    assert order_after.state == "fulfilled"


async def test_tickets_with_a_money_part_are_given_out_when_it_is_paid(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    prices = (Price(option="mixed", points=20, money=1_00),)
    await offer(points_database, reward("concert", kind="ticket", prices=prices))
    placed = await order(points_database, someone, "concert", goods=False)
    assert await tickets_of(points_database, placed.order_id, someone) == []
    async with points_database.transaction() as tx:
        paid = await fulfilment.pay(tx, TILL, placed.order_id, "wx-1")
    (ticket,) = await tickets_of(points_database, placed.order_id, someone)
    assert (paid.state, ticket.state) == ("accepted", "valid")


async def check_in(database: Database, code: str, key: str = "") -> tuple[Order, Ticket]:
    async with database.transaction() as tx:
        return await fulfilment.check_in(tx, OPERATOR, code, key)


async def test_cancelled_tickets_open_no_door_and_used_ones_cannot_be_cancelled(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward("concert", kind="ticket", points=10))
    placed = await order(points_database, someone, "concert", goods=False, quantity=2)
    other = await order(points_database, someone, "concert", goods=False, quantity=2)
    (code, *_) = [one.code for one in await tickets_of(points_database, placed.order_id, someone)]
    await undo(points_database, placed)
    with pytest.raises(TicketRevokedError):
        await check_in(points_database, code)
    (code, *_) = [one.code for one in await tickets_of(points_database, other.order_id, someone)]
    await check_in(points_database, code)
    with pytest.raises(AlreadyUsedError) as refused:
        await undo(points_database, other)
    assert (refused.value.kind, refused.value.state) == ("ticket", "used")
    assert await balance(points_database, someone) == 80


async def test_ticket_codes_cannot_be_read_after_erasure_but_still_open_the_door(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward("concert", kind="ticket", points=10))
    placed = await order(points_database, someone, "concert", goods=False)
    (ticket,) = await tickets_of(points_database, placed.order_id, someone)
    await value(points_database, "UPDATE data_keys SET key_id = '', wrapped = '' RETURNING 1")
    (erased,) = await tickets_of(points_database, placed.order_id, someone)
    assert erased.code == ""
    order_after, _ = await check_in(points_database, ticket.code)
    assert order_after.state == "fulfilled"


def test_ticket_codes_are_found_however_they_are_typed() -> None:
    assert code_hash("O1l-23 abc") == code_hash("01123ABC")
    assert written("0123456789ABCDEFGHJK") == "01234-56789-ABCDE-FGHJK"
    assert masked("0123456789ABCDEFGHJK") == "****HJK"


async def test_fulfilled_coupon_order_knows_no_other_way(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await template(points_database, "ten-off")
    await offer(points_database, reward("ten", kind="coupon", coupon_template="ten-off", points=20))
    placed = await order(points_database, someone, "ten", goods=False)
    with pytest.raises(BadTransitionError) as refused:
        await undo(points_database, placed, "returned")
    assert vars(refused.value)["allowed"] == ["cancelled"]


async def test_above_the_programmes_limit_the_members_grant_is_needed_once(points_database: Database) -> None:
    someone = await member(points_database, (1_000, None))
    await offer(points_database, reward(points=300))
    async with points_database.transaction() as tx:
        await policies.change(tx, OPERATOR, policies.REDEMPTION, {"pin_above_points": 299})
    with pytest.raises(GrantRequiredError):
        await order(points_database, someone)
    grant = Grant(
        grant_id=str(uuid4()),
        member_id=someone,
        purpose="redeem",
        max_points=300,
        expires_at=soon(0) + timedelta(minutes=5),
    )
    wanted = Wanted(member_id=someone, reward="mug", address=PERSON)
    async with points_database.transaction() as tx:
        await orders.order(tx, TILL, wanted, grant)
    async with points_database.transaction() as tx:
        with pytest.raises(GrantRefusedError):
            await orders.order(tx, TILL, wanted, grant)
    assert await balance(points_database, someone) == 700
