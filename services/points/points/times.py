"""When something can have happened, and when points end. Pure."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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


def months_later(instant: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The same local time N months later, clamped to the month's end: 31 Jan + 1 month is the end of February."""
    local = instant.astimezone(zone)
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    day = min(local.day, monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(UTC)


def months_earlier(instant: datetime, months: int) -> datetime:
    """The same time N months before, clamped to the month's end; never before the first year."""
    years, month = divmod(instant.month - 1 - months, 12)
    year, month = instant.year + years, month + 1
    if year < 1:
        return datetime(1, 1, 1, tzinfo=UTC)
    return instant.replace(year=year, month=month, day=min(instant.day, monthrange(year, month)[1]))
