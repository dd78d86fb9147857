"""When earned points can be spent, and when they are gone: by the local calendar, so clocks may change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from points.evaluation.occasion import Expiry
from points.times import months_later

NEVER, MONTHS, DAYS = "never", "months", "days"
END_OF_MONTH, END_OF_YEAR, DATE = "end_of_month", "end_of_year", "date"


def expires_at(expiry: Expiry, earned_at: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant at which the points are gone; None for never."""
    match expiry.kind:
        case "months":
            return months_later(earned_at, expiry.count, zone)
        case "days":
            return days_later(earned_at, expiry.count, zone)
        case "end_of_month":
            local = earned_at.astimezone(zone)
            years, month = divmod(local.month + expiry.count, 12)
            return midnight(date(local.year + years, month + 1, 1), zone)
        case "end_of_year":
            return midnight(date(earned_at.astimezone(zone).year + expiry.count + 1, 1, 1), zone)
        case "date":
            return expiry.at
        case _:
            return None


def days_later(instant: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same local time N days later."""
    return (instant.astimezone(zone) + timedelta(days=days)).astimezone(UTC)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day."""
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)
