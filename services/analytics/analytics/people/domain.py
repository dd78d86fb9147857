"""Members as figures see them: attributes without a person, and the tiers held one after another."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFact:
    member_id: UUID
    revision: int
    status: str
    registered_at: datetime
    channel: str
    region: str
    gender: str
    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TierSpan:
    """A tier held after `since` up to and including `until` (None: still held)."""

    tier: str
    since: datetime
    until: datetime | None


def spans(history: Iterable[tuple[str, datetime]]) -> list[TierSpan]:
    """Spans of an ordered history of (tier, since); of two at one instant the later in the list holds."""
    steps: dict[datetime, str] = {}
    for tier, since in history:
        steps[since] = tier
    ordered = sorted(steps.items())
    ends: list[datetime | None] = [since for since, _ in ordered[1:]]
    return [
        TierSpan(tier=tier, since=since, until=until)
        for (since, tier), until in zip(ordered, [*ends, None], strict=True)
    ]
