"""Sums, series and comparisons, without a database."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics.calendar.domain import Calendar, Range
from analytics.spend.domain import Amounts, Counted, by_month, by_weekday, change, folded, ratio, series, summed, total

TODAY = date(2026, 3, 20)
CALENDAR = Calendar(zone="Asia/Shanghai", first_day_of_week=1, today=TODAY)

amounts = st.builds(
    Amounts,
    orders=st.integers(0, 9),
    gross=st.integers(0, 9_999),
    discount=st.integers(0, 99),
    returns=st.integers(0, 9),
    returned=st.integers(0, 999),
)
days = st.dictionaries(st.dates(date(2026, 1, 1), date(2026, 3, 31)), amounts, max_size=30)


def test_net_is_gross_less_discount_less_returned() -> None:
    one = Amounts(orders=2, gross=20_000, discount=2_000, returns=1, returned=3_000)
    assert (one.net, one.average_order) == (15_000, 9_000.0)


def test_an_average_of_nothing_is_not_known() -> None:
    assert Amounts().average_order is None
    assert ratio(1, 3, digits=4) == 0.3333


@given(days, st.sampled_from(["day", "week", "month"]))
def test_finished_periods_add_up_to_the_total_of_their_days(found: dict[date, Amounts], period: str) -> None:
    over = Range(first=date(2025, 12, 1), last=date(2026, 3, 31))
    periods = series(found, {}, over, CALENDAR, period)  # type: ignore[arg-type]
    known = [one for one in periods if one.amounts is not None]
    covered = Range(first=known[0].span.first, last=known[-1].span.last)
    assert summed(one.amounts for one in known if one.amounts is not None) == total(found, covered)


def test_a_period_that_is_not_over_has_no_figures() -> None:
    over = Range(first=date(2026, 2, 1), last=date(2026, 3, 31))
    february, march = series({TODAY: Amounts(orders=1)}, {}, over, CALENDAR, "month")
    assert (february.finished, february.amounts, february.buyers) == (True, Amounts(), 0)
    assert (march.finished, march.amounts, march.buyers) == (False, None, None)


def test_a_period_that_the_range_cuts_has_no_figures() -> None:
    over = Range(first=date(2026, 1, 2), last=date(2026, 2, 28))
    january, february = series({}, {}, over, CALENDAR, "month")
    assert (january.finished, january.amounts) == (True, None)
    assert february.amounts == Amounts()


def test_a_change_against_nothing_is_not_known() -> None:
    before, now = Amounts(orders=4, gross=400, discount=0), Amounts(orders=5, gross=300, returned=300)
    found = change(before, now)
    assert found is not None
    assert (found.orders, found.gross, found.returned, found.net) == (0.25, -0.25, None, -1.0)
    assert change(None, now) is None


def test_folding_leaves_out_what_came_to_nothing() -> None:
    there = Counted(day=TODAY, channel="web", orders=1, gross=5)
    gone = Counted(day=TODAY, channel="web", orders=-1, gross=-5)
    other = Counted(day=TODAY, channel="shop", orders=1, gross=5)
    assert folded([there, gone, other, other]) == [Counted(day=TODAY, channel="shop", orders=2, gross=10)]


def test_seasons_count_finished_days_only() -> None:
    over = Range(first=TODAY - timedelta(days=14), last=TODAY)
    found = {TODAY: Amounts(orders=9, gross=900), TODAY - timedelta(days=7): Amounts(orders=1, gross=100)}
    friday = next(season for season in by_weekday(found, over, CALENDAR) if season.number == 5)
    assert (friday.days, friday.amounts.orders, friday.net_per_day) == (2, 1, 50.0)
    march = by_month(found, over, CALENDAR)[2]
    assert (march.number, march.days, march.amounts.gross) == (3, 14, 100)


def test_weekdays_begin_with_the_programmes_first_day() -> None:
    sunday_first = Calendar(zone="Asia/Shanghai", first_day_of_week=7, today=TODAY)
    over = Range(first=TODAY, last=TODAY)
    assert [season.number for season in by_weekday({}, over, sunday_first)] == [7, 1, 2, 3, 4, 5, 6]
