"""Limits and budgets on a real database: exact under concurrent workers, given back by returns to the same period."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from common.events import Event
from common.events.purchases import PurchaseLine, RefundLine
from common.storage import Database
from tests.points.activities.test_activities import did
from tests.points.world import (
    PAYLOADS,
    day,
    happen,
    member,
    programme,
    purchase,
    refund,
    rows,
    rule,
    tiers,
    value,
)
from tests.servers import patient

USED = "SELECT rule, holder, period, points, uses FROM limit_usage ORDER BY rule, period, points"
NOBODY = UUID(int=0)
CONNECTIONS = 30


def to(amount: int, *, scope: str = "member", period: str = "ever", unit: str = "points") -> dict[str, Any]:
    return {"scope": scope, "period": period, "unit": unit, "amount": amount}


async def only(database: Database, key: str, effect: dict[str, Any], **definition: Any) -> None:
    """This rule and no purchase rate."""
    await rule(database, "purchase_rate", {"kind": "rate", "points": 0, "per_minor_units": 100})
    await rule(database, key, effect, **definition)


async def sum_of_points(database: Database) -> int:
    return int(await value(database, "SELECT COALESCE(sum(balance), 0) FROM wallets WHERE wallet = 'points'"))


async def used(database: Database) -> list[tuple[str, str, int, int]]:
    return [(one.rule, one.period, one.points, one.uses) for one in await rows(database, USED)]


async def at_once(database: Database, events: Sequence[Event[Any]]) -> None:
    """Each in a transaction of its own, as many at the same time as the server has connections for."""
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    many = patient(url, "points", CONNECTIONS)
    turn = asyncio.Semaphore(CONNECTIONS)

    async def one(event: Event[Any]) -> None:
        async with turn:
            await happen(many, event)

    try:
        await asyncio.gather(*map(one, events))
    finally:
        await many.close()


async def test_monthly_limit_cuts_and_begins_anew_in_the_programmes_zone(points_database: Database) -> None:
    await only(
        points_database, "rate", {"kind": "rate", "points": 1, "per_minor_units": 100}, limits=[to(150, period="month")]
    )
    someone = await member(points_database)
    late = datetime(2025, 3, 31, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
    april = datetime(2025, 3, 31, 16, 0, tzinfo=UTC)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(0)), purchase(someone, "b", 100_00, at=late))
    assert await sum_of_points(points_database) == 150
    await happen(points_database, purchase(someone, "c", 100_00, at=april))
    assert await sum_of_points(points_database) == 250
    assert await used(points_database) == [("rate", "month:2025-03", 150, 2), ("rate", "month:2025-04", 100, 1)]


async def test_limit_per_order_needs_no_row(points_database: Database) -> None:
    await only(
        points_database, "rate", {"kind": "rate", "points": 1, "per_minor_units": 100}, limits=[to(30, scope="order")]
    )
    someone = await member(points_database)
    await happen(points_database, *(purchase(someone, key, 100_00) for key in "ab"))
    assert await sum_of_points(points_database) == 60
    assert await used(points_database) == []


async def test_uses_a_day_and_a_week_from_the_programmes_first_day(points_database: Database) -> None:
    await happen(points_database, programme(first_day_of_week=7))
    await only(
        points_database,
        "gift",
        {"kind": "fixed", "points": 10},
        limits=[to(1, period="day", unit="uses"), to(2, period="week", unit="uses")],
    )
    someone = await member(points_database)
    # day(0) is a Monday; with weeks from Sunday, day(-1) is of the same week and day(6) of the next
    for number, key in enumerate(("a", "b", "c", "d", "e")):
        await happen(points_database, purchase(someone, key, 1_00, at=day((-1, -1, 0, 1, 6)[number])))
    assert await sum_of_points(points_database) == 30
    assert ("gift", "week:2025-03-09", 20, 2) in await used(points_database)


async def test_return_gives_back_to_the_period_it_was_taken_from(points_database: Database) -> None:
    await only(
        points_database,
        "rate",
        {"kind": "rate", "points": 1, "per_minor_units": 100},
        limits=[to(100, period="month"), to(5, unit="uses")],
    )
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(0)))
    await happen(points_database, refund("a", "r1", 33_33, at=day(40)))
    assert ("rate", "month:2025-03", 67, 1) in await used(points_database)
    await happen(points_database, refund("a", "r2", 66_67, at=day(41)))
    assert await used(points_database) == [("rate", "ever", 0, 0), ("rate", "month:2025-03", 0, 0)]
    await happen(points_database, purchase(someone, "b", 80_00, at=day(1)))
    assert ("rate", "month:2025-03", 80, 1) in await used(points_database)


TEA_AND_CUP = (
    PurchaseLine(sku="tea", category="tea", quantity=1, amount=60_00),
    PurchaseLine(sku="cup", category="ware", quantity=1, amount=40_00),
)
FOR_TEA = {"lines": {"categories": ["tea"]}}


@pytest.mark.parametrize(
    ("effect", "base"),
    [
        ({"kind": "rate", "points": 1, "per_minor_units": 100, **FOR_TEA}, {}),
        ({"kind": "multiplier", "factor": "2", **FOR_TEA}, {}),
        ({"kind": "multiplier", "factor": "2"}, FOR_TEA),
    ],
)
async def test_line_that_comes_back_gives_back_what_of_the_budget_was_for_it(
    points_database: Database, effect: dict[str, Any], base: dict[str, Any]
) -> None:
    """The cup earned nothing by this rule: its return must leave nothing to others, the tea's must leave all."""
    await rule(points_database, "purchase_rate", {"kind": "rate", "points": 1, "per_minor_units": 100, **base})
    await rule(points_database, "tea", effect, limits=[to(60, scope="budget")])
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, lines=TEA_AND_CUP))
    await happen(points_database, refund("a", "r1", 40_00, lines=(RefundLine(sku="cup", quantity=1, amount=40_00),)))
    assert await used(points_database) == [("tea", "ever", 60, 1)]
    # Priced again, it still knows what came back of which line.
    await happen(points_database, tiers(someone, 1, ("gold", day(-5))))
    assert await used(points_database) == [("tea", "ever", 60, 1)]
    await happen(points_database, refund("a", "r2", 60_00, lines=(RefundLine(sku="tea", quantity=1, amount=60_00),)))
    assert await used(points_database) == [("tea", "ever", 0, 0)]


async def test_return_before_its_purchase_gives_back_all_the_same(points_database: Database) -> None:
    await only(
        points_database,
        "rate",
        {"kind": "rate", "points": 1, "per_minor_units": 100},
        limits=[to(1_000, scope="budget")],
    )
    someone = await member(points_database)
    await happen(points_database, refund("a", "r", 40_00))
    await happen(points_database, purchase(someone, "a", 100_00))
    assert await used(points_database) == [("rate", "ever", 60, 1)]


async def test_hundred_members_at_once_never_take_more_than_the_budget(points_database: Database) -> None:
    await only(
        points_database,
        "gift",
        {"kind": "fixed", "points": 30},
        limits=[to(1_000, scope="budget"), to(20, scope="budget", period="month", unit="uses")],
    )
    await rule(points_database, "other", {"kind": "fixed", "points": 7}, limits=[to(500, scope="budget")])
    people = [await member(points_database) for _ in range(100)]
    await at_once(points_database, [purchase(someone, f"o{number}", 1_00) for number, someone in enumerate(people)])
    assert await sum_of_points(points_database) == 20 * 30 + 500
    assert sorted(await used(points_database)) == [
        ("gift", "ever", 600, 20),
        ("gift", "month:2025-03", 600, 20),
        ("other", "ever", 500, 72),
    ]
    told = [
        json.loads(one.body)
        for one in await rows(points_database, f"{PAYLOADS} WHERE routing_key = 'budget.exhausted.v1'")
    ]
    assert sorted((one["rule"], one["budget"], one["resets_at"]) for one in told) == [
        ("gift", 20, "2025-03-31T16:00:00Z"),
        ("other", 500, None),
    ]


async def test_exhausted_budget_pays_again_after_a_return_and_is_told_again(points_database: Database) -> None:
    gift = {"kind": "fixed", "points": 60}
    await only(points_database, "gift", gift, limits=[to(100, scope="budget")], names={"zh-CN": "新年礼"})
    first, second = await member(points_database), await member(points_database)
    await happen(points_database, purchase(first, "a", 1_00), purchase(second, "b", 1_00), purchase(second, "c", 1_00))
    assert await sum_of_points(points_database) == 100
    await happen(points_database, refund("a", "r", 1_00))
    await happen(points_database, purchase(second, "d", 1_00))
    assert await sum_of_points(points_database) == 100
    told = await rows(points_database, f"{PAYLOADS} WHERE routing_key = 'budget.exhausted.v1'")
    assert [json.loads(one.body)["name"] for one in told] == ["新年礼", "新年礼"]
    assert await used(points_database) == [("gift", "ever", 100, 2)]


async def test_ten_workers_with_returns_keep_usage_and_takings_in_step(points_database: Database) -> None:
    await only(
        points_database,
        "rate",
        {"kind": "rate", "points": 1, "per_minor_units": 100},
        limits=[to(700, scope="budget", period="month"), to(90, period="day")],
    )
    people = [await member(points_database) for _ in range(10)]

    async def live(number: int, someone: UUID) -> None:
        for turn in range(4):
            await happen(points_database, purchase(someone, f"{number}-{turn}", 50_00, at=day(turn // 2)))
            if turn % 2:
                await happen(points_database, refund(f"{number}-{turn}", f"r{number}-{turn}", 25_00, at=day(turn)))

    await asyncio.gather(*(live(number, someone) for number, someone in enumerate(people)))
    (budget,) = await rows(points_database, f"SELECT points, uses FROM limit_usage WHERE holder = '{NOBODY}'")
    assert budget.points <= 700
    assert budget.points == await sum_of_points(points_database)
    off = """
        SELECT count(*) FROM limit_usage JOIN (
            SELECT rule, holder, period, sum(points - points_back) AS points, sum(uses - uses_back) AS uses
            FROM limit_takings GROUP BY rule, holder, period) AS taken USING (rule, holder, period)
        WHERE (limit_usage.points, limit_usage.uses) IS DISTINCT FROM (taken.points, taken.uses)
    """
    assert await value(points_database, off) == 0


@pytest.mark.parametrize("unit", ["points", "uses"])
async def test_new_version_goes_on_with_what_the_old_one_used(points_database: Database, unit: str) -> None:
    await only(points_database, "gift", {"kind": "fixed", "points": 1}, limits=[to(1, unit=unit)])
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 1_00))
    await rule(points_database, "gift", {"kind": "fixed", "points": 1}, limits=[to(2, unit=unit)])
    await happen(points_database, *(purchase(someone, key, 1_00) for key in "bc"))
    assert await sum_of_points(points_database) == 2


async def test_activities_at_once_share_a_budget_with_nothing_beyond_it_and_give_back_with_their_orders(
    points_database: Database,
) -> None:
    shared = {"kind": "activity", "activity": "shared"}
    await rule(
        points_database, "friend", {"kind": "fixed", "points": 30}, occasion=shared, limits=[to(250, scope="budget")]
    )
    buyer, friends = await member(points_database), [await member(points_database) for _ in range(20)]
    await happen(points_database, *(purchase(buyer, f"o{number}", 1_00) for number in range(20)))
    await at_once(
        points_database,
        [did(friend, f"a{number}", order_id=f"o{number}") for number, friend in enumerate(friends)],
    )
    earned = "SELECT COALESCE(sum(balance), 0) FROM wallets WHERE member_id = ANY(:friends)"
    assert await value(points_database, earned, friends=friends) == 250
    assert await used(points_database) == [("friend", "ever", 250, 9)]
    await at_once(points_database, [refund(f"o{number}", f"r{number}", 1_00) for number in range(20)])
    assert await value(points_database, earned, friends=friends) == 0
    assert await used(points_database) == [("friend", "ever", 0, 0)]
