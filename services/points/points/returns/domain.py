"""What a return takes back of what its purchase earned."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from points.accruals.domain import Accrual, taken_in_total
from points.ledger.domain import CLAWBACK, CLAWED_BACK, WITHIN_BALANCE, Cause, Taken, Wallet, reachable, take

WAITING, APPLIED, REVIEW, REFUSED = "waiting", "applied", "review", "refused"

MORE_THAN_BOUGHT, CURRENCY_MISMATCH, SHORTFALL = "returned_more_than_bought", "currency_mismatch", "shortfall"


class Return(NamedTuple):
    """A return of `amount` minor units of a purchase. `points` were taken back, `shortfall` of them were not there.

    State: `waiting` for its purchase; `applied`; `review` (the member no longer has the points and the programme's
    policy leaves it to people); `refused` for a reason.
    """

    source: str
    return_id: str
    order_source: str
    order_id: str
    member_id: UUID | None
    currency: str
    amount: int
    points: int
    shortfall: int
    state: str
    reason: str
    occurred_at: datetime
    recorded_at: datetime
    settled_at: datetime | None
    body_hash: bytes

    @property
    def key(self) -> tuple[str, str]:
        return (self.source, self.return_id)

    @property
    def order_key(self) -> tuple[str, str]:
        return (self.order_source, self.order_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a return cannot be of this purchase: a code, and a sentence with the figures."""

    reason: str
    message: str


def refusal(accrual: Accrual, returned: Return, in_review: int) -> Refusal | None:
    """Whether the return contradicts its purchase, by what is known now.

    `in_review` are the amounts of its returns in review: their points were not taken, but the goods did come back.
    """
    if returned.currency != accrual.currency:
        return Refusal(
            reason=CURRENCY_MISMATCH,
            message=f"the return is in {returned.currency}, order {accrual.order_id} was in {accrual.currency}",
        )
    before = accrual.returned + in_review
    if before + returned.amount > accrual.basis:
        return Refusal(
            reason=MORE_THAN_BOUGHT,
            message=(
                f"{returned.amount} returned of order {accrual.order_id}, "
                f"but its basis was {accrual.basis} and {before} of it had come back before"
            ),
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A return that met its purchase, and what became of both; `taken` is None where no points moved."""

    returned: Return
    accrual: Accrual
    taken: Taken | None


def settle(
    returned: Return, accrual: Accrual, wallet: Wallet, policy: str, now: datetime, *, in_review: int = 0
) -> Settled:
    """Take back what this return costs: with what was taken before, the share of all that was returned.

    The purchase's own factors decide, never today's rule. Under `within_balance` a return whose points are not there
    any more takes nothing and goes to review.
    """
    no = refusal(accrual, returned, in_review)
    if no is not None:
        return _unmoved(returned, accrual, REFUSED, f"{no.reason}: {no.message}", now)
    total = taken_in_total(accrual.earned, accrual.returned + returned.amount, accrual.basis, accrual.rounding)
    points = total - accrual.taken_back
    cause = Cause(CLAWED_BACK, accrual.source, accrual.order_id, returned.return_id, returned.occurred_at, now)
    if policy == WITHIN_BALANCE and points > reachable(wallet, cause):
        message = f"{SHORTFALL}: {points} points are due, {reachable(wallet, cause)} are there"
        return _unmoved(returned, accrual, REVIEW, message, now)
    taken = take(wallet, points, cause, CLAWBACK, policy) if points else None
    return Settled(
        returned=returned._replace(
            member_id=accrual.member_id,
            points=points,
            shortfall=taken.shortfall if taken else 0,
            state=APPLIED,
            settled_at=now,
        ),
        accrual=accrual._replace(returned=accrual.returned + returned.amount, taken_back=total),
        taken=taken,
    )


def _unmoved(returned: Return, accrual: Accrual, state: str, reason: str, now: datetime) -> Settled:
    aside = returned._replace(member_id=accrual.member_id, state=state, reason=reason, settled_at=now)
    return Settled(returned=aside, accrual=accrual, taken=None)


def in_order(returns: list[Return]) -> list[Return]:
    """Returns that waited for the same purchase are taken by the time they happened, then by id."""
    return sorted(returns, key=lambda one: (one.occurred_at, one.source, one.return_id))
