"""When something can have happened, the local calendar, and when points end. Pure."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What happened, happened from `earliest` to `latest`, both included."""

    earliest: datetime
    latest: datetime

    def problem(self, occurred_at: datetime) -> str:
        """A sentence about an absurd time, "" for a sane one."""
        if occurred_at < self.earliest:
            return f"occurred_at {occurred_at.isoformat()} is before {self.earliest.isoformat()}"
        if occurred_at > self.latest:
            return f"occurred_at {occurred_at.isoformat()} is too far ahead, after {self.latest.isoformat()}"
        return ""


def bounds(now: datetime, earliest_year: int, latest_future_hours: int) -> Bounds:
    return Bounds(earliest=datetime(earliest_year, 1, 1, tzinfo=UTC), latest=now + timedelta(hours=latest_future_hours))


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The day it is then in the zone."""
    return instant.astimezone(zone).date()


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC, whatever clocks do that night."""
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


def day_of(instant: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first instants of the local day it is then, and of the next one."""
    today = local_day(instant, zone)
    return midnight(today, zone), midnight(today + timedelta(days=1), zone)


def first_of_next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def days_later(instant: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same local time N days later."""
    return (instant.astimezone(zone).replace(fold=0) + timedelta(days=days)).astimezone(UTC)


def months_later(instant: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The same local time N months later, clamped to the month's end: 31 Jan + 1 month is the end of February."""
    local = instant.astimezone(zone)
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    day = min(local.day, monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(UTC)


def month_end(instant: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The first instant of the month that is N months (1: the next) after the local month of the instant."""
    local = instant.astimezone(zone)
    years, month = divmod(local.month - 1 + months, 12)
    return midnight(date(local.year + years, month + 1, 1), zone)


def year_end(instant: datetime, years: int, zone: ZoneInfo) -> datetime:
    """The first instant of the year that is N years (1: the next) after the local year of the instant."""
    return midnight(date(instant.astimezone(zone).year + years, 1, 1), zone)


def months_earlier(instant: datetime, months: int) -> datetime:
    """The same time N months before, clamped to the month's end; never before the first year."""
    years, month = divmod(instant.month - 1 - months, 12)
    year, month = instant.year + years, month + 1
    if year < 1:
        return datetime(1, 1, 1, tzinfo=UTC)
    return instant.replace(year=year, month=month, day=min(instant.day, monthrange(year, month)[1]))
