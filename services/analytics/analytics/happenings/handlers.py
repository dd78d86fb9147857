"""Events about coupons, rewards, incentives and rules become rows, once each; and what they came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from analytics.calendar.domain import Calendar, Period, Range, day_of
from analytics.happenings import domain, store
from analytics.happenings.domain import HappeningPeriod, Line, Tally
from analytics.happenings.facts_of import happening, moment
from common.events import Event
from common.messaging import Outcome, duplicate
from common.storage import Transaction
from common.storage.programme import programme


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Each subject, all together, and the periods of a range; `names` by (about, subject)."""

    lines: Sequence[Line]
    names: Mapping[tuple[str, str], str]
    total: Mapping[str, Tally]
    periods: Sequence[HappeningPeriod]


async def coupons_happened(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _keep(tx, events)


async def rewards_happened(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _keep(tx, events)


async def streaks_reached(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _keep(tx, events)


async def tasks_happened(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _keep(tx, events)


async def badges_happened(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _keep(tx, events)


async def draws_happened(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _keep(tx, events)


async def rules_happened(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _keep(tx, events)


async def budgets_exhausted(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _keep(tx, events)


async def points_expiring(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _keep(tx, events)


async def returns_set_aside(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _keep(tx, events)


async def happened(tx: Transaction, about: Sequence[str], over: Range, calendar: Calendar, period: Period) -> Happened:
    """Raises RangeTooLongError."""
    calendar.spans(over, period)
    counted = await store.counted(tx, about, over)
    return Happened(
        lines=domain.lines(counted),
        names=await store.names(tx, about),
        total=domain.totals(counted),
        periods=domain.series(counted, over, calendar, period),
    )


async def names(tx: Transaction, about: str) -> dict[str, str]:
    """The latest name of each subject of one kind of things."""
    return {subject: name for (_, subject), name in (await store.names(tx, [about])).items()}


async def move_days(tx: Transaction, *, zone: str, limit: int) -> int:
    """Take up to `limit` happenings to their day in `zone`; returns how many were moved."""
    return await store.move(tx, zone=zone, limit=limit)


async def _keep(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    zone = (await programme(tx)).time_zone
    local = ZoneInfo(zone)
    ordered = sorted(events, key=lambda event: (event.source, event.id))
    facts = [happening(event, day_of(moment(event), local)) for event in ordered]
    new = await store.insert(tx, facts, zone=zone) if facts else set()
    return [duplicate(event) for event in ordered if (event.source, event.id) not in new]
