"""What each condition means: the calendar in the programme's zone, the member, the order, the activity."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from points.evaluation.calendar import birthday_in, days_from_birthday, lunar_day, nth_weekday, week_start
from points.evaluation.conditions import (
    ActivityField,
    All,
    Amount,
    Any,
    BirthdayNear,
    Condition,
    DateRange,
    FirstPurchase,
    LineFilter,
    Lines,
    LunarDay,
    MemberDay,
    Not,
    OneOf,
    Registered,
    Segment,
    TimeWindow,
    Weekday,
)
from points.evaluation.domain import ACTIVITY, Birthday, Expiry, Line, Occasion, Person
from points.evaluation.expiry import expires_at
from points.evaluation.matching import Situation, compiled
from points.evaluation.reasons import why_not
from tests.points.evaluation.world import NOON, SHANGHAI, bought, someone

UNHURRIED = settings(deadline=None)

NEW_YORK = ZoneInfo("America/New_York")
LUNAR_NEW_YEARS = {2023: date(2023, 1, 22), 2024: date(2024, 2, 10), 2025: date(2025, 1, 29), 2026: date(2026, 2, 17)}


def holds(
    condition: Condition, occasion: Occasion | None = None, person: Person | None = None, zone: ZoneInfo = SHANGHAI
) -> bool:
    situation = Situation(occasion or bought(), person or someone(), zone)
    found = compiled(condition)(situation)
    assert (why_not(condition, situation) is None) == found
    return found


def at(year: int, month: int, day: int, hour: int = 0) -> Occasion:
    return bought(at=datetime(year, month, day, hour, tzinfo=SHANGHAI).astimezone(UTC))


def test_day_and_hour_are_those_of_the_programmes_zone() -> None:
    tuesday = bought(at=datetime(2025, 3, 10, 16, 0, tzinfo=UTC))  # already Tuesday in Shanghai
    assert holds(Weekday(days=frozenset({2})), tuesday)
    assert holds(Weekday(days=frozenset({1})), tuesday, zone=NEW_YORK)
    assert holds(TimeWindow(start=time(0), end=time(1)), tuesday)


@pytest.mark.parametrize(("hour", "inside"), [(21, False), (22, True), (23, True), (1, True), (2, False)])
def test_window_over_midnight(hour: int, inside: bool) -> None:
    assert holds(TimeWindow(start=time(22), end=time(2)), at(2025, 3, 10, hour)) == inside


@pytest.mark.parametrize("utc_hour", [5, 6])
def test_hour_that_comes_twice_when_clocks_go_back_is_inside_both_times(utc_hour: int) -> None:
    twice = bought(at=datetime(2025, 11, 2, utc_hour, 30, tzinfo=UTC))  # 01:30 in New York, before and after
    assert holds(TimeWindow(start=time(1), end=time(2)), twice, zone=NEW_YORK)
    assert holds(DateRange(first=date(2025, 11, 2), last=date(2025, 11, 2)), twice, zone=NEW_YORK)


def test_hour_that_is_skipped_when_clocks_go_forward_is_never_met() -> None:
    skipped = TimeWindow(start=time(2), end=time(3))
    day = datetime(2025, 3, 9, 0, 0, tzinfo=NEW_YORK).astimezone(UTC)
    assert not any(holds(skipped, bought(at=day + timedelta(minutes=10 * n)), zone=NEW_YORK) for n in range(6 * 23))


@UNHURRIED
@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)))
def test_date_range_of_one_day_is_exactly_its_local_day(day: date) -> None:
    condition = DateRange(first=day, last=day)
    for zone in (SHANGHAI, NEW_YORK):
        first = datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)
        after = datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone).astimezone(UTC)
        assert holds(condition, bought(at=first), zone=zone)
        assert holds(condition, bought(at=after - timedelta(microseconds=1)), zone=zone)
        assert not holds(condition, bought(at=after), zone=zone)
        assert not holds(condition, bought(at=first - timedelta(microseconds=1)), zone=zone)


def test_member_days() -> None:
    assert holds(MemberDay(days=frozenset({8, 18})), at(2025, 3, 18))
    assert not holds(MemberDay(days=frozenset({31})), at(2025, 4, 30))
    assert holds(MemberDay(last_day=True), at(2024, 2, 29))
    assert holds(MemberDay(weekdays=frozenset({(2, 5)})), at(2025, 3, 14))
    assert holds(MemberDay(weekdays=frozenset({(-1, 7)})), at(2025, 3, 30))
    assert not holds(MemberDay(weekdays=frozenset({(-1, 7)})), at(2025, 3, 23))


@UNHURRIED
@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_nth_weekdays_count_from_both_ends(day: date) -> None:
    nth, from_end = nth_weekday(day)
    assert (day - timedelta(days=7 * (nth - 1))).month == day.month != (day - timedelta(days=7 * nth)).month
    back = -from_end
    assert (day + timedelta(days=7 * (back - 1))).month == day.month != (day + timedelta(days=7 * back)).month


@UNHURRIED
@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(1, 7))
def test_weeks_begin_on_the_programmes_first_day(day: date, first: int) -> None:
    start = week_start(day, first)
    assert start.isoweekday() == first
    assert 0 <= (day - start).days < 7


@pytest.mark.parametrize(("year", "day"), LUNAR_NEW_YEARS.items())
def test_lunar_new_year_and_the_days_around_it(year: int, day: date) -> None:
    assert lunar_day(year, 1, 1) == day
    around = LunarDay(month=1, day=1, before=1, after=15)
    for distance, inside in ((-2, False), (-1, True), (0, True), (15, True), (16, False)):
        moved = day + timedelta(days=distance)
        assert holds(around, at(moved.year, moved.month, moved.day, 12)) == inside


@pytest.mark.parametrize(
    ("birthday", "year", "kept"),
    [
        (Birthday(6, 10, "lunar", True), 2025, date(2025, 8, 3)),  # 2025 has a leap sixth month
        (Birthday(6, 10, "lunar", False), 2025, date(2025, 7, 4)),
        (Birthday(6, 10, "lunar", True), 2026, date(2026, 7, 23)),  # 2026 has none: the ordinary sixth month
        (Birthday(8, 15, "lunar"), 2025, date(2025, 10, 6)),  # mid-autumn
        (Birthday(12, 30, "lunar"), 2024, date(2025, 1, 28)),  # the twelfth month of 2024 has 29 days
        (Birthday(12, 30, "lunar"), 2023, date(2024, 2, 9)),
        (Birthday(8, 15, "lunar"), 2150, None),
    ],
)
def test_lunar_birthdays_leap_months_and_short_months(birthday: Birthday, year: int, kept: date | None) -> None:
    assert birthday_in(birthday, year, "feb_28") == kept


@pytest.mark.parametrize(
    ("leap_day", "moment", "inside"),
    [
        ("feb_28", (2025, 2, 28), True),
        ("feb_28", (2025, 3, 1), False),
        ("mar_1", (2025, 3, 1), True),
        ("mar_1", (2025, 2, 28), False),
        ("feb_28", (2024, 2, 29), True),
        ("mar_1", (2024, 2, 29), True),
        ("mar_1", (2024, 3, 1), False),
    ],
)
def test_birthday_on_29_february(leap_day: str, moment: tuple[int, int, int], inside: bool) -> None:
    person = someone(birthday=Birthday(2, 29))
    assert holds(BirthdayNear(leap_day=leap_day), at(*moment, 12), person) == inside


def test_days_around_a_birthday_cross_the_years_end() -> None:
    person = someone(birthday=Birthday(1, 2))
    assert holds(BirthdayNear(before=5), at(2024, 12, 28), person)
    assert not holds(BirthdayNear(before=4), at(2024, 12, 28), person)
    assert holds(BirthdayNear(after=3), at(2025, 1, 5), person)
    assert holds(BirthdayNear(whole_month=True), at(2025, 1, 31), person)
    assert not holds(BirthdayNear(whole_month=True), at(2025, 2, 1), person)
    assert not holds(BirthdayNear(), at(2025, 1, 2))


@UNHURRIED
@given(st.dates(date(1940, 1, 1), date(2040, 1, 1)), st.integers(1, 12), st.integers(1, 29))
def test_lunar_birthday_comes_once_in_each_lunar_year(day: date, month: int, of_month: int) -> None:
    birthday = Birthday(month, of_month, "lunar")
    distance = days_from_birthday(birthday, day, "feb_28")
    assert distance is not None
    assert abs(distance) <= 193
    assert days_from_birthday(birthday, day - timedelta(days=distance), "feb_28") == 0


def test_first_purchase_tier_segment_and_time_since_registration() -> None:
    person = someone(
        tier="gold", segments=frozenset({"tea"}), is_first_purchase=True, registered_at=NOON - timedelta(days=30)
    )
    assert holds(FirstPurchase(), person=person)
    assert holds(OneOf(what="tier", values=frozenset({"gold"})), person=person)
    assert holds(Segment(values=frozenset({"tea", "cup"})), person=person)
    assert holds(Registered(at_least=30, at_most=30), person=person)
    assert not holds(Registered(at_least=31), person=person)
    assert not holds(Registered(at_least=1))


INSTANTS = st.integers(0, 270 * 24 * 60).map(
    lambda minutes: datetime(2025, 3, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@UNHURRIED
@given(INSTANTS, INSTANTS, st.integers(0, 5), st.none() | st.integers(0, 5), st.sampled_from((SHANGHAI, NEW_YORK)))
def test_days_since_registration_are_days_of_the_calendar(
    since: datetime, now: datetime, at_least: int, more: int | None, zone: ZoneInfo
) -> None:
    now = since + (now - since) / 40  # near each other, and over changes of clocks
    days = (now.astimezone(zone).date() - since.astimezone(zone).date()).days
    at_most = None if more is None else at_least + more
    found = holds(
        Registered(at_least=at_least, at_most=at_most), bought(at=now), someone(registered_at=since), zone=zone
    )
    assert found == (at_least <= days and (at_most is None or days <= at_most))


def test_lines_amount_channel_shop_and_source() -> None:
    lines = (Line("a", "tea", 2, 30_00), Line("b", "tea", 1, 20_00), Line("c", "cup", 1, 50_00))
    order = bought(100_00, lines=lines, channel="web", shop="s1")
    tea = LineFilter(categories=frozenset({"tea"}), not_products=frozenset({"b"}))
    assert holds(Lines(filter=tea, quantity=2, net=30_00), order)
    assert not holds(Lines(filter=tea, quantity=3), order)
    assert not holds(Lines(filter=tea, net=30_01), order)
    assert not holds(Lines(filter=tea))
    assert holds(Amount(at_least=100_00, below=100_01), order)
    assert not holds(Amount(below=100_00), order)
    assert holds(Amount(of="amount", at_least=120_00), bought(100_00, amount=120_00))
    for what, word in (("channel", "web"), ("shop", "s1"), ("source", "//shop")):
        assert holds(OneOf(what=what, values=frozenset({word})), order)
        assert not holds(OneOf(what=what, values=frozenset({"other"})), order)


def test_all_any_and_not() -> None:
    yes, no = Amount(at_least=0), Amount(below=0)
    assert holds(All(of=(yes, yes, yes)))
    assert not holds(All(of=(yes, no, yes)))
    assert holds(Any(of=(no, yes)))
    assert not holds(Any(of=(no, no)))
    assert holds(Not(of=no))
    assert not holds(Not(of=yes))


@pytest.mark.parametrize(
    ("op", "values", "found", "inside"),
    [
        ("equals", (5,), 5, True),
        ("equals", (1,), True, False),
        ("equals", (True,), True, True),
        ("equals", ("5",), 5, False),
        ("one_of", ("a", "b"), "b", True),
        ("at_least", (4,), 4, True),
        ("at_least", (4,), 3, False),
        ("at_most", (4,), 5, False),
        ("at_least", (0,), True, False),
        ("at_least", (0,), "9", False),
        ("exists", (), False, True),
    ],
)
def test_fields_of_an_activity(
    op: str, values: tuple[bool | int | str, ...], found: bool | int | str, inside: bool
) -> None:
    act = Occasion(ACTIVITY, "//app", "1", NOON, activity="review", fields={"stars": found})
    assert holds(ActivityField(name="stars", op=op, values=values), act) == inside
    assert not holds(ActivityField(name="other", op=op, values=values), act)


@pytest.mark.parametrize(
    ("expiry", "earned", "gone"),
    [
        (Expiry(kind="months", count=1), (2025, 1, 31, 9), (2025, 2, 28, 9)),
        (Expiry(kind="days", count=30), (2025, 1, 31, 9), (2025, 3, 2, 9)),
        (Expiry(kind="end_of_month"), (2025, 1, 31, 23), (2025, 2, 1)),
        (Expiry(kind="end_of_month", count=12), (2025, 12, 1), (2027, 1, 1)),
        (Expiry(kind="end_of_year"), (2025, 12, 31, 23), (2026, 1, 1)),
        (Expiry(kind="end_of_year", count=1), (2025, 1, 1), (2027, 1, 1)),
    ],
)
def test_expiry_by_the_local_calendar(expiry: Expiry, earned: tuple[int, ...], gone: tuple[int, ...]) -> None:
    begin = at(*earned).occurred_at
    assert expires_at(expiry, begin, SHANGHAI) == at(*gone).occurred_at
    assert expires_at(Expiry(kind="never"), begin, SHANGHAI) is None
