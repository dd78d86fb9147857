"""What happened by subject and day: how often, how many, how many points, how much money."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from analytics.calendar.domain import Calendar, Period, Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event. `about` and `kind` are words, `subject` is what is counted (a template, a reward, a rule)."""

    source: str
    event_id: str
    about: str
    kind: str
    subject: str
    name: str
    member_id: UUID | None
    occurred_at: datetime
    day: date
    quantity: int = 1
    points: int = 0
    money: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """`times` events with the sums of what they say."""

    times: int = 0
    quantity: int = 0
    points: int = 0
    money: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            times=self.times + other.times,
            quantity=self.quantity + other.quantity,
            points=self.points + other.points,
            money=self.money + other.money,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What happened to one subject on one day."""

    about: str
    kind: str
    subject: str
    day: date
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One subject over the whole range, by kind."""

    about: str
    subject: str
    kinds: Mapping[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HappeningPeriod:
    """One period; `kinds` is None unless it is over and wholly asked for."""

    span: Range
    finished: bool
    kinds: Mapping[str, Tally] | None


def lines(many: Iterable[Counted]) -> list[Line]:
    """One line for each subject, sorted."""
    found: dict[tuple[str, str], dict[str, Tally]] = {}
    for one in many:
        kinds = found.setdefault((one.about, one.subject), {})
        kinds[one.kind] = kinds.get(one.kind, Tally()) + one.tally
    return [Line(about=about, subject=subject, kinds=kinds) for (about, subject), kinds in sorted(found.items())]


def totals(many: Iterable[Counted]) -> dict[str, Tally]:
    """All subjects together, by kind."""
    found: dict[str, Tally] = {}
    for one in many:
        found[one.kind] = found.get(one.kind, Tally()) + one.tally
    return found


def series(many: Iterable[Counted], over: Range, calendar: Calendar, period: Period) -> list[HappeningPeriod]:
    """The periods that `over` touches."""
    counted = list(many)
    result = []
    for span in calendar.spans(over, period):
        finished = calendar.finished(span)
        known = finished and span.first in over and span.last in over
        kinds = totals(one for one in counted if one.day in span) if known else None
        result.append(HappeningPeriod(span=span, finished=finished, kinds=kinds))
    return result
