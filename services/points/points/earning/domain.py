"""What a purchase earns and why."""

from datetime import datetime
from zoneinfo import ZoneInfo

from points.accruals.domain import rounded
from points.rules.domain import RuleVersion
from points.times import months_later

MAX_EARNED = 10**15
"""No single purchase earns more: beyond it a rule, or an amount, is a mistake."""

ONE = ("1", 1, 1)


def basis_of(amount: int, discount: int, tax: int, delivery: int, *, on_tax: bool, on_delivery: bool) -> int:
    """What is earned on: goods net of discount, tax and delivery by switch. How it was paid does not matter."""
    return amount - discount + (tax if on_tax else 0) + (delivery if on_delivery else 0)


def earned_by(basis: int, rate_points: int, rate_per: int, multiplier: tuple[str, int, int], rounding: str) -> int:
    """Rate and multiplier first, then rounding, once."""
    _, numerator, denominator = multiplier
    return rounded(basis * rate_points * numerator, rate_per * denominator, rounding)


def multiplier_of(rule: RuleVersion, tier: str) -> tuple[str, int, int]:
    """The tier's multiplier as text and fraction; 1 for tiers the rule does not name."""
    return rule.fractions.get(tier, ONE)


def expiry(occurred_at: datetime, months: int, zone: ZoneInfo) -> datetime | None:
    """When points earned then are gone; None for never."""
    return months_later(occurred_at, months, zone) if months else None
