"""What the programme's settings must be, and what a change of them means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

TIER_FIELDS = frozenset({"tiers", "tier_window_days", "tier_downgrade", "earn_on_tax", "earn_on_delivery"})
"""Changes of these change who holds which tier."""
MAX_TIERS = 20
FIRST_TIER = "base"


class ProgrammeInvalidError(Exception):
    """A setting that contradicts another one."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class ProgrammeStaleError(Exception):
    """Somebody else changed the settings in the meantime."""

    def __init__(self, *, seen: int, revision: int) -> None:
        super().__init__(f"The programme is at revision {revision}, you have seen {seen}: read it again.")
        self.seen = seen
        self.revision = revision


class CurrencyInUseError(Exception):
    """Amounts of recorded purchases would suddenly mean something else."""

    def __init__(self, *, currency: str, wanted: str) -> None:
        super().__init__(f"Purchases are recorded in {currency}: the programme cannot count in {wanted} any more.")
        self.currency = currency
        self.wanted = wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A tier as it is wanted."""

    key: str
    rank: int
    threshold: int


def check_tiers(steps: Sequence[Step]) -> None:
    """Raises ProgrammeInvalidError unless the tiers ascend from the first one, which everybody holds at 0."""
    if not 1 <= len(steps) <= MAX_TIERS:
        raise ProgrammeInvalidError("tiers", f"there are 1 to {MAX_TIERS} tiers")
    if len({step.key for step in steps}) != len(steps):
        raise ProgrammeInvalidError("tiers", "a key is there twice")
    ascending = sorted(steps, key=lambda step: step.rank)
    first = ascending[0]
    if (first.key, first.rank, first.threshold) != (FIRST_TIER, 0, 0):
        raise ProgrammeInvalidError("tiers", f"the first tier has key {FIRST_TIER!r}, rank 0 and threshold 0")
    for lower, higher in pairwise(ascending):
        if higher.rank == lower.rank:
            raise ProgrammeInvalidError("tiers", f"{lower.key!r} and {higher.key!r} have the same rank")
        if higher.threshold <= lower.threshold:
            raise ProgrammeInvalidError("tiers", f"the threshold of {higher.key!r} is not above that of {lower.key!r}")


def check_revision(seen: int | None, revision: int) -> None:
    """Raises ProgrammeStaleError when the editor has seen another revision than there is."""
    if seen is not None and seen != revision:
        raise ProgrammeStaleError(seen=seen, revision=revision)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the settings that differ."""
    return tuple(sorted(name for name in after if before.get(name) != after[name]))
