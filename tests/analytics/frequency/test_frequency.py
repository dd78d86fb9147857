"""How often members buy."""

from datetime import date
from decimal import Decimal

import pytest

from analytics.calendar.domain import Range
from analytics.frequency import handlers
from analytics.frequency.domain import MOST_PURCHASES, Buyers, Step, distribution, gaps, repeats
from common.storage import Database
from tests.analytics.builders import hear, purchase, refund

SPRING = Range(first=date(2026, 3, 1), last=date(2026, 5, 31))


async def frequency(database: Database, *, over: Range = SPRING, once: bool = False) -> handlers.Frequency:
    async with database.transaction() as tx:
        return await handlers.frequency(tx, over, same_day_once=once)


async def three_members(database: Database) -> None:
    """lin bought on two days, twice on the second; wang on three days; li once."""
    orders = [
        ("l1", "lin", "2026-03-01 10:00", 1_000),
        ("l2", "lin", "2026-03-11 10:00", 2_000),
        ("l3", "lin", "2026-03-11 11:00", 4_000),
        ("w1", "wang", "2026-03-01 10:00", 100),
        ("w2", "wang", "2026-03-31 10:00", 200),
        ("w3", "wang", "2026-04-30 10:00", 300),
        ("i1", "li", "2026-05-31 23:59", 9_000),
        ("out", "li", "2026-06-01 00:00", 9_000),
    ]
    events = [purchase(order, who=who, when=when, amount=amount) for order, who, when, amount in orders]
    await hear(database, *events, refund("r", "l2", amount=2_000))


async def test_members_are_counted_by_their_purchases(analytics_database: Database) -> None:
    await three_members(analytics_database)
    found = await frequency(analytics_database)
    assert [(step.purchases, step.members) for step in found.distribution] == [(1, 1), (3, 2)]
    assert (found.repeats.customers, found.repeats.purchases, found.repeats.repeat_purchases) == (3, 7, 4)
    assert (found.repeats.repeat_customers, found.repeats.repeat_rate) == (2, 0.6667)


async def test_orders_of_one_day_can_count_as_one(analytics_database: Database) -> None:
    await three_members(analytics_database)
    found = await frequency(analytics_database, once=True)
    assert [(step.purchases, step.members) for step in found.distribution] == [(1, 1), (2, 1), (3, 1)]
    assert (found.repeats.purchases, found.repeats.repeat_purchases) == (6, 3)


async def test_mean_repeat_spend_is_a_mean_of_members_means(analytics_database: Database) -> None:
    await three_members(analytics_database)
    found = await frequency(analytics_database, once=True)
    assert found.repeats.mean_repeat_spend == (6_000 + 250) / 2
    assert found.repeats.mean_repeat_order == round((6_000 + 200 + 300) / 3, 2)


async def test_days_between_purchases(analytics_database: Database) -> None:
    await three_members(analytics_database)
    found = await frequency(analytics_database)
    assert found.gaps.mean == (10 + 0 + 30 + 30) / 4
    assert found.gaps.percentiles[0.5] == 10
    assert {(wait.first, wait.last): wait.purchases for wait in found.gaps.waits if wait.purchases} == {
        (0, 0): 1,
        (8, 14): 1,
        (15, 30): 2,
    }


async def test_only_purchases_of_the_range_are_looked_at(analytics_database: Database) -> None:
    await three_members(analytics_database)
    found = await frequency(analytics_database, over=Range(first=date(2026, 3, 2), last=date(2026, 3, 31)))
    assert (found.repeats.customers, found.repeats.purchases, found.repeats.repeat_customers) == (2, 3, 1)


async def test_nobody_has_no_rates(analytics_database: Database) -> None:
    found = await frequency(analytics_database)
    assert (found.repeats.repeat_rate, found.repeats.mean_repeat_spend, found.gaps.mean) == (None, None, None)
    assert (list(found.distribution), dict(found.gaps.percentiles)) == ([], {})


def group(purchases: int, members: int) -> Buyers:
    return Buyers(purchases=purchases, members=members, mean_repeat_spends=Decimal(0), repeat_spend=0)


def test_members_with_very_many_purchases_share_the_last_step() -> None:
    steps = distribution([group(1, 5), group(MOST_PURCHASES + 1, 2), group(900, 1)])
    assert steps[-1] == Step(purchases=MOST_PURCHASES + 1, or_more=True, members=3)


def test_every_gap_is_in_exactly_one_class() -> None:
    counts = dict.fromkeys(range(1000), 1)
    assert sum(wait.purchases for wait in gaps(counts).waits) == 1_000


@pytest.mark.parametrize(("share", "days"), [(0.1, 0), (0.25, 2), (0.5, 4), (0.75, 7), (0.9, 8)])
def test_percentiles_of_gaps_are_days_that_happened(share: float, days: int) -> None:
    assert gaps(dict.fromkeys(range(10), 1)).percentiles[share] == days


def test_first_purchases_are_no_repeats() -> None:
    found = repeats([group(1, 10)])
    assert (found.repeat_customers, found.repeat_purchases, found.repeat_rate) == (0, 0, 0.0)
