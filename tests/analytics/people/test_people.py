"""Members' attributes and tiers: the highest revision holds."""

import asyncio
from datetime import datetime
from itertools import permutations

import pytest

from analytics.people.domain import TierSpan, spans
from common.storage import Database
from tests.analytics.builders import at, hear, hear_in, registered, tier_changed, value

REGION = "SELECT region FROM members"
TIERS = "SELECT string_agg(tier, ' ' ORDER BY since) FROM tier_spans"


@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
async def test_the_highest_revision_holds_in_any_order(analytics_database: Database, order: tuple[int, ...]) -> None:
    states = [registered("lin", revision=number + 1, region=f"region {number + 1}") for number in range(3)]
    for place in order:
        await hear(analytics_database, states[place])
    assert await value(analytics_database, REGION) == "region 3"


async def test_of_two_revisions_in_a_batch_the_higher_holds(analytics_database: Database) -> None:
    await hear(analytics_database, registered("lin", revision=2, region="b"), registered("lin", revision=1, region="a"))
    assert await value(analytics_database, REGION) == "b"


async def test_a_newer_tier_history_replaces_the_whole_older_one(analytics_database: Database) -> None:
    late = tier_changed("lin", ("base", "2026-01-01"), ("gold", "2026-02-01"), revision=2)
    early = tier_changed("lin", ("base", "2026-01-01"), ("silver", "2026-03-01"), revision=1)
    await hear(analytics_database, late)
    await hear(analytics_database, early)
    assert await value(analytics_database, TIERS) == "base gold"
    await hear(analytics_database, tier_changed("lin", ("base", "2026-01-01"), revision=3))
    assert await value(analytics_database, TIERS) == "base"


async def test_two_workers_with_the_same_members_in_opposite_order_do_not_deadlock(
    analytics_database: Database,
) -> None:
    names = [f"member {number}" for number in range(50)]

    async def worker(revision: int) -> None:
        for name in names if revision % 2 else reversed(names):
            async with analytics_database.transaction() as tx:
                await hear_in(tx, [registered(name, revision=revision), tier_changed(name, ("base", "2026-01-01"))])

    await asyncio.gather(*(worker(revision) for revision in range(1, 5)))
    assert await value(analytics_database, "SELECT min(revision) FROM members") == 4


def test_spans_join_each_other() -> None:
    january, march = at("2026-01-01"), at("2026-03-01")
    assert spans([("base", january), ("gold", march)]) == [
        TierSpan(tier="base", since=january, until=march),
        TierSpan(tier="gold", since=march, until=None),
    ]


def test_of_two_tiers_since_one_instant_the_later_holds() -> None:
    since: datetime = at("2026-01-01")
    assert spans([("base", since), ("gold", since)]) == [TierSpan(tier="gold", since=since, until=None)]
