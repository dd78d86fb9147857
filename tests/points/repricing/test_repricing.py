"""A late word on a tier corrects what was earned."""

from typing import Any
from uuid import uuid4

import pytest

from common.events.points import PointsRepriced
from common.storage import Database
from points.checks import handlers as checks
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, Cause, take
from tests.points.world import (
    NOON,
    PAYLOADS,
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
    tiers,
)

SOMEONE = uuid4()
GOLD = {"silver": "1.5", "gold": "2"}


async def repriced(database: Database) -> list[PointsRepriced]:
    found = await rows(database, f"{PAYLOADS} WHERE routing_key = 'points.repriced.v1' ORDER BY id")
    return [PointsRepriced.model_validate_json(row.body) for row in found]


async def factors(database: Database) -> list[tuple[Any, ...]]:
    sql = """
        SELECT order_id, tier, earned, taken_back FROM purchases JOIN accruals ON occasion_id = order_id
        ORDER BY order_id
    """
    found = await rows(database, sql)
    return [tuple(row) for row in found]


async def test_higher_tier_that_is_told_late_credits_the_difference(points_database: Database) -> None:
    await rate(points_database, multipliers=GOLD)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(5)), purchase(someone, "b", 100_00, at=day(0)))
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    assert await balance(points_database, someone) == (300, 0)
    assert await factors(points_database) == [("a", "gold", 200, 0), ("b", "base", 100, 0)]
    (event,) = await repriced(points_database)
    assert (event.points, event.balance, event.order_source, event.order_id) == (100, 300, SHOP, "a")
    assert (event.shortfall, event.policy) == (0, "allow_negative")
    (note,) = await rows(points_database, "SELECT * FROM repricings")
    assert (note.previous_tier, note.tier, note.previous_earned, note.earned, note.points) == (
        "base",
        "gold",
        100,
        200,
        100,
    )


async def test_lower_tier_that_is_told_late_takes_the_difference_from_the_purchases_own_lot(
    points_database: Database,
) -> None:
    await rate(points_database, multipliers=GOLD)
    someone = await member(points_database)
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    await happen(points_database, purchase(someone, "a", 100_00, at=day(5)), purchase(someone, "b", 10_00, at=day(1)))
    await happen(points_database, tiers(someone, 2, ("gold", day(0)), ("silver", day(3))))
    assert await balance(points_database, someone) == (170, 0)
    assert [event.points for event in await repriced(points_database)] == [-50]
    found = await rows(points_database, "SELECT order_id, remaining FROM lots ORDER BY order_id")
    assert [tuple(row) for row in found] == [("a", 150), ("b", 20)]


async def test_returned_share_is_respected(points_database: Database) -> None:
    await rate(points_database, multipliers=GOLD)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(5)))
    await happen(points_database, refund("a", "r", 25_00, at=day(6)))
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    assert await factors(points_database) == [("a", "gold", 200, 50)]
    assert await balance(points_database, someone) == (150, 0)
    await happen(points_database, refund("a", "r2", 75_00, at=day(7)))
    assert await balance(points_database, someone) == (0, 0)


async def test_tier_with_the_same_multiplier_moves_nothing_but_is_noted(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(5)))
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    assert await factors(points_database) == [("a", "gold", 100, 0)]
    assert await repriced(points_database) == []
    assert len(await rows(points_database, "SELECT * FROM repricings")) == 1


async def test_only_purchases_after_the_change_are_touched_and_only_once(points_database: Database) -> None:
    await rate(points_database, multipliers=GOLD)
    someone = await member(points_database)
    await happen(points_database, tiers(someone, 1, ("silver", day(0))))
    await happen(points_database, *(purchase(someone, f"o{at}", 100_00, at=day(at)) for at in range(1, 6)))
    for revision in (2, 3, 4):
        await happen(points_database, tiers(someone, revision, ("silver", day(0)), ("gold", day(3))))
    assert [event.order_id for event in await repriced(points_database)] == ["o4", "o5"]
    assert await balance(points_database, someone) == (3 * 150 + 2 * 200, 0)


async def test_several_corrections_of_one_purchase_are_all_kept(points_database: Database) -> None:
    await rate(points_database, multipliers=GOLD)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(5)))
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    await happen(points_database, tiers(someone, 2, ("silver", day(0))))
    await happen(points_database, tiers(someone, 3))
    found = await rows(points_database, "SELECT number, tier, points FROM repricings ORDER BY number")
    assert [tuple(row) for row in found] == [(1, "gold", 100), (2, "silver", -50), (3, "base", -50)]
    assert await balance(points_database, someone) == (100, 0)
    async with points_database.transaction() as tx:
        (chain,) = await ledger.verify(tx, someone)
    assert list(chain.breaks) == []


@pytest.mark.parametrize(
    ("policy", "after"),
    [("allow_negative", (0, 50)), ("clamp", (0, 0)), ("within_balance", (0, 0)), ("pending_only", (50, 0))],
)
async def test_correction_of_points_already_spent_goes_by_the_policy_and_the_ledger_holds(
    points_database: Database, policy: str, after: tuple[int, int]
) -> None:
    await rate(points_database, multipliers=GOLD)
    someone = await member(points_database)
    await happen(points_database, programme(negative_policy=policy), tiers(someone, 1, ("gold", day(0))))
    await happen(points_database, purchase(someone, "a", 100_00, at=day(5)))
    async with points_database.transaction() as tx:
        wallets = await ledger.lock(tx, [someone])
        wallet = wallets.of(someone, "points")
        await ledger.load_lots(tx, [wallet])
        take(wallet, 150, Cause("redeemed", "", "", "", NOON, tx.now), "redemption", ALLOW_NEGATIVE)
        await ledger.save(tx, wallets)
    await happen(points_database, tiers(someone, 2))
    assert await balance(points_database, someone) == after
    (event,) = await repriced(points_database)
    assert (event.points, event.shortfall, event.policy) == (-100, 50 + after[0], policy)
    async with points_database.transaction() as tx:
        (finding,) = await checks.look(tx)
    assert (finding.holds, finding.written_off) == (True, 0 if policy == "allow_negative" else 100 - 50 + after[0])


async def test_repricing_uses_the_version_of_the_purchase_not_todays(points_database: Database) -> None:
    await rate(points_database, multipliers=GOLD)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(5)))
    await rate(points_database, 9, 100, multipliers={"gold": "100"})
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    assert await balance(points_database, someone) == (200, 0)


async def test_correction_rounds_like_the_purchase_did(points_database: Database) -> None:
    await happen(points_database, programme(rounding="half_up"))
    await rate(points_database, 1, 2_00, multipliers={"gold": "1.5"})
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 33_00, at=day(5)))
    assert await balance(points_database, someone) == (17, 0)
    await happen(points_database, programme(2, rounding="floor"))
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    assert await balance(points_database, someone) == (25, 0)
