"""Movements of points become facts, counted by day in the same transaction; and what they came to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from analytics.calendar.domain import Calendar, Period, Range, day_of
from analytics.facts.handlers import once
from analytics.points_usage import domain, store
from analytics.points_usage.domain import PointsPeriod, PointsSums
from analytics.points_usage.facts_of import movement
from common.events import Event
from common.messaging import Outcome
from common.storage import Transaction
from common.storage.programme import programme

FOLD_LIMIT = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsUsage:
    """Sums over a range, what was outstanding before and after it, and the periods in it."""

    total: PointsSums
    outstanding_before: int
    outstanding_after: int
    waiting_after: int
    periods: Sequence[PointsPeriod]


async def points_moved(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    """Movements of one contract: each becomes a fact once, and is counted on its day and for its rules."""
    zone = (await programme(tx)).time_zone
    local = ZoneInfo(zone)

    async def insert(first: Sequence[Event[Any]]) -> Collection[store.Key]:
        facts = [movement(event, day_of(event.data.occurred_at, local)) for event in first]
        new = await store.insert(tx, facts, zone=zone)
        fresh = [fact for fact in facts if (fact.member_id, fact.wallet, fact.sequence) in new]
        if counted := domain.counted(fresh):
            await store.add(tx, counted)
        if by_rule := domain.by_rule(fresh):
            await store.add_rules(tx, by_rule)
        return new

    return await once(
        events,
        key=lambda event: (event.data.member_id, event.data.wallet, event.data.sequence),
        insert=insert,
        known=lambda keys: store.known(tx, keys),
        reused="movement_reused",
    )


async def usage(tx: Transaction, wallet: str, over: Range, calendar: Calendar, period: Period) -> PointsUsage:
    """Raises RangeTooLongError."""
    calendar.spans(over, period)
    days = await store.days(tx, wallet, over)
    before = await store.before(tx, wallet, over.first)
    total = domain.summed(days.values())
    return PointsUsage(
        total=total,
        outstanding_before=before.outstanding,
        outstanding_after=before.outstanding + total.outstanding,
        waiting_after=before.waiting + total.waiting,
        periods=domain.series(days, before.outstanding, over, calendar, period),
    )


async def by_rule(tx: Transaction, wallet: str, over: Range) -> Sequence[Any]:
    """`rule, version, day, credits, points` of each day of the range."""
    return await store.rule_days(tx, wallet, over)


async def everything(tx: Transaction, wallet: str = "points") -> tuple[PointsSums, datetime | None]:
    """All movements of one wallet type, and when the last was recorded."""
    return await store.everything(tx, wallet)


async def fold(tx: Transaction) -> None:
    """Job: make one row of each day's many."""
    await store.fold(tx, limit=FOLD_LIMIT)
    await store.fold_rules(tx, limit=FOLD_LIMIT)


async def move_days(tx: Transaction, *, zone: str, limit: int) -> int:
    """Take up to `limit` movements to their day in `zone`; returns how many were moved."""
    here = await store.stale(tx, zone=zone, limit=limit)
    if not here:
        return 0
    days = await store.move(tx, here, zone=zone)
    there = [replace(fact, day=day) for fact, day in zip(here, days, strict=True)]
    gone = [
        replace(
            one,
            movements=-one.movements,
            points=-one.points,
            written_off=-one.written_off,
            waiting=-one.waiting,
        )
        for one in domain.counted(here)
    ]
    if changed := domain.folded([*domain.counted(there), *gone]):
        await store.add(tx, changed, moved=True)
    if rules := [*domain.by_rule(there), *domain.by_rule(here, factor=-1)]:
        await store.add_rules(tx, rules)
    return len(here)
