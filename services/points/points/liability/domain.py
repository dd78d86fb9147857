"""What members' points will cost: how many of the outstanding ones will be spent, and how many break away.

The method is Cape Cod (Stanard and Bühlmann), as insurers estimate claims that are still to come. Points are grouped by
the month they were earned in (a cohort). How cohorts were spent from month to month gives the share that is usually
spent by each age; all cohorts together give the rate that is spent in the end; what is still to come of a cohort is its
points × that rate × the share that usually comes later. What never comes is breakage.

Sources: Stanard, "A Simulation Test of Prediction Errors of Loss Reserve Estimation Techniques" (1985); IFRS 15 B44–B47
asks for breakage to be estimated in proportion to the pattern of rights exercised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

METHOD = "cape_cod"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The points earned in one month. `base`: what was earned less what returns took back. `remaining`: still in
    members' wallets. `spent[a]`: net spent while `a` whole months old; its length is the age in whole months + 1, the
    last one counting the month that is not over.
    """

    month: str
    base: int
    remaining: int
    spent: Sequence[int]

    @property
    def age(self) -> int:
        """Whole months that are over since."""
        return len(self.spent) - 1

    @property
    def seen(self) -> int:
        """Spent in the months that are over; in the first month, what was spent in it so far."""
        return sum(self.spent[: self.age]) if self.age else sum(self.spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is expected of one cohort. `developed`: which share of all spending has usually happened by its age."""

    month: str
    base: int
    spent: int
    remaining: int
    developed: Fraction
    expected: int
    breakage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Liability:
    """`ultimate_rate`: which share of points is spent in the end, None until somebody has: then all are expected.

    `expected` of the `outstanding` points will be spent; `breakage` will not.
    """

    cohorts: Sequence[Estimate]
    ultimate_rate: Fraction | None
    outstanding: int
    expected: int
    breakage: int


def development(cohorts: Sequence[Cohort]) -> list[Fraction]:
    """Which share of all spending has happened by the end of each age; the oldest age seen counts as the end.

    The factor from one age to the next is taken over all cohorts that are past both (chain ladder, volume-weighted).
    """
    oldest = max((cohort.age for cohort in cohorts), default=0)
    factors: list[Fraction] = []
    for age in range(1, oldest):
        past = [cohort for cohort in cohorts if cohort.age > age]
        until_before = sum(sum(cohort.spent[:age]) for cohort in past)
        until_now = sum(sum(cohort.spent[: age + 1]) for cohort in past)
        factors.append(Fraction(until_now, until_before) if until_before > 0 else Fraction(1))
    developed = [Fraction(1)]
    for factor in reversed(factors):
        developed.insert(0, developed[0] / factor if factor > 1 else developed[0])
    return developed


def estimate(cohorts: Sequence[Cohort]) -> Liability:
    """Of cohorts in any order. A cohort never expects more than remains of it, and never less than nothing."""
    developed = development(cohorts)
    shares = [_share(developed, cohort.age) for cohort in cohorts]
    exposed = sum((cohort.base * share for cohort, share in zip(cohorts, shares, strict=True)), Fraction(0))
    seen = sum(cohort.seen for cohort in cohorts)
    rate = min(Fraction(1), Fraction(seen) / exposed) if exposed > 0 and seen > 0 else None
    found = [_estimate(cohort, share, rate) for cohort, share in zip(cohorts, shares, strict=True)]
    return Liability(
        cohorts=found,
        ultimate_rate=rate,
        outstanding=sum(one.remaining for one in found),
        expected=sum(one.expected for one in found),
        breakage=sum(one.breakage for one in found),
    )


def _share(developed: Sequence[Fraction], age: int) -> Fraction:
    """Age 0 has only begun: half of what its first month brings counts as seen."""
    return developed[0] / 2 if age == 0 else developed[min(age, len(developed)) - 1]


def _estimate(cohort: Cohort, share: Fraction, rate: Fraction | None) -> Estimate:
    since = sum(cohort.spent) - cohort.seen
    to_come = Fraction(cohort.remaining) if rate is None else cohort.base * rate * (1 - share) - since
    expected = max(0, min(cohort.remaining, -(-to_come.numerator // to_come.denominator)))
    return Estimate(
        month=cohort.month,
        base=cohort.base,
        spent=sum(cohort.spent),
        remaining=cohort.remaining,
        developed=share,
        expected=expected,
        breakage=cohort.remaining - expected,
    )


def worth(points: int, minor_units: int, per_points: int) -> int:
    """What points cost at `minor_units` per `per_points`, rounded up: a liability is not told smaller than it is."""
    return -(-points * minor_units // per_points)
