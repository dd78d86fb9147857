"""Correcting what purchases earned when a late fact shows that the member held another tier."""

from dataclasses import dataclass

from points.accruals.domain import Accrual, taken_in_total
from points.earning.domain import earned_by, multiplier_of
from points.rules.domain import RuleVersion

TIER_HISTORY = "tier_history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """`points` is the signed change of the accrual's net: what has to move."""

    before: Accrual
    after: Accrual

    @property
    def points(self) -> int:
        return self.after.net - self.before.net


def correct(accrual: Accrual, rule: RuleVersion, tier: str) -> Correction | None:
    """What the purchase had earned with this tier, by its own rule version, basis and rounding; None if it was used.

    The share that returns took back follows: the result is the same as if the tier had been known from the start.
    """
    if accrual.tier == tier:
        return None
    multiplier = multiplier_of(rule, tier)
    earned = earned_by(accrual.basis, accrual.rate_points, accrual.rate_per, multiplier, accrual.rounding)
    taken_back = taken_in_total(earned, accrual.returned, accrual.basis, accrual.rounding)
    after = accrual._replace(tier=tier, multiplier=multiplier[0], earned=earned, taken_back=taken_back)
    return Correction(before=accrual, after=after)
