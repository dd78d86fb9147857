"""Rules 1 to 8 of the semantics in order, each by its own figures, through the handlers and the API.

Where a rule speaks of any order or any split, a property says so elsewhere; the docstring names it.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from common.events import Contract, Event, event_of
from common.events.activities import ActivityCompleted
from common.events.purchases import PurchaseLine
from common.storage import Database
from tests.points.conftest import Client
from tests.points.redemption.world import account
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
    rows,
    rule,
    tiers,
    value,
    words,
)


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
    facts: dict[str, Any] = {"discount": 20_00, "tax": 11_00, "delivery": 8_00}
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
