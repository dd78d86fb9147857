"""Which tier a member held when, from the history that members told us."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """`tiers[i]` was held from `since[i]` on; before the first, and with no history, the programme's first tier."""

    member_id: UUID
    tiers: Sequence[str] = ()
    since: Sequence[datetime] = ()


def first_tier(ranks: Iterable[tuple[int, str]]) -> str:
    """Where everybody starts: of (rank, tier) the tier with the lowest rank."""
    return min(ranks, default=(0, "base"))[1]


def tier_before(facts: MemberFacts, instant: datetime, first_tier: str) -> str:
    """The tier held strictly before `instant`."""
    place = bisect_left(facts.since, instant)
    return facts.tiers[place - 1] if place else first_tier


def first_difference(before: MemberFacts, after: MemberFacts, first_tier: str) -> datetime | None:
    """From which instant on the two histories differ; None when they never do."""
    for instant in sorted({*before.since, *after.since}):
        if _tier_from(before, instant, first_tier) != _tier_from(after, instant, first_tier):
            return instant
    return None


def _tier_from(facts: MemberFacts, instant: datetime, first_tier: str) -> str:
    place = bisect_right(facts.since, instant)
    return facts.tiers[place - 1] if place else first_tier
