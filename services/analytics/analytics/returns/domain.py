"""Which returns count: never more comes back of a purchase than was paid for its goods."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from analytics.facts.domain import Refusal

WAITING, APPLIED, REFUSED = "waiting", "applied", "refused"

MORE_THAN_BOUGHT, CURRENCY_MISMATCH = "returned_more_than_bought", "currency_mismatch"

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A purchase as its returns see it; `returned` is what has come back of `basis`, minor units."""

    source: str
    order_id: str
    member_id: UUID
    channel: str
    currency: str
    basis: int
    returned: int = 0

    @property
    def key(self) -> Key:
        return (self.source, self.order_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnFact:
    """A return: (`source`, `return_id`) is its identity, (`order_source`, `order_id`) the purchase it undoes.

    State: `waiting` for its purchase, whose member and channel are not known; `applied`; `refused` for a reason.
    """

    source: str
    return_id: str
    order_source: str
    order_id: str
    member_id: UUID | None
    channel: str | None
    occurred_at: datetime
    day: date
    currency: str
    amount: int
    state: str
    reason: str
    body_hash: bytes

    @property
    def key(self) -> Key:
        return (self.source, self.return_id)

    @property
    def order_key(self) -> Key:
        return (self.order_source, self.order_id)


def refusal(order: Order, *, currency: str, amount: int) -> Refusal | None:
    """Whether a return contradicts its purchase, by what is known now."""
    if currency != order.currency:
        return Refusal(
            reason=CURRENCY_MISMATCH,
            message=f"the return is in {currency}, order {order.order_id} was in {order.currency}",
        )
    if order.returned + amount > order.basis:
        return Refusal(
            reason=MORE_THAN_BOUGHT,
            message=(
                f"{amount} returned of order {order.order_id}, "
                f"but its basis was {order.basis} and {order.returned} of it had come back before"
            ),
        )
    return None


def settle(returned: ReturnFact, order: Order) -> tuple[ReturnFact, Order]:
    """A return that met its purchase, and the purchase after it."""
    met = replace(returned, member_id=order.member_id, channel=order.channel)
    no = refusal(order, currency=returned.currency, amount=returned.amount)
    if no is not None:
        return replace(met, state=REFUSED, reason=f"{no.reason}: {no.message}"), order
    return replace(met, state=APPLIED), replace(order, returned=order.returned + returned.amount)


def in_order(returns: Iterable[ReturnFact]) -> list[ReturnFact]:
    """Returns that waited for the same purchase are taken by the time they happened, then by id."""
    return sorted(returns, key=lambda one: (one.occurred_at, one.source, one.return_id))
