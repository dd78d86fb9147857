"""When earned points can be spent, and when they are gone: by the local calendar, so clocks may change."""

from datetime import datetime
from zoneinfo import ZoneInfo

from points.evaluation.occasion import Expiry
from points.times import days_later, month_end, months_later, year_end

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
            return month_end(earned_at, expiry.count + 1, zone)
        case "end_of_year":
            return year_end(earned_at, expiry.count + 1, zone)
        case "date":
            return expiry.at
        case _:
            return None
