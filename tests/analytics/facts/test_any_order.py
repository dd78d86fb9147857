"""The roll-ups equal what the facts add up to, after any order, any batches, with duplicates."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.calendar import handlers as calendar
from analytics.jobs import MOVERS
from analytics.proof import handlers as proof
from analytics.spend import handlers as spend
from common.events import Event
from common.storage import Database
from tests.analytics import builders
from tests.analytics.builders import hear, spend_days

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York")
TABLES = (
    "purchases, returns, spend_days, movements, points_days, rule_days, happenings, notices, notice_days, "
    "members, tier_histories, tier_spans, programme, rebuilds, proofs"
)
NIGHT = datetime(2026, 3, 28, 22, tzinfo=UTC)
"""Within the next hours clocks change in Berlin, and days begin in Shanghai, Berlin and New York."""

instants = st.integers(0, 40).map(lambda hours: NIGHT + timedelta(hours=hours, minutes=30))


@st.composite
def histories(draw: st.DrawFn) -> list[Event[Any]]:
    """Purchases and their returns, some of them of orders that never come."""
    events: list[Event[Any]] = []
    for number in range(draw(st.integers(1, 8))):
        amount = draw(st.integers(0, 10_000))
        bought = builders.purchase(
            f"order-{number}",
            who=draw(st.sampled_from(["lin", "wang"])),
            when=draw(instants),
            amount=amount,
            discount=draw(st.integers(0, amount)),
            channel=draw(st.sampled_from(["web", "shop", "公众号"])),
        )
        if draw(st.integers(0, 9)):
            events.append(bought)
        left = amount - bought.data.discount
        for place in range(draw(st.integers(0, 2))):
            if left:
                back = draw(st.integers(1, left))
                left -= back
                events.append(
                    builders.refund(f"return-{number}-{place}", f"order-{number}", when=draw(instants), amount=back)
                )
    return events


def recomputed(events: list[Event[Any]], zone: str) -> dict[tuple[date, str], tuple[int, ...]]:
    """What the days come to, written down without the code under test."""
    local = ZoneInfo(zone)
    bought = {event.data.order_id: event.data for event in events if event.type == "purchase.completed.v1"}
    days: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for data in bought.values():
        row = days[(data.occurred_at.astimezone(local).date(), data.channel)]
        row[0] += 1
        row[1] += data.amount
        row[2] += data.discount
    back = {event.data.return_id: event.data for event in events if event.type == "purchase.refunded.v1"}
    for data in back.values():
        if data.order_id in bought:
            row = days[(data.occurred_at.astimezone(local).date(), bought[data.order_id].channel)]
            row[3] += 1
            row[4] += data.amount
    return {key: tuple(row) for key, row in days.items() if any(row)}


async def empty(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(f"TRUNCATE {TABLES}")


def batches(events: list[Event[Any]], cuts: list[int]) -> list[list[Event[Any]]]:
    places = [0, *sorted({cut % (len(events) + 1) for cut in cuts}), len(events)]
    return [events[start:end] for start, end in pairwise(places) if start < end]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data(), story=histories(), zone=st.sampled_from(ZONES), cuts=st.lists(st.integers(0, 50), max_size=4))
async def test_days_do_not_depend_on_order_duplicates_or_batches(
    analytics_database: Database, data: st.DataObject, story: list[Event[Any]], zone: str, cuts: list[int]
) -> None:
    database = analytics_database
    await empty(database)
    await hear(database, builders.settings(1, time_zone=zone))
    again = data.draw(st.lists(st.sampled_from(story), max_size=6)) if story else []
    shuffled = data.draw(st.permutations(story + again))
    for batch in batches(list(shuffled), cuts):
        await hear(database, *batch)
        async with database.transaction() as tx:
            await spend.fold(tx)
    assert await spend_days(database) == recomputed(story, zone)
    async with database.transaction() as tx:
        assert all(not found.drifted for found in await proof.prove(tx))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(story=histories(), zones=st.lists(st.sampled_from(ZONES), min_size=2, max_size=2), cut=st.integers(0, 20))
async def test_days_follow_a_change_of_the_programmes_zone(
    analytics_database: Database, story: list[Event[Any]], zones: list[str], cut: int
) -> None:
    database = analytics_database
    await empty(database)
    await hear(database, builders.settings(1, time_zone=zones[0]))
    await hear(database, *story[:cut])
    await hear(database, builders.settings(2, time_zone=zones[1]))
    await hear(database, *story[cut:])
    async with database.transaction() as tx:
        await calendar.rebuild(tx, MOVERS)
    assert await spend_days(database) == recomputed(story, zones[1])


@pytest.mark.parametrize("zone", ZONES)
async def test_an_hour_that_comes_twice_is_on_one_day(analytics_database: Database, zone: str) -> None:
    autumn = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    await hear(analytics_database, builders.settings(1, time_zone=zone))
    events = [
        builders.purchase(str(hour), when=autumn - timedelta(days=400) + timedelta(hours=hour)) for hour in range(30)
    ]
    await hear(analytics_database, *events)
    assert await spend_days(analytics_database) == recomputed(events, zone)
