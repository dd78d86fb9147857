"""Days that come again: weekdays of a month, birthdays and festivals, solar and lunar."""

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache

from borax.calendars.lunardate import LCalendars, LunarDate  # type: ignore[import-untyped]

from points.evaluation.occasion import LUNAR, Birthday

FEB_28, MAR_1 = "feb_28", "mar_1"
FIRST_LUNAR_YEAR, LAST_LUNAR_YEAR = 1901, 2099
HALF_A_YEAR = 177
"""Days: as near as that is the nearest, for a lunar year has 353 or more."""


def nth_weekday(day: date) -> tuple[int, int]:
    """Which weekday of its month a day is, counted from the start (1 …) and from the end (-1 …)."""
    last = monthrange(day.year, day.month)[1]
    return (day.day - 1) // 7 + 1, -((last - day.day) // 7 + 1)


def is_last_of_month(day: date) -> bool:
    return day.day == monthrange(day.year, day.month)[1]


@lru_cache(maxsize=4096)
def birthday_in(birthday: Birthday, year: int, leap_day: str) -> date | None:
    """When a birthday is kept in a year of its calendar; None outside the years the lunar calendar is known for.

    29 February is kept on 28 February or 1 March in common years. A lunar birthday in a leap month is kept in the
    ordinary month of that number when the year has no such leap month; the 30th on the 29th of a short month.
    """
    if birthday.calendar == LUNAR:
        return lunar_day(year, birthday.month, birthday.day, leap_month=birthday.leap_month)
    if (birthday.month, birthday.day) == (2, 29) and monthrange(year, 2)[1] == 28:
        return date(year, 2, 28) if leap_day == FEB_28 else date(year, 3, 1)
    return date(year, birthday.month, birthday.day)


@lru_cache(maxsize=4096)
def lunar_day(year: int, month: int, day: int, *, leap_month: bool = False) -> date | None:
    """The solar day of a lunar one. A day the month does not have is its last one."""
    if not FIRST_LUNAR_YEAR <= year <= LAST_LUNAR_YEAR:
        return None
    leap = int(leap_month and LCalendars.leap_month(year) == month)
    solar = LunarDate(year, month, min(day, LCalendars.ndays(year, month, leap)), leap).to_solar_date()
    return date(solar.year, solar.month, solar.day)


def days_from_birthday(birthday: Birthday, day: date, leap_day: str) -> int | None:
    """How many days after (negative: before) the nearest keeping of the birthday a day is."""
    this = birthday_in(birthday, day.year, leap_day)
    if this is not None and -HALF_A_YEAR < (distance := (day - this).days) < HALF_A_YEAR:
        return distance
    return _nearest([this, *(birthday_in(birthday, year, leap_day) for year in (day.year - 1, day.year + 1))], day)


def birthday_year(birthday: Birthday, day: date) -> int | None:
    """The year, in the birthday's own calendar, whose keeping of it is nearest to a day; of two the earlier one."""
    years = (day.year - 1, day.year, day.year + 1)
    kept = [(abs((day - one).days), year) for year in years if (one := birthday_in(birthday, year, FEB_28))]
    return min(kept)[1] if kept else None


def next_birthday_year(birthday: Birthday, day: date) -> date | None:
    """The first day that is nearer to the keeping after the one `day` is nearest to; None when that is not known."""
    year = birthday_year(birthday, day)
    this, following = ((birthday_in(birthday, year + more, FEB_28) if year else None) for more in (0, 1))
    return this + timedelta(days=(following - this).days // 2 + 1) if this and following else None


def same_month(birthday: Birthday, day: date) -> bool:
    """Whether the day lies in the birthday's month of its own calendar."""
    if birthday.calendar == LUNAR:
        if not FIRST_LUNAR_YEAR < day.year <= LAST_LUNAR_YEAR:
            return False
        return bool(LunarDate.from_solar(day).month == birthday.month)
    return day.month == birthday.month


def days_from_lunar(month: int, day_of_month: int, day: date) -> int | None:
    """How many days after (negative: before) the nearest such day of the lunar calendar a day is."""
    return _nearest([lunar_day(year, month, day_of_month) for year in (day.year - 1, day.year, day.year + 1)], day)


def _nearest(kept: list[date | None], day: date) -> int | None:
    distances = [(day - one).days for one in kept if one is not None]
    return min(distances, key=abs, default=None)


def week_start(day: date, first_day_of_week: int) -> date:
    """The first day of the week; `first_day_of_week` is 1 for Monday to 7 for Sunday."""
    return day - timedelta(days=(day.isoweekday() - first_day_of_week) % 7)
