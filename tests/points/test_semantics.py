"""Rules 1 to 20 of the semantics in order, each by its own figures, through the handlers and the API.

Where a rule speaks of any order or any split, a property says so elsewhere; the docstring names it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import DBAPIError

from common.events import Contract, Event, event_of
from common.events.activities import ActivityCompleted
from common.events.members import MemberUpdated
from common.events.purchases import PurchaseLine, RefundLine
from common.storage import Database
from points.checks import handlers as checks
from points.expiry import handlers as expiry
from tests.points.conftest import Client
from tests.points.redemption.world import account, cancel, hold, open_lots, redeem, rich, soon
from tests.points.world import (
    SHOP,
    balance,
    day,
    happen,
    member,
    programme,
    purchase,
    rate,
    refund,
    registered,
    rows,
    rule,
    tiers,
    value,
    words,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")


async def get(client: Client, path: str, status: int = 200, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


async def available(client: Client, someone: UUID, **query: Any) -> int:
    wallets = (await get(client, f"/v1/members/{someone}/balance", **query))["wallets"]
    return int(next(one for one in wallets if one["wallet"] == "points")["available"])


def did(someone: UUID, activity_id: str, activity: str, **facts: Any) -> Event[Contract]:
    data = ActivityCompleted(
        activity_id=activity_id, member_id=someone, activity=activity, **{"occurred_at": day(5), **facts}
    )
    return event_of(data, source=SHOP)


async def test_1_balance_can_be_asked_by_what_occurred_and_by_what_was_known(
    points_database: Database, operator: Client
) -> None:
    """Rule 1: occurred_at and recorded_at; history is never rewritten."""
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(0)))
    known = datetime.now(UTC)
    await happen(points_database, refund("a", "r", 40_00, at=day(1)))
    assert await available(operator, someone, as_of=day(2).isoformat()) == 60
    assert await available(operator, someone, as_of=day(2).isoformat(), recorded_until=known.isoformat()) == 100


async def test_2_the_same_again_counts_once_and_another_body_is_set_aside(points_database: Database) -> None:
    """Rule 2: a purchase by (source, order_id), a return by (source, return_id)."""
    someone = await member(points_database)
    bought, back = purchase(someone, "a", 100_00), refund("a", "r", 40_00)
    await happen(points_database, bought, back)
    again = [event_of(one.data, source=SHOP) for one in (bought, back)]
    assert words(await happen(points_database, *again)) == [("duplicate", ""), ("duplicate", "")]
    other = [purchase(someone, "a", 100_01), refund("a", "r", 40_01)]
    assert words(await happen(points_database, *other)) == [("dead", "order_id_reused"), ("dead", "return_id_reused")]
    assert await balance(points_database, someone) == (60, 0)


async def test_3_return_before_its_purchase_tier_after_it_and_a_purchase_weeks_late(points_database: Database) -> None:
    """Rule 3; any order of everything: repricing/test_any_order."""
    someone = await member(points_database)
    await rate(points_database, 1, 100, multipliers={"silver": "2"})
    await rate(points_database, 5, 100, effective_from=day(20))
    await happen(points_database, refund("late", "r", 40_00, at=day(3)))
    await happen(points_database, purchase(someone, "now", 10_00, at=day(30)))
    assert await balance(points_database, someone) == (50, 0)
    await happen(points_database, purchase(someone, "late", 100_00, at=day(2)))
    assert await balance(points_database, someone) == (50 + 60, 0)
    await happen(points_database, tiers(someone, 1, ("silver", day(1)), ("base", day(10))))
    assert await balance(points_database, someone) == (50 + 120, 0)


async def test_4_goods_of_200_less_10_percent_of_which_30_by_gift_card_earn_on_180(points_database: Database) -> None:
    """Rule 4: what it is paid with does not lower the basis; tax and delivery by a switch."""
    someone = await member(points_database)
    facts = {"discount": 20_00, "tax": 11_00, "delivery": 8_00}
    await happen(points_database, purchase(someone, "a", 200_00, **facts))
    assert await value(points_database, "SELECT basis FROM purchases") == 180_00
    assert await balance(points_database, someone) == (180, 0)
    await happen(points_database, programme(earn_on_tax=True, earn_on_delivery=True))
    await happen(points_database, purchase(someone, "b", 200_00, **facts))
    assert await value(points_database, "SELECT basis FROM purchases WHERE order_id = 'b'") == 199_00


@pytest.mark.parametrize(("rounding", "whole"), [("floor", 24), ("half_up", 25), ("ceil", 25)])
async def test_5_33_at_1_per_2_times_one_and_a_half_is_24_75(
    points_database: Database, rounding: str, whole: int
) -> None:
    """Rule 5: rounded once, after all rates and multipliers; parts of lines add up to the whole. Any split:
    evaluation/test_sums.
    """
    someone = await member(points_database)
    await happen(points_database, programme(rounding=rounding))
    await rate(points_database, 1, 2_00, multipliers={"base": "1.5"})
    lines = tuple(PurchaseLine(sku=sku, amount=11_00) for sku in "xyz")
    await happen(points_database, purchase(someone, "a", 33_00, lines=lines))
    assert await balance(points_database, someone) == (whole, 0)
    (split,) = await rows(points_database, "SELECT by_line FROM accruals")
    assert list(split.by_line) == ([8, 8, 8] if whole == 24 else [9, 8, 8])


async def test_6_exclusive_groups_multipliers_and_limits_that_cut_last(
    points_database: Database, operator: Client
) -> None:
    """Rule 6: rates add (100 + 100), a multiplier doubles rates (400), not the fixed 130 of which 30 are cut."""
    someone = await member(points_database)
    await rule(points_database, "more", {"kind": "rate", "points": 1, "per_minor_units": 100})
    await rule(points_database, "double", {"kind": "multiplier", "factor": "2"})
    await rule(points_database, "small", {"kind": "fixed", "points": 90}, stacking={"group": "bonus"})
    best = [{"scope": "member", "unit": "points", "amount": 100}]
    await rule(points_database, "best", {"kind": "fixed", "points": 130}, stacking={"group": "bonus"}, limits=best)
    await happen(points_database, purchase(someone, "a", 100_00))
    assert await balance(points_database, someone) == (400 + 100, 0)
    found = await get(operator, "/v1/purchases/explain", source=SHOP, order_id="a")
    told = {one["rule"]: (one["reason"], one["facts"].get("cut"), one["facts"].get("by")) for one in found["outcomes"]}
    assert (told["best"], told["small"]) == (("fixed_cut", 30, None), ("beaten", None, "best"))
    await rule(points_database, "only", {"kind": "fixed", "points": 7}, stacking={"exclusive": True, "priority": 10})
    await happen(points_database, purchase(someone, "b", 100_00))
    assert await balance(points_database, someone) == (507, 0)


async def test_7_a_return_uses_the_version_its_purchase_earned_by(points_database: Database) -> None:
    """Rule 7: 100.00 at 1 per 1.00; today 9 per 1.00; a tenth that comes back takes 10."""
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    await rate(points_database, 9, 100)
    await happen(points_database, refund("a", "r", 10_00))
    assert await balance(points_database, someone) == (90, 0)
    with pytest.raises(DBAPIError):
        await value(points_database, "UPDATE earning_rules SET version = 9 RETURNING 1")


async def test_8_points_wait_and_a_return_cancels_what_waits_first(points_database: Database) -> None:
    """Rule 8: 100 at once, 30 when the return window is closed; a return of 20 % takes 26 of the 30."""
    someone = await member(points_database)
    waiting = {"kind": "event", "event": "return_window_closed"}
    await rule(points_database, "later", {"kind": "fixed", "points": 30}, waiting=waiting)
    await happen(points_database, purchase(someone, "a", 100_00))
    assert await account(points_database, someone) == (100, 0, 30, 0)
    await happen(points_database, refund("a", "r", 20_00))
    assert await account(points_database, someone) == (100, 0, 4, 0)
    await happen(points_database, did(someone, "w", "return_window_closed", order_id="a"))
    assert await account(points_database, someone) == (104, 0, 0, 0)


async def test_9_debits_take_the_earliest_expiring_lot_and_never_expiring_last(
    points_database: Database, operator: Client
) -> None:
    """Rule 9: of 50 for ever, 30 until later, 20 until soon, 60 are taken: all of soon, later, and 10."""
    someone = await rich(points_database, (50, None), (30, soon(days=2)), (20, soon(days=1)))
    await redeem(operator, someone, 60)
    assert await open_lots(points_database, someone) == [(40, None)]


async def test_10_points_are_gone_at_their_instant_though_no_sweep_ran_and_sweeping_twice_writes_once(
    points_database: Database, operator: Client
) -> None:
    """Rule 10: 31 January and one month is the end of February."""
    someone = await member(points_database)
    await happen(points_database, programme(expiry_months=1))
    earned = datetime(2025, 1, 31, 12, 0, tzinfo=SHANGHAI)
    await happen(points_database, purchase(someone, "a", 100_00, at=earned))
    gone = datetime(2025, 2, 28, 12, 0, tzinfo=SHANGHAI)
    assert await value(points_database, "SELECT expires_at FROM lots") == gone
    before = (gone - timedelta(microseconds=1)).astimezone(UTC).isoformat()
    assert await available(operator, someone, as_of=before) == 100
    assert await available(operator, someone, as_of=gone.astimezone(UTC).isoformat()) == 0
    assert await available(operator, someone) == 0
    for _ in range(2):
        async with points_database.transaction() as tx:
            await expiry.sweep_some(tx, 100)
    assert await value(points_database, "SELECT count(*) FROM transfers WHERE kind = 'expired'") == 1


async def test_11_of_two_holds_for_the_same_points_one_wins(points_database: Database, operator: Client) -> None:
    """Rule 11; a hundred at the same time: redemption/test_at_once."""
    someone = await rich(points_database, (100, None))
    await hold(operator, someone, 70)
    refused = await hold(operator, someone, 70, 409)
    assert (refused["code"], refused["balance"], refused["need"]) == ("insufficient_points", 30, 70)


async def test_12_a_cancelled_redemption_restores_its_lots_with_their_expiry(
    points_database: Database, operator: Client
) -> None:
    """Rule 12; what expired meanwhile: redemption/test_giving_back_domain."""
    early, late = soon(days=1), soon(days=9)
    someone = await rich(points_database, (40, early), (60, late))
    held = await hold(operator, someone, 80)
    await cancel(operator, held["redemption_id"], reason="changed mind")
    assert await open_lots(points_database, someone) == [(40, early), (60, late)]


async def test_13_lot_60_clawback_90_leaves_debt_30_and_50_more_a_balance_of_20(
    points_database: Database, operator: Client
) -> None:
    """Rule 13: 90 earned, 30 spent, all comes back; the next 50 repay the debt first."""
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 90_00))
    await redeem(operator, someone, 30)
    assert await open_lots(points_database, someone) == [(60, None)]
    await happen(points_database, refund("a", "r", 90_00))
    assert await balance(points_database, someone) == (0, 30)
    refused = await redeem(operator, someone, 1, 409)
    assert (refused["code"], refused["debt"]) == ("insufficient_points", 30)
    await happen(points_database, purchase(someone, "b", 50_00))
    assert await balance(points_database, someone) == (20, 0)
    assert await open_lots(points_database, someone) == [(20, None)]


async def test_14_parts_that_come_back_sum_to_the_whole_and_lines_to_theirs(points_database: Database) -> None:
    """Rule 14: of 10 points for 30.00 in thirds of 10.00: 3, 6, 10. Any split and order: accruals/test_taking_back."""
    someone = await member(points_database)
    await rate(points_database, 1, 3_00)
    await happen(points_database, purchase(someone, "a", 30_00))
    left = []
    for number in range(3):
        await happen(points_database, refund("a", f"r{number}", 10_00))
        left.append((await balance(points_database, someone))[0])
    assert left == [7, 4, 0]
    drinks = {"kind": "rate", "points": 2, "per_minor_units": 1_00, "lines": {"categories": ["drinks"]}}
    await rule(points_database, "drinks", drinks)
    lines = (
        PurchaseLine(sku="tea", category="drinks", amount=30_00),
        PurchaseLine(sku="cup", category="ware", amount=30_00),
    )
    await happen(points_database, purchase(someone, "b", 60_00, lines=lines))
    assert await balance(points_database, someone) == (20 + 60, 0)
    await happen(points_database, refund("b", "cup", 30_00, lines=(RefundLine(sku="cup", amount=30_00),)))
    assert await balance(points_database, someone) == (70, 0)
    assert words(await happen(points_database, refund("b", "more", 30_01))) == [("dead", "returned_more_than_bought")]


async def test_15_the_next_surviving_purchase_becomes_the_first_once(points_database: Database) -> None:
    """Rule 15; everything that follows a return: test_whole_story."""
    await rule(points_database, "welcome", {"kind": "fixed", "points": 50}, when={"kind": "first_purchase"})
    someone = await member(points_database)
    await happen(points_database, *(purchase(someone, order, 10_00, at=day(at)) for at, order in enumerate("abc")))
    for number in range(2):
        await happen(points_database, refund("a", f"r{number}", 5_00, at=day(9)))
    assert await balance(points_database, someone) == (20 + 50, 0)
    assert await value(points_database, "SELECT string_agg(order_id, ',') FROM purchases WHERE is_first") == "a,b"


async def test_16_growth_value_is_apart_from_points_and_cannot_be_spent(
    points_database: Database, operator: Client
) -> None:
    """Rule 16, the part of points: spending points leaves growth value as it is."""
    someone = await member(points_database)
    await rule(points_database, "growing", {"kind": "rate", "points": 1, "per_minor_units": 10_00}, wallet="growth")
    await happen(points_database, purchase(someone, "a", 100_00))
    await redeem(operator, someone, 100)
    assert (await balance(points_database, someone), await balance(points_database, someone, "growth")) == (
        (0, 0),
        (10, 0),
    )


async def test_17_a_purchase_earns_by_the_tier_held_strictly_before_it(points_database: Database) -> None:
    """Rule 17, the part of points: the temporary tier's end counts from its instant."""
    someone = await member(points_database)
    await rate(points_database, 1, 100, multipliers={"gold": "3"})
    await happen(points_database, tiers(someone, 1, ("gold", day(1)), ("base", day(5))))
    for order, at in (("at its start", day(1)), ("within", day(5)), ("after", day(5) + timedelta(seconds=1))):
        await happen(points_database, purchase(someone, order, 10_00, at=at))
    assert await balance(points_database, someone) == (10 + 30 + 10, 0)


async def test_18_a_merge_keeps_lots_and_is_undone(points_database: Database, operator: Client) -> None:
    """Rule 18: lots, not sums, with their expiries; never into itself."""
    early, late = soon(days=1), soon(days=9)
    stays, absorbed = await rich(points_database, (30, late)), await rich(points_database, (40, early))
    body = {"member_id": str(stays), "absorbed_member_id": str(absorbed)}
    answer = await operator.post("/v1/merges", json=body)
    assert answer.status_code == 201
    assert await open_lots(points_database, stays) == [(40, early), (30, late)]
    itself = await operator.post("/v1/merges", json={**body, "absorbed_member_id": str(stays)})
    assert (itself.status_code, itself.json()["code"]) == (409, "merge_into_itself")
    await operator.post(f"/v1/merges/{answer.json()['merge_id']}/undo", json={})
    assert await open_lots(points_database, stays) == [(30, late)]
    assert await open_lots(points_database, absorbed) == [(40, early)]


async def test_19_an_erased_members_ledger_still_balances(points_database: Database) -> None:
    """Rule 19: the key is gone for ever, the pseudonymous entries stay, and returns still find them."""
    someone = uuid4()
    await happen(points_database, registered(someone), purchase(someone, "a", 100_00))
    erased = MemberUpdated(member_id=someone, revision=2, registered_at=day(-400), status="erased")
    await happen(points_database, event_of(erased))
    assert await balance(points_database, someone) == (100, 0)
    await happen(points_database, refund("a", "r", 100_00))
    assert await balance(points_database, someone) == (0, 0)
    async with points_database.transaction() as tx:
        assert all(finding.holds for finding in await checks.look(tx))


async def test_20_movements_are_chained_and_the_database_refuses_to_change_them(
    points_database: Database, auditor: Client
) -> None:
    """Rule 20: one transfer from account to account; each row carries the hash of the one before."""
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00), refund("a", "r", 30_00))
    found = await rows(points_database, "SELECT from_account, to_account, points FROM transfers ORDER BY sequence")
    assert [tuple(row) for row in found] == [("issue", "wallet", 100), ("wallet", "clawback", 30)]
    assert (await get(auditor, f"/v1/members/{someone}/ledger/verify"))["holds"]
    assert (await get(auditor, "/v1/ledger/check"))["holds"]
    for statement in ("UPDATE transfers SET points = 1 RETURNING 1", "DELETE FROM transfers RETURNING 1"):
        with pytest.raises(DBAPIError):
            await value(points_database, statement)
