"""Points by day, and what is outstanding."""

import itertools
from datetime import date
from typing import Any

import pytest

from analytics.calendar.domain import Calendar, Range
from analytics.points_usage import handlers
from common.events import Event, event_of
from common.events.points import PointsRepriced
from common.storage import Database
from tests.analytics.builders import at, clawed_back, earned, hear, member, value, words

CALENDAR = Calendar(zone="Asia/Shanghai", first_day_of_week=1, today=date(2026, 5, 1))
SPRING = Range(first=date(2026, 3, 1), last=date(2026, 5, 31))


async def usage(database: Database, over: Range = SPRING, wallet: str = "points") -> handlers.PointsUsage:
    async with database.transaction() as tx:
        return await handlers.usage(tx, wallet, over, CALENDAR, "month")


async def test_outstanding_runs_through_the_months(analytics_database: Database) -> None:
    await hear(
        analytics_database,
        earned("lin", 1, 100, when="2026-02-28 12:00"),
        earned("lin", 2, 60, when="2026-03-05 12:00"),
        clawed_back("lin", 3, 30, when="2026-04-01 00:00"),
        earned("wang", 1, 5, when="2026-05-01 12:00"),
    )
    found = await usage(analytics_database)
    assert found.outstanding_before == 100
    assert [(one.finished, one.outstanding) for one in found.periods] == [(True, 160), (True, 130), (False, None)]
    assert (found.total.earned, found.total.clawed_back, found.outstanding_after) == (65, 30, 135)


async def test_a_shortfall_that_stays_as_debt_lowers_what_is_outstanding(analytics_database: Database) -> None:
    await hear(analytics_database, earned("lin", 1, 60), clawed_back("lin", 2, 90, shortfall=30))
    assert (await usage(analytics_database)).outstanding_after == -30


async def test_a_shortfall_that_is_written_off_is_owed_by_nobody(analytics_database: Database) -> None:
    await hear(analytics_database, earned("lin", 1, 60), clawed_back("lin", 2, 90, shortfall=30, policy="clamp"))
    found = await usage(analytics_database)
    assert (found.total.written_off, found.outstanding_after) == (30, 0)


def repriced(sequence: int, points: int, **more: Any) -> Event[Any]:
    data = PointsRepriced(
        member_id=member("lin"),
        sequence=sequence,
        points=points,
        balance=0,
        occurred_at=at("2026-03-01 12:00"),
        order_source="//shop",
        order_id="1",
        **more,
    )
    return event_of(data, source="//loyalty/points")


async def test_repricing_is_signed(analytics_database: Database) -> None:
    await hear(analytics_database, earned("lin", 1, 60), repriced(2, -20))
    found = await usage(analytics_database)
    assert (found.total.repriced, found.outstanding_after) == (-20, 40)


@pytest.mark.parametrize(("policy", "written_off"), [("allow_negative", 0), ("clamp", 50), ("pending_only", 50)])
async def test_what_a_lowering_could_not_take_goes_by_the_policy(
    analytics_database: Database, policy: str, written_off: int
) -> None:
    lowered = repriced(2, -100, shortfall=50, policy=policy)
    await hear(analytics_database, earned("lin", 1, 200), lowered)
    found = await usage(analytics_database)
    assert (found.total.repriced, found.total.written_off) == (-100, written_off)
    assert found.outstanding_after == 100 + written_off


async def test_wallets_are_apart(analytics_database: Database) -> None:
    await hear(analytics_database, earned("lin", 1, 60), earned("lin", 1, 7, wallet="growth"))
    assert (await usage(analytics_database)).total.earned == 60
    assert (await usage(analytics_database, wallet="growth")).total.earned == 7


async def test_a_movement_counts_once(analytics_database: Database) -> None:
    await hear(analytics_database, earned("lin", 1, 60))
    assert words(await hear(analytics_database, earned("lin", 1, 60))) == [("duplicate", "")]
    assert words(await hear(analytics_database, earned("lin", 1, 61))) == [("dead", "movement_reused")]
    assert (await usage(analytics_database)).total.earned == 60


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_movements_come_in_any_order(analytics_database: Database, order: tuple[int, ...]) -> None:
    events = [earned("lin", 1, 60), clawed_back("lin", 2, 10), earned("lin", 3, 5)]
    for place in order:
        await hear(analytics_database, events[place])
    assert (await usage(analytics_database)).outstanding_after == 55


async def test_folding_keeps_the_sums(analytics_database: Database) -> None:
    for sequence in range(1, 6):
        await hear(analytics_database, earned("lin", sequence, 10))
    async with analytics_database.transaction() as tx:
        await handlers.fold(tx)
    assert await value(analytics_database, "SELECT count(*) FROM points_days") == 1
    assert (await usage(analytics_database)).total.earned == 50


async def test_the_largest_credits_add_up(analytics_database: Database) -> None:
    most = 2**63 - 1
    await hear(analytics_database, earned("lin", 1, most), earned("lin", 2, most))
    assert (await usage(analytics_database)).total.earned == 2 * most
