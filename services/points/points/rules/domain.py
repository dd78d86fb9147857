"""The published earning rule: its versions, and which of them is valid when."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

PURCHASE_RATE = "purchase_rate"
"""The one rule of this floor: points per money."""

MAX_POINTS = 1_000_000
MAX_MINOR_UNITS = 1_000_000_000
MAX_TIERS = 100
_DECIMAL = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,4}))?")


class MultiplierError(ValueError):
    """A multiplier is not a decimal number from 0 to 999.9999."""

    def __init__(self, tier: str, multiplier: str) -> None:
        super().__init__(f"multiplier {multiplier!r} of tier {tier!r} is not a decimal number from 0 to 999.9999")
        self.tier = tier
        self.multiplier = multiplier


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVersion:
    """`points` per `per_minor_units`, times the tier's multiplier (1 for tiers not named). A version never changes."""

    rule: str
    version: int
    wallet: str
    points: int
    per_minor_units: int
    multipliers: Mapping[str, str]
    effective_from: datetime
    fractions: Mapping[str, tuple[str, int, int]] = field(repr=False)
    """The multiplier of each tier, as written and as an integer fraction."""


def fraction(tier: str, multiplier: str) -> tuple[str, int, int]:
    """`"1.5"` is ("1.5", 15, 10). Raises MultiplierError."""
    match = _DECIMAL.fullmatch(multiplier)
    if match is None:
        raise MultiplierError(tier, multiplier)
    whole, decimals = match[1], match[2] or ""
    return (multiplier, int(whole + decimals), 10 ** len(decimals))


def version_of(
    *,
    rule: str,
    version: int,
    wallet: str,
    points: int,
    per_minor_units: int,
    multipliers: Mapping[str, str],
    effective_from: datetime,
) -> RuleVersion:
    """Raises MultiplierError."""
    return RuleVersion(
        rule=rule,
        version=version,
        wallet=wallet,
        points=points,
        per_minor_units=per_minor_units,
        multipliers=multipliers,
        effective_from=effective_from,
        fractions={tier: fraction(tier, multiplier) for tier, multiplier in multipliers.items()},
    )


class RuleBook:
    """All published versions of one rule, for finding the one that is valid at an instant."""

    def __init__(self, versions: Sequence[RuleVersion]) -> None:
        self._versions = sorted(versions, key=lambda one: (one.effective_from, one.version))
        self._starts = [one.effective_from for one in self._versions]

    def valid_at(self, instant: datetime) -> RuleVersion | None:
        """The greatest `effective_from` not after `instant`; of several the one published last."""
        place = bisect_right(self._starts, instant)
        return self._versions[place - 1] if place else None

    def version(self, number: int) -> RuleVersion | None:
        return next((one for one in self._versions if one.version == number), None)
