"""The rules by which tiers are reached, and which of them hold when."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A tier and the qualifying amount (minor units) from which it is held."""

    key: str
    name: str
    rank: int
    threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How tiers are reached. `tiers` ascend, the first starts at 0; `window` None counts the whole life."""

    tiers: tuple[Tier, ...]
    window: timedelta | None
    falls: bool
    with_tax: bool = False
    with_delivery: bool = False
    since: datetime | None = None

    def tier_at(self, amount: int) -> Tier:
        return self.tiers[bisect_right([tier.threshold for tier in self.tiers[1:]], amount)]

    def tier_named(self, key: str) -> Tier | None:
        return next((tier for tier in self.tiers if tier.key == key), None)


def effective(versions: Iterable[Rules]) -> tuple[Rules, ...]:
    """Rules in the order they were decided → in the order they hold: a later decision replaces what it overlaps."""
    held: list[Rules] = []
    for version in versions:
        since = version.since
        held = [earlier for earlier in held if since is not None and (earlier.since is None or earlier.since < since)]
        held.append(version)
    if held:
        held[0] = replace(held[0], since=None)
    return tuple(held)


def direction(rules: Rules, before: str, after: str) -> str:
    """ "up", "down" or "none", by the ranks of today's rules; a tier that is no more ranks lowest."""
    ranks = {tier.key: tier.rank for tier in rules.tiers}
    left, right = ranks.get(before, -1), ranks.get(after, -1)
    return "up" if right > left else "down" if right < left else "none"


def next_tier(rules: Rules, tier: Tier) -> Tier | None:
    return next((above for above in rules.tiers if above.threshold > tier.threshold), None)
