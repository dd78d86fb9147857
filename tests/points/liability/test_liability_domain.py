"""The estimate of breakage, by hand and by properties."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from points.liability.domain import Cohort, development, estimate, worth


def cohort(base: int, *spent: int, month: str = "2026-01", expired: int = 0) -> Cohort:
    return Cohort(month=month, base=base, remaining=base - sum(spent) - expired, spent=spent)


def test_the_pattern_of_older_cohorts_says_what_is_still_to_come_of_younger_ones() -> None:
    """Old cohort: 100 in its first month, 300 in its second, nothing later. Half a cohort later: 50 of 500 so far.

    By the end of the first month 1/4 of all spending has happened. Exposed: 1000 × 1 + 500 × 1/4 = 1125; seen 400 + 50;
    so the rate is 2/5, and of the young cohort 500 × 2/5 × 3/4 = 150 is to come.
    """
    old, young = cohort(1000, 100, 300, 0), cohort(500, 50, 0)
    assert development([old, young]) == [Fraction(1, 4), Fraction(1)]
    found = estimate([old, young])
    assert found.ultimate_rate == Fraction(2, 5)
    assert [one.expected for one in found.cohorts] == [0, 150]
    assert found.outstanding == 600 + 450
    assert found.breakage == 600 + 300


def test_what_the_month_that_is_not_over_brought_counts_against_what_is_to_come() -> None:
    old, young = cohort(1000, 100, 300, 0), cohort(500, 50, 40)
    assert estimate([old, young]).cohorts[1].expected == 110


def test_of_a_cohort_that_only_began_half_of_its_first_month_counts_as_seen() -> None:
    old, new = cohort(1000, 100, 300, 0), cohort(800, 40)
    found = estimate([old, new])
    assert found.cohorts[1].developed == Fraction(1, 8)
    assert found.ultimate_rate == Fraction(400 + 40, 1000 + 100)


def test_with_nothing_earned_there_is_no_rate_and_nothing_owed() -> None:
    found = estimate([])
    assert (found.ultimate_rate, found.outstanding, found.expected, found.breakage) == (None, 0, 0, 0)


def test_until_somebody_spends_all_points_are_expected_to_be_spent() -> None:
    found = estimate([cohort(1000, 0, 0, 0), cohort(500, 0, 0)])
    assert (found.ultimate_rate, found.expected, found.breakage) == (None, 1500, 0)


def test_expired_points_are_not_expected_again() -> None:
    gone = Cohort(month="2025-01", base=1000, remaining=0, spent=(400, 0, 0))
    assert estimate([gone]).expected == 0


def test_a_liability_is_rounded_up() -> None:
    assert worth(101, 1, 100) == 2
    assert worth(100, 1, 100) == 1
    assert worth(0, 1, 100) == 0


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    spent = draw(st.lists(st.integers(0, 1_000), min_size=1, max_size=15))
    remaining, expired = draw(st.integers(0, 10_000)), draw(st.integers(0, 10_000))
    return Cohort(month="m", base=sum(spent) + remaining + expired, remaining=remaining, spent=spent)


@given(st.lists(cohorts(), max_size=12))
def test_every_outstanding_point_is_either_expected_or_breaks_away(found: list[Cohort]) -> None:
    result = estimate(found)
    assert result.expected + result.breakage == result.outstanding == sum(one.remaining for one in found)
    assert all(0 <= one.expected <= one.remaining for one in result.cohorts)
    assert result.ultimate_rate is None or 0 <= result.ultimate_rate <= 1


@given(st.lists(cohorts(), max_size=8), st.randoms())
def test_the_order_of_cohorts_does_not_matter(found: list[Cohort], chance: object) -> None:
    shuffled = list(found)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert estimate(shuffled).expected == estimate(found).expected
    assert estimate(shuffled).ultimate_rate == estimate(found).ultimate_rate


@given(st.lists(cohorts(), min_size=1, max_size=8))
def test_shares_only_grow_with_age(found: list[Cohort]) -> None:
    shares = development(found)
    assert shares == sorted(shares)
    assert shares[-1] == 1
