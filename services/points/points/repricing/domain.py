"""Correcting what occasions earned when a late fact shows that they should have been priced otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass

from points.accruals.domain import Accrual

TIER_HISTORY, FIRST_PURCHASE, SEGMENT_HISTORY = "tier_history", "first_purchase", "segment_history"
MEMBER_DATA = "member_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """`points` is the signed change of the credit's net: what has to move. `before` is None for a new credit."""

    before: Accrual | None
    after: Accrual

    @property
    def points(self) -> int:
        return self.after.net - (self.before.net if self.before is not None else 0)

    @property
    def previously(self) -> int:
        return self.before.earned if self.before is not None else 0


def matched(before: Sequence[Accrual], priced: Sequence[Accrual]) -> list[Accrual]:
    """What was earned, as it should have been: each credit keeps its part, and when it can be spent and ends.

    What should not have been earned stays as a credit of 0; what was not there before becomes a new part.
    """
    left = list(before)
    found: list[Accrual] = []
    parts = {one.wallet: 0 for one in priced}
    for one in before:
        parts[one.wallet] = max(parts.get(one.wallet, 0), one.part)
    for one in priced:
        known = _same_credit(one, left, alone=_alone(one, before, priced))
        if known is None:
            parts[one.wallet] += 1
            found.append(one._replace(part=parts[one.wallet]))
        else:
            left.remove(known)
            found.append(known._replace(earned=one.earned, taken_back=0, shares=one.shares, by_line=one.by_line))
    gone = [
        one._replace(earned=0, taken_back=0, shares=[], by_line=None if one.by_line is None else [0] * len(one.by_line))
        for one in left
    ]
    return sorted(found + gone, key=lambda one: (one.wallet, one.part))


def _same_credit(one: Accrual, left: Sequence[Accrual], *, alone: bool) -> Accrual | None:
    """The earlier credit that this one is: of the same terms, or simply the only one of its wallet."""
    of_wallet = [known for known in left if known.wallet == one.wallet]
    if alone and of_wallet:
        return of_wallet[0]
    same = [known for known in of_wallet if (known.available_at, known.waits) == (one.available_at, one.waits)]
    return next((known for known in same if known.expires_at == one.expires_at), same[0] if len(same) == 1 else None)


def _alone(one: Accrual, before: Sequence[Accrual], priced: Sequence[Accrual]) -> bool:
    return all(sum(other.wallet == one.wallet for other in side) == 1 for side in (before, priced))


def corrections(before: Sequence[Accrual], after: Sequence[Accrual]) -> list[Correction]:
    """Credit by credit; those that did not change at all included."""
    known = {(one.wallet, one.part): one for one in before}
    return [Correction(before=known.get((one.wallet, one.part)), after=one) for one in after]
