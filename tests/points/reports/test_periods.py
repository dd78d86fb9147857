"""Points by period, from the transfers between accounts."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from points.reports.domain import Figures, Moved, by_period, spans, total

MONDAY = date(2026, 3, 2)
TODAY = date(2026, 3, 18)


def moved(day: date, from_account: str, to_account: str, points: int) -> Moved:
    return Moved(day=day, from_account=from_account, to_account=to_account, points=points)


def weeks(*found: Moved) -> list[tuple[Figures | None, int | None]]:
    periods = by_period(found, MONDAY, TODAY, "week", first_day_of_week=1, today=TODAY)
    return [(one.figures, one.outstanding) for one in periods]


def test_each_account_of_the_programme_has_its_figure() -> None:
    found = [
        moved(MONDAY, "issue", "wallet", 100),
        moved(MONDAY, "issue", "pending", 40),
        moved(MONDAY, "pending", "wallet", 40),
        moved(MONDAY, "wallet", "held", 30),
        moved(MONDAY, "held", "redemption", 30),
        moved(MONDAY, "redemption", "wallet", 10),
        moved(MONDAY, "wallet", "expiry", 5),
        moved(MONDAY, "wallet", "clawback", 20),
        moved(MONDAY, "debt", "clawback", 7),
        moved(MONDAY, "wallet", "issue", 3),
        moved(MONDAY, "adjustment", "wallet", 8),
        moved(MONDAY, "wallet", "adjustment", 2),
        moved(MONDAY, "wallet", "gift", 50),
        moved(MONDAY, "gift", "wallet", 50),
    ]
    (first, outstanding), *_ = weeks(*found)
    assert first == Figures(
        earned=140,
        corrected_down=3,
        redeemed=30,
        given_back=10,
        expired=5,
        clawed_back=27,
        adjusted_up=8,
        adjusted_down=2,
    )
    assert outstanding == 91


def test_what_is_written_off_leaves_members_as_they_are() -> None:
    (first, outstanding), *_ = weeks(moved(MONDAY, "issue", "wallet", 5), moved(MONDAY, "write_off", "clawback", 9))
    assert first == Figures(earned=5, clawed_back=9, written_off=9)
    assert outstanding == 5


def test_what_expired_and_is_taken_for_a_return_leaves_members_as_they_are() -> None:
    swept, undone = moved(MONDAY, "wallet", "expiry", 9), moved(MONDAY, "expiry", "wallet", 4)
    (first, outstanding), *_ = weeks(
        moved(MONDAY, "issue", "wallet", 9), swept, undone, moved(MONDAY, "wallet", "clawback", 4)
    )
    assert first == Figures(earned=9, expired=9, unexpired=4, clawed_back=4)
    assert outstanding == 0


def test_debt_that_was_written_off_can_be_owed_again() -> None:
    (first, outstanding), *_ = weeks(moved(MONDAY, "write_off", "debt", 9), moved(MONDAY, "debt", "write_off", 9))
    assert (first, outstanding) == (Figures(written_off=9, owed_again=9), 0)


def test_what_was_before_counts_towards_what_is_outstanding_and_quiet_periods_are_told() -> None:
    before = moved(MONDAY - timedelta(days=400), "issue", "wallet", 70)
    found = weeks(before, moved(MONDAY + timedelta(days=8), "wallet", "redemption", 20))
    assert found == [(Figures(), 70), (Figures(redeemed=20), 50), (None, None)]


def test_weeks_begin_on_the_programmes_first_day() -> None:
    assert next(iter(spans(MONDAY, TODAY, "week", 7))) == (date(2026, 3, 1), date(2026, 3, 7))


def test_months_are_whole() -> None:
    assert list(spans(date(2025, 12, 31), date(2026, 1, 1), "month", 1)) == [
        (date(2025, 12, 1), date(2025, 12, 31)),
        (date(2026, 1, 1), date(2026, 1, 31)),
    ]


def test_the_total_is_of_exactly_the_asked_days() -> None:
    found = [moved(MONDAY + timedelta(days=n), "issue", "wallet", 1) for n in range(10)]
    assert total(found, MONDAY + timedelta(days=2), MONDAY + timedelta(days=4)) == Figures(earned=3)


ACCOUNTS = ["wallet", "pending", "held", "debt", "issue", "redemption", "expiry", "clawback", "write_off", "adjustment"]
FROM = [account for account in ACCOUNTS if account != "clawback"]
TO = ACCOUNTS
MEMBERS = {"wallet", "pending", "held", "debt"}


@given(
    st.lists(st.tuples(st.integers(0, 13), st.sampled_from(FROM), st.sampled_from(TO), st.integers(1, 99))),
    st.sampled_from(["day", "week"]),
)
def test_what_is_outstanding_is_what_went_to_members_less_what_left_them(
    found: list[tuple[int, str, str, int]], period: str
) -> None:
    rows = [moved(MONDAY + timedelta(days=n), one, other, points) for n, one, other, points in found]
    wanted = sum(row.points * ((row.to_account in MEMBERS) - (row.from_account in MEMBERS)) for row in rows)
    last = MONDAY + timedelta(days=13)
    periods = by_period(rows, MONDAY, last, period, first_day_of_week=1, today=TODAY)  # type: ignore[arg-type]
    assert periods[-1].outstanding == wanted
