"""Which returns take effect: never more comes back of a purchase than was paid for its goods."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from members.purchases.domain import CURRENCY_MISMATCH, Limits, Refusal, absurdity

WAITING, APPLIED, REFUSED = "waiting", "applied", "refused"

MORE_THAN_BOUGHT = "returned_more_than_bought"

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A purchase as its returns see it; `returned` is what has come back of `basis`, minor units."""

    source: str
    order_id: str
    member_id: UUID
    currency: str
    basis: int
    returned: int = 0

    @property
    def key(self) -> Key:
        return (self.source, self.order_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A return of `amount` minor units. The member is known once the purchase is.

    State: `waiting` for its purchase; `applied`; `refused`, and then `refusal` says why.
    """

    source: str
    return_id: str
    order_source: str
    order_id: str
    member_id: UUID | None
    occurred_at: datetime
    currency: str
    amount: int
    state: str = WAITING
    refusal: str = ""

    @property
    def key(self) -> Key:
        return (self.source, self.return_id)

    @property
    def order_key(self) -> Key:
        return (self.order_source, self.order_id)


def impossible(returned: Return, order: Order | None, limits: Limits, now: datetime) -> Refusal | None:
    """Why a return that has just come will never be taken; None when nothing speaks against it."""
    absurd = absurdity(returned.occurred_at, limits, now)
    if absurd is not None:
        return absurd
    if order is not None:
        return contradiction(order, returned)
    if returned.currency != limits.currency:
        return Refusal(
            reason=CURRENCY_MISMATCH,
            message=f"the return is in {returned.currency}, the programme in {limits.currency}",
        )
    return None


def contradiction(order: Order, returned: Return) -> Refusal | None:
    """Whether the return contradicts its purchase, by what is known now."""
    if returned.currency != order.currency:
        return Refusal(
            reason=CURRENCY_MISMATCH,
            message=f"the return is in {returned.currency}, order {order.order_id} was in {order.currency}",
        )
    if order.returned + returned.amount > order.basis:
        return Refusal(
            reason=MORE_THAN_BOUGHT,
            message=(
                f"{returned.amount} returned of order {order.order_id}, "
                f"but its basis was {order.basis} and {order.returned} of it had come back before"
            ),
        )
    return None


def settle(returned: Return, order: Order) -> tuple[Return, Order]:
    """A return that met its purchase, and the purchase after it."""
    met = replace(returned, member_id=order.member_id)
    no = contradiction(order, returned)
    if no is not None:
        return replace(met, state=REFUSED, refusal=f"{no.reason}: {no.message}"), order
    return replace(met, state=APPLIED), replace(order, returned=order.returned + returned.amount)


def in_order(returns: Iterable[Return]) -> list[Return]:
    """Returns that waited for the same purchase are taken by the time they happened, then by id."""
    return sorted(returns, key=lambda one: (one.occurred_at, one.source, one.return_id))
