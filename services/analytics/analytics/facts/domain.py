"""Facts of purchases and returns: what is kept of each, and what cannot be believed."""

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
    amount: int
    discount: int
    tax: int
    delivery: int
    channel: str
    shop: str
    body_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnFact:
    """A return: (`source`, `return_id`) is its identity, (`order_source`, `order_id`) the purchase it undoes."""

    source: str
    return_id: str
    order_source: str
    order_id: str
    occurred_at: datetime
    day: date
    amount: int
    body_hash: bytes


def refusal(*, currency: str, occurred_at: datetime, now: datetime, policy: Policy) -> Refusal | None:
    """Why a purchase or return is not counted, None when it is."""
    if currency != policy.currency:
        return Refusal(
            reason="currency_mismatch",
            message=f"The amount is in {currency}, the programme counts in {policy.currency}.",
        )
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
