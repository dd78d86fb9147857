"""Movements of points become facts, counted by day in the same transaction; and what they came to."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from analytics.calendar.domain import Calendar, Period, Range, day_of
from analytics.facts.handlers import once
from analytics.points_usage import domain, store
from analytics.points_usage.domain import MovementFact, PointsPeriod, PointsSums
from common.events import Event
from common.events.points import PointsClawedBack, PointsEarned, PointsRepriced
from common.messaging import Outcome
from common.storage import Transaction
from common.storage.programme import programme

Moved = TypeVar("Moved", PointsEarned, PointsClawedBack, PointsRepriced)

FOLD_LIMIT = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsUsage:
    """Sums over a range, what was outstanding before and after it, and the periods in it."""

    total: PointsSums
    outstanding_before: int
    outstanding_after: int
    periods: Sequence[PointsPeriod]


async def points_earned(tx: Transaction, events: Sequence[Event[PointsEarned]]) -> Sequence[Outcome]:
    return await _keep(tx, events, _earned)


async def points_clawed_back(tx: Transaction, events: Sequence[Event[PointsClawedBack]]) -> Sequence[Outcome]:
    return await _keep(tx, events, _clawed_back)


async def points_repriced(tx: Transaction, events: Sequence[Event[PointsRepriced]]) -> Sequence[Outcome]:
    return await _keep(tx, events, _repriced)


async def usage(tx: Transaction, wallet: str, over: Range, calendar: Calendar, period: Period) -> PointsUsage:
    """Raises RangeTooLongError."""
    calendar.spans(over, period)
    days = await store.days(tx, wallet, over)
    before = (await store.before(tx, wallet, over.first)).outstanding
    total = domain.summed(days.values())
    return PointsUsage(
        total=total,
        outstanding_before=before,
        outstanding_after=before + total.outstanding,
        periods=domain.series(days, before, over, calendar, period),
    )


async def everything(tx: Transaction, wallet: str = "points") -> tuple[PointsSums, datetime | None]:
    """All movements of one wallet type, and when the last was recorded."""
    return await store.everything(tx, wallet)


async def fold(tx: Transaction) -> None:
    """Job: make one row of each day's many."""
    await store.fold(tx, limit=FOLD_LIMIT)


async def move_days(tx: Transaction, *, zone: str, limit: int) -> int:
    """Take up to `limit` movements to their day in `zone`; returns how many were moved."""
    rows = await store.stale(tx, zone=zone, limit=limit)
    if not rows:
        return 0
    days = await store.move(tx, rows, zone=zone)
    changes = []
    for row, day in zip(rows, days, strict=True):
        if row.day != day:
            there = domain.PointsCounted(
                day=day,
                wallet=row.wallet,
                movements=1,
                earned=row.points if row.kind == "earned" else 0,
                clawed_back=row.points if row.kind == "clawed_back" else 0,
                repriced=row.points if row.kind == "repriced" else 0,
                written_off=row.written_off,
            )
            changes += [there, _negative(there, row.day)]
    if changed := domain.folded(changes):
        await store.add(tx, changed, moved=True)
    return len(rows)


async def _keep(
    tx: Transaction, events: Sequence[Event[Moved]], fact_of: Callable[[Event[Moved], date], MovementFact]
) -> Sequence[Outcome]:
    zone = (await programme(tx)).time_zone
    local = ZoneInfo(zone)

    async def insert(first: Sequence[Event[Moved]]) -> Collection[store.Key]:
        facts = [fact_of(event, day_of(event.data.occurred_at, local)) for event in first]
        new = await store.insert(tx, facts, zone=zone)
        fresh = [fact for fact in facts if (fact.member_id, fact.wallet, fact.sequence) in new]
        if counted := domain.folded(map(domain.counted, fresh)):
            await store.add(tx, counted)
        return new

    return await once(
        events,
        key=lambda event: (event.data.member_id, event.data.wallet, event.data.sequence),
        insert=insert,
        known=lambda keys: store.known(tx, keys),
        reused="movement_reused",
    )


def _earned(event: Event[PointsEarned], day: date) -> MovementFact:
    data = event.data
    return MovementFact(
        member_id=data.member_id,
        wallet=data.wallet,
        sequence=data.sequence,
        kind="earned",
        points=data.points,
        written_off=0,
        balance=data.balance,
        debt=data.debt,
        occurred_at=data.occurred_at,
        day=day,
        order_source=data.order_source or "",
        order_id=data.order_id or "",
        rule=data.rule,
        rule_version=data.rule_version,
        body_hash=event.body_hash,
    )


def _clawed_back(event: Event[PointsClawedBack], day: date) -> MovementFact:
    data = event.data
    return MovementFact(
        member_id=data.member_id,
        wallet=data.wallet,
        sequence=data.sequence,
        kind="clawed_back",
        points=data.points,
        written_off=domain.written_off(data.shortfall, data.policy),
        balance=data.balance,
        debt=data.debt,
        occurred_at=data.occurred_at,
        day=day,
        order_source=data.order_source or "",
        order_id=data.order_id or "",
        rule="",
        rule_version=0,
        body_hash=event.body_hash,
    )


def _repriced(event: Event[PointsRepriced], day: date) -> MovementFact:
    data = event.data
    return MovementFact(
        member_id=data.member_id,
        wallet=data.wallet,
        sequence=data.sequence,
        kind="repriced",
        points=data.points,
        written_off=domain.written_off(data.shortfall, data.policy),
        balance=data.balance,
        debt=data.debt,
        occurred_at=data.occurred_at,
        day=day,
        order_source=data.order_source,
        order_id=data.order_id,
        rule="",
        rule_version=0,
        body_hash=event.body_hash,
    )


def _negative(there: domain.PointsCounted, day: date) -> domain.PointsCounted:
    return replace(
        there,
        day=day,
        movements=-there.movements,
        earned=-there.earned,
        clawed_back=-there.clawed_back,
        repriced=-there.repriced,
        written_off=-there.written_off,
    )
