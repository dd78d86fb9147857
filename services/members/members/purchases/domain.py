"""Which purchases and returns are taken, and which of several with one key."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

CURRENCY_MISMATCH = "currency_mismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the programme takes, and what of it counts as goods."""

    currency: str
    latest_future_hours: int
    earliest_year: int
    earn_on_tax: bool
    earn_on_delivery: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A code for machines and a sentence for people."""

    reason: str
    message: str


def refusal(currency: str, occurred_at: datetime, limits: Limits, now: datetime) -> Refusal | None:
    """Why something with this currency and time will never be taken; None when nothing speaks against it."""
    if currency != limits.currency:
        return Refusal(reason=CURRENCY_MISMATCH, message=f"The programme counts in {limits.currency}, not {currency}.")
    return absurdity(occurred_at, limits, now)


def absurdity(occurred_at: datetime, limits: Limits, now: datetime) -> Refusal | None:
    """Why nobody can mean this time; None when somebody can."""
    if occurred_at > now + timedelta(hours=limits.latest_future_hours):
        ahead = f"{occurred_at.isoformat()} is more than {limits.latest_future_hours} hours ahead."
        return Refusal(reason="absurd_time", message=ahead)
    if occurred_at < datetime(limits.earliest_year, 1, 1, tzinfo=UTC):
        return Refusal(
            reason="absurd_time", message=f"{occurred_at.isoformat()} is before the year {limits.earliest_year}."
        )
    return None


def basis_of(amount: int, discount: int, tax: int, delivery: int, *, on_tax: bool, on_delivery: bool) -> int:
    """What can come back of a purchase: goods net of discount, tax and delivery where the programme earns on them."""
    return amount - discount + (tax if on_tax else 0) + (delivery if on_delivery else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Same(Generic[T]):
    """What came under one key at once: the first counts, the others are measured against it."""

    first: T
    others: tuple[T, ...]


def grouped(keyed: Sequence[tuple[K, T]]) -> dict[K, Same[T]]:
    """By key, in the order of arrival."""
    groups: dict[K, list[T]] = {}
    for key, item in keyed:
        groups.setdefault(key, []).append(item)
    return {key: Same(first=items[0], others=tuple(items[1:])) for key, items in groups.items()}


class PurchaseNotFoundError(Exception):
    """No such purchase is recorded (yet)."""

    def __init__(self, *, source: str, order_id: str) -> None:
        super().__init__(f"No purchase {order_id!r} of {source} is recorded (yet).")
        self.source = source
        self.order_id = order_id
