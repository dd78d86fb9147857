"""What one purchase earned, why, and how much of it returns took back."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

FLOOR, HALF_UP, CEIL = "floor", "half_up", "ceil"

Key = tuple[str, str]
"""A purchase: (source, order id)."""


class Accrual(NamedTuple):
    """What a purchase earned and every factor of it.

    `basis` and `returned` are minor units; the rate is `rate_points` per `rate_per` minor units, times `multiplier` (a
    decimal number as text). Its net is `earned` less `taken_back`.
    """

    source: str
    order_id: str
    member_id: UUID
    wallet: str
    currency: str
    basis: int
    rule: str
    rule_version: int
    rate_points: int
    rate_per: int
    tier: str
    multiplier: str
    rounding: str
    earned: int
    returned: int
    taken_back: int
    occurred_at: datetime
    recorded_at: datetime
    expires_at: datetime | None
    body_hash: bytes

    @property
    def key(self) -> Key:
        return (self.source, self.order_id)

    @property
    def net(self) -> int:
        return self.earned - self.taken_back


class Repricing(NamedTuple):
    """One correction of an accrual, kept for ever. `points` is signed: the change of the accrual's net."""

    source: str
    order_id: str
    number: int
    previous_tier: str
    tier: str
    previous_earned: int
    earned: int
    points: int
    reason: str
    recorded_at: datetime


def rounded(numerator: int, denominator: int, mode: str) -> int:
    """The fraction (never negative) as a whole number: `floor`, `half_up` or `ceil`."""
    if mode == FLOOR:
        return numerator // denominator
    if mode == CEIL:
        return -(-numerator // denominator)
    if mode == HALF_UP:
        return (2 * numerator + denominator) // (2 * denominator)
    raise ValueError(f"rounding mode {mode!r} is not known")


def taken_in_total(earned: int, returned: int, basis: int, mode: str) -> int:
    """What returns have taken back when `returned` of `basis` came back: cumulative, so any split sums to the whole."""
    return earned if returned >= basis else min(earned, rounded(earned * returned, basis, mode))
