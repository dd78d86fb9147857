"""The programme of the demonstration: its settings, its earning rules, and the same said to the oracle."""

from datetime import timedelta
from fractions import Fraction
from typing import Any

from loyalty.cdnow import CURRENCY, TIME_ZONE
from loyalty.demo.oracle import Level

WINDOW_DAYS = 365
TIERS = (  # key, name, rolling spend in cents from which it is held, multiplier of points
    ("base", "Base", 0, "1"),
    ("silver", "Silver", 100_00, "1.2"),
    ("gold", "Gold", 250_00, "1.5"),
    ("platinum", "Platinum", 600_00, "2"),
)
POINTS, PER_MINOR_UNITS = 1, 100
RULE_FROM = "1990-01-01T00:00:00Z"

SETTINGS: dict[str, Any] = {
    "name": "CDNOW Club",
    "currency": CURRENCY,
    "time_zone": TIME_ZONE,
    "rounding": "floor",
    "negative_policy": "allow_negative",
    "tier_window_days": WINDOW_DAYS,
    "tier_downgrade": "never",
    "tiers": [
        {"key": key, "name": name, "rank": rank, "threshold": threshold}
        for rank, (key, name, threshold, _) in enumerate(TIERS)
    ],
}
"""What differs from the defaults, by the names of `ProgrammeSettings`."""


def rules() -> dict[str, dict[str, Any]]:
    """The earning rules as points wants them, by key: 1 point per 1.00, times the tier's multiplier."""
    return {
        "purchase_rate": {
            "names": {"zh-CN": "消费积分", "en": "Points for purchases"},
            "effect": {"kind": "rate", "points": POINTS, "per_minor_units": PER_MINOR_UNITS},
        },
        "tier_multiplier": {
            "names": {"zh-CN": "等级倍率", "en": "Multiplier of the tier"},
            "effect": {"kind": "multiplier", "by_tier": {key: multiplier for key, _, _, multiplier in TIERS}},
        },
    }


def window() -> timedelta:
    return timedelta(days=WINDOW_DAYS)


def levels() -> list[Level]:
    """The tiers and the rules as the oracle wants them."""
    return [
        Level(
            tier=key,
            threshold=threshold,
            points_per_minor_unit=Fraction(POINTS, PER_MINOR_UNITS) * Fraction(multiplier),
        )
        for key, _, threshold, multiplier in TIERS
    ]
