"""Facts of purchases: what is kept of each, and what of purchases and returns cannot be believed."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from analytics.calendar.domain import is_absurd


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the programme says about facts from outside."""

    currency: str
    latest_future_hours: int
    earliest_year: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a fact is not counted: a code and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseFact:
    """A purchase: (`source`, `order_id`) is its identity, money in minor units, `day` local to the programme."""

    source: str
    order_id: str
    member_id: UUID
    occurred_at: datetime
    day: date
    currency: str
    amount: int
    discount: int
    tax: int
    delivery: int
    basis: int
    channel: str
    shop: str
    body_hash: bytes


def basis_of(amount: int, discount: int, tax: int, delivery: int, *, on_tax: bool, on_delivery: bool) -> int:
    """What can come back of a purchase: goods net of discount, tax and delivery where the programme earns on them."""
    return amount - discount + (tax if on_tax else 0) + (delivery if on_delivery else 0)


def refusal(*, currency: str, occurred_at: datetime, now: datetime, policy: Policy) -> Refusal | None:
    """Why a purchase is not counted, None when it is."""
    if currency != policy.currency:
        return Refusal(
            reason="currency_mismatch",
            message=f"The amount is in {currency}, the programme counts in {policy.currency}.",
        )
    return absurdity(occurred_at, now=now, policy=policy)


def absurdity(occurred_at: datetime, *, now: datetime, policy: Policy) -> Refusal | None:
    """Why nobody can mean this time, None when somebody can."""
    if is_absurd(
        occurred_at,
        now=now,
        latest_future_hours=policy.latest_future_hours,
        earliest_year=policy.earliest_year,
    ):
        return Refusal(
            reason="absurd_time",
            message=f"{occurred_at.isoformat()} is before {policy.earliest_year} or more than "
            f"{policy.latest_future_hours} hours ahead of {now.isoformat()}.",
        )
    return None
