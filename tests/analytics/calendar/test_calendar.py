"""Days, weeks and months of the programme."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.calendar.domain import (
    DAY,
    Calendar,
    Period,
    Range,
    RangeReversedError,
    RangeTooLongError,
    calendar_at,
    day_of,
    distance,
    following,
    is_absurd,
    range_before,
    range_of,
)

days = st.dates(date(1990, 1, 1), date(2100, 12, 31))
periods: st.SearchStrategy[Period] = st.sampled_from(["day", "week", "month"])
calendars = st.builds(
    Calendar, zone=st.just("Asia/Shanghai"), first_day_of_week=st.integers(1, 7), today=st.just(date(2026, 6, 1))
)


def calendar(first_day_of_week: int = 1, today: date = date(2026, 6, 1)) -> Calendar:
    return Calendar(zone="Asia/Shanghai", first_day_of_week=first_day_of_week, today=today)


def test_a_day_belongs_to_the_zone_of_the_programme() -> None:
    instant = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)
    assert day_of(instant, ZoneInfo("Asia/Shanghai")) == date(2026, 3, 2)
    assert day_of(instant, ZoneInfo("America/New_York")) == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Asia/Shanghai", date(2026, 3, 29), 24),
    ],
)
def test_days_on_which_clocks_change_have_all_their_hours(zone: str, day: date, hours: int) -> None:
    local = ZoneInfo(zone)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=14)
    inside = [
        start + timedelta(hours=hour) for hour in range(52) if day_of(start + timedelta(hours=hour), local) == day
    ]
    assert len(inside) == hours


def test_today_is_the_local_day() -> None:
    now = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    assert calendar_at(now, zone="Asia/Shanghai", first_day_of_week=1).today == date(2027, 1, 1)
    assert calendar_at(now, zone="America/New_York", first_day_of_week=1).today == date(2026, 12, 31)


@pytest.mark.parametrize(("first", "start"), [(1, date(2026, 3, 2)), (7, date(2026, 3, 1)), (6, date(2026, 2, 28))])
def test_a_week_begins_on_the_programmes_first_day(first: int, start: date) -> None:
    assert calendar(first).start(date(2026, 3, 4), "week") == start


@given(calendars, days, periods)
def test_every_day_is_in_exactly_one_period(calendar: Calendar, day: date, period: Period) -> None:
    span = calendar.whole(day, period)
    assert day in span
    assert calendar.whole(span.last + DAY, period).first == span.last + DAY
    assert calendar.start(span.last, period) == span.first
    if period == "week":
        assert span.first.isoweekday() == calendar.first_day_of_week


@given(calendars, days, st.integers(0, 400), periods)
def test_spans_cover_a_range_without_holes(calendar: Calendar, first: date, length: int, period: Period) -> None:
    over = Range(first=first, last=first + length * DAY)
    spans = calendar.spans(over, period)
    assert over.first in spans[0]
    assert over.last in spans[-1]
    assert all(later.first == earlier.last + DAY for earlier, later in pairwise(spans))


@given(calendars, days, st.integers(0, 50), periods)
def test_distance_counts_the_steps_between_periods(calendar: Calendar, day: date, steps: int, period: Period) -> None:
    start = end = calendar.start(day, period)
    for _ in range(steps):
        end = following(end, period)
    assert distance(start, end, period) == steps


def test_a_period_is_finished_when_its_last_day_is_over() -> None:
    may = calendar(today=date(2026, 5, 31)).whole(date(2026, 5, 1), "month")
    assert not calendar(today=date(2026, 5, 31)).finished(may)
    assert calendar(today=date(2026, 6, 1)).finished(may)


def test_whole_months_are_compared_with_as_many_months_before() -> None:
    quarter = Range(first=date(2026, 1, 1), last=date(2026, 3, 31))
    assert range_before(quarter) == Range(first=date(2025, 10, 1), last=date(2025, 12, 31))


def test_other_ranges_are_compared_with_as_many_days_before() -> None:
    week = Range(first=date(2026, 3, 2), last=date(2026, 3, 8))
    assert range_before(week) == Range(first=date(2026, 2, 23), last=date(2026, 3, 1))


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(RangeReversedError):
        range_of(date(2026, 3, 2), date(2026, 3, 1))


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_a_series_that_would_never_end_is_refused(period: Period) -> None:
    with pytest.raises(RangeTooLongError):
        calendar().spans(Range(first=date(1900, 1, 1), last=date(2199, 12, 31)), period)


@pytest.mark.parametrize(
    ("instant", "absurd"),
    [
        (datetime(1989, 12, 31, 23, tzinfo=UTC), True),
        (datetime(1990, 1, 1, tzinfo=UTC), False),
        (datetime(2026, 3, 2, 12, tzinfo=UTC), False),
        (datetime(2026, 3, 2, 12, 0, 1, tzinfo=UTC), True),
    ],
)
def test_times_nobody_can_mean_are_noticed(instant: datetime, absurd: bool) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert is_absurd(instant, now=now, latest_future_hours=24, earliest_year=1990) is absurd
