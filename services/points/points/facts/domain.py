"""What was true of a member when: tier and segments by the history that was told, and who holds the points now."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class SegmentChange(NamedTuple):
    """From `occurred_at` on the member was (`entered`) or was not in the segment; revisions count these changes."""

    segment: str
    revision: int
    entered: bool
    occurred_at: datetime


class MemberFacts(NamedTuple):
    """`tiers[i]` was held from `since[i]` on; before the first, and with no history, the programme's first tier.

    `birthday` is a sealed box. Since `merged_at` the member is one with `merged_into`.
    """

    member_id: UUID
    tiers: Sequence[str] = ()
    since: Sequence[datetime] = ()
    registered_at: datetime | None = None
    birthday: str | None = None
    merged_into: UUID | None = None
    merged_at: datetime | None = None
    segments: Sequence[SegmentChange] = ()


def first_tier(ranks: Iterable[tuple[int, str]]) -> str:
    """Where everybody starts: of (rank, tier) the tier with the lowest rank."""
    return min(ranks, default=(0, "base"))[1]


def tier_before(facts: MemberFacts, instant: datetime, first_tier: str) -> str:
    """The tier held strictly before `instant`."""
    place = bisect_left(facts.since, instant)
    return facts.tiers[place - 1] if place else first_tier


def segments_before(changes: Iterable[SegmentChange], instant: datetime) -> frozenset[str]:
    """The segments the member was in strictly before `instant`: of each the highest revision that had occurred."""
    newest: dict[str, SegmentChange] = {}
    for change in changes:
        if change.occurred_at < instant:
            known = newest.get(change.segment)
            if known is None or known.revision < change.revision:
                newest[change.segment] = change
    return frozenset(segment for segment, change in newest.items() if change.entered)


def first_difference(before: MemberFacts, after: MemberFacts, first_tier: str) -> datetime | None:
    """From which instant on the two tier histories differ; None when they never do."""
    for instant in sorted({*before.since, *after.since}):
        if _tier_from(before, instant, first_tier) != _tier_from(after, instant, first_tier):
            return instant
    return None


def _tier_from(facts: MemberFacts, instant: datetime, first_tier: str) -> str:
    place = bisect_right(facts.since, instant)
    return facts.tiers[place - 1] if place else first_tier


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of some members, by the member's id as a whole number (a UUID compares in Python). Who has none, has
    nothing but the first tier. Whoever a member was merged into is among them.
    """

    members: Mapping[int, MemberFacts] = field(default_factory=dict)

    def of(self, member_id: UUID) -> MemberFacts:
        return self.members.get(member_id.int) or MemberFacts(member_id=member_id)

    def owner(self, member_id: UUID) -> UUID:
        """Who holds the points now."""
        return self._follow(member_id, None)

    def person(self, member_id: UUID, occurred_at: datetime) -> UUID:
        """Who the member was then: from a merge on the one who stayed."""
        return self._follow(member_id, occurred_at)

    def _follow(self, member_id: UUID, at: datetime | None) -> UUID:
        facts = self.members.get(member_id.int)
        if facts is None or facts.merged_into is None:
            return member_id
        return self._follow_on(member_id, at)

    def _follow_on(self, member_id: UUID, at: datetime | None) -> UUID:
        seen = {member_id.int}
        while (facts := self.members.get(member_id.int)) is not None and facts.merged_into is not None:
            begun = at is None or facts.merged_at is None or facts.merged_at <= at
            if not begun or facts.merged_into.int in seen:
                break
            member_id = facts.merged_into
            seen.add(member_id.int)
        return member_id

    def missing(self) -> set[UUID]:
        """Members that others were merged into, and whose facts are not among these."""
        into = {facts.merged_into for facts in self.members.values() if facts.merged_into is not None}
        return {member_id for member_id in into if member_id.int not in self.members}

    def with_segments(self, changes: Mapping[UUID, Sequence[SegmentChange]]) -> "Known":
        members = dict(self.members)
        for member_id, found in changes.items():
            members[member_id.int] = self.of(member_id)._replace(segments=found)
        return Known(members)
