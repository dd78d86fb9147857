"""The programme's calendar: local days, weeks that begin on the programme's first day, months.

A day is a local date in the programme's zone; a day with 23 or 25 hours (DST) is one day like any other. A period is
*finished* when its last day is over in that zone, i.e. lies before today.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["day", "week", "month"]

MAX_PERIODS = 1_100
"""The longest series one answer holds: three years of days."""

DAY = timedelta(days=1)


class RangeReversedError(Exception):
    """`first` comes after `last`."""

    def __init__(self, *, first: date, last: date) -> None:
        super().__init__(f"{first} is after {last}")
        self.first = first
        self.last = last


class RangeTooLongError(Exception):
    """A series over `first`..`last` has more periods than one answer holds."""

    def __init__(self, *, periods: int, limit: int = MAX_PERIODS) -> None:
        super().__init__(f"{periods} periods asked for, at most {limit} fit into one answer")
        self.periods = periods
        self.limit = limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Local days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The programme's calendar at one moment: its zone, the ISO number of the first day of its weeks, today."""

    zone: str
    first_day_of_week: int
    today: date

    def start(self, day: date, period: Period) -> date:
        """The first day of the period that contains `day`."""
        match period:
            case "day":
                return day
            case "week":
                return day - timedelta(days=(day.isoweekday() - self.first_day_of_week) % 7)
            case "month":
                return day.replace(day=1)

    def whole(self, day: date, period: Period) -> Range:
        """The period that contains `day`."""
        start = self.start(day, period)
        return Range(first=start, last=following(start, period) - DAY)

    def finished(self, span: Range) -> bool:
        """Whether all of `span` is over."""
        return span.last < self.today

    def spans(self, over: Range, period: Period, *, limit: int = MAX_PERIODS) -> list[Range]:
        """The whole periods that `over` touches, in order. Raises RangeTooLongError above `limit`."""
        if over.days > limit * 31:
            raise RangeTooLongError(periods=over.days // {"day": 1, "week": 7, "month": 30}[period], limit=limit)
        spans = list(self._spans(over, period))
        if len(spans) > limit:
            raise RangeTooLongError(periods=len(spans), limit=limit)
        return spans

    def _spans(self, over: Range, period: Period) -> Iterator[Range]:
        span = self.whole(over.first, period)
        while span.first <= over.last:
            yield span
            span = self.whole(span.last + DAY, period)


def range_of(first: date, last: date) -> Range:
    """The days from `first` to `last`. Raises RangeReversedError."""
    if first > last:
        raise RangeReversedError(first=first, last=last)
    return Range(first=first, last=last)


def calendar_at(now: datetime, *, zone: str, first_day_of_week: int) -> Calendar:
    """The calendar as it stands at `now`."""
    return Calendar(zone=zone, first_day_of_week=first_day_of_week, today=day_of(now, ZoneInfo(zone)))


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The local day of an instant."""
    return instant.astimezone(zone).date()


def following(start: date, period: Period) -> date:
    """The first day of the period after the one that begins at `start`."""
    match period:
        case "day":
            return start + DAY
        case "week":
            return start + 7 * DAY
        case "month":
            return (start.replace(day=1) + timedelta(days=32)).replace(day=1)


def distance(earlier: date, later: date, period: Period) -> int:
    """How many periods lie between two period starts."""
    match period:
        case "day":
            return (later - earlier).days
        case "week":
            return (later - earlier).days // 7
        case "month":
            return (later.year - earlier.year) * 12 + later.month - earlier.month


def positions(spans: Sequence[Range]) -> list[int]:
    """For each day of adjoining `spans`, the number of its span (the first is 1).

    SQL looks a day's period up in it, so that the calendar is decided here alone.
    """
    return [number for number, span in enumerate(spans, start=1) for _ in range(span.days)]


def range_before(over: Range) -> Range:
    """What to compare with: the same number of whole months before when `over` is whole months, else of days."""
    if over.first.day == 1 and (over.last + DAY).day == 1:
        first = over.first
        for _ in range(distance(over.first, over.last, "month") + 1):
            first = (first - DAY).replace(day=1)
        return Range(first=first, last=over.first - DAY)
    return Range(first=over.first - over.days * DAY, last=over.first - DAY)


def is_absurd(instant: datetime, *, now: datetime, latest_future_hours: int, earliest_year: int) -> bool:
    """Whether a claimed time cannot be true: too far ahead, or before the programme's earliest year."""
    return instant.year < earliest_year or instant > now + timedelta(hours=latest_future_hours)
