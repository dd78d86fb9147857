"""All SQL about what points knows of members."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from common.events.members import MemberState, MemberTierChanged
from common.events.segments import SegmentMembership
from common.storage import Transaction
from points.facts.domain import MemberFacts, SegmentChange

_KEEP_STATES = """
    INSERT INTO members (member_id, revision, status, registered_at, birthday, tier_revision, tier, history_tiers,
        history_since)
    SELECT member_id, revision, status, registered_at, birthday, 0, tier, '{}', '{}'
    FROM unnest(CAST(:member_ids AS uuid[]), CAST(:revisions AS bigint[]), CAST(:statuses AS text[]),
        CAST(:registered_at AS timestamptz[]), CAST(:birthdays AS text[]), CAST(:tiers AS text[]))
        AS new(member_id, revision, status, registered_at, birthday, tier)
    ON CONFLICT (member_id) DO UPDATE SET revision = excluded.revision, status = excluded.status,
        registered_at = excluded.registered_at, birthday = excluded.birthday
    WHERE members.revision < excluded.revision
"""
_STATES = """
    SELECT member_id, revision, status, registered_at, birthday FROM members
    WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
"""
_KEEP_HISTORIES = """
    INSERT INTO members (member_id, revision, status, registered_at, tier_revision, tier, history_tiers, history_since)
    SELECT member_id, 0, 'active', NULL, revision, tier, tiers, since
    FROM jsonb_to_recordset(CAST(:histories AS jsonb))
        AS new(member_id uuid, revision bigint, tier text, tiers text[], since timestamptz[])
    ON CONFLICT (member_id) DO UPDATE SET tier_revision = excluded.tier_revision, tier = excluded.tier,
        history_tiers = excluded.history_tiers, history_since = excluded.history_since
"""
_FACTS = """
    SELECT member_id, history_tiers, history_since, registered_at, birthday, merged_into, merged_at FROM members
    WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND (tier_revision > 0 OR merged_into IS NOT NULL OR :everybody)
"""
_TIER_REVISIONS = """
    SELECT member_id, tier_revision FROM members WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
"""
_SEGMENTS = """
    SELECT member_id, segment, revision, entered, occurred_at FROM segment_changes
    WHERE member_id = ANY(CAST(:member_ids AS uuid[])) ORDER BY member_id, segment, revision
"""
_KEEP_SEGMENTS = """
    INSERT INTO segment_changes (member_id, segment, revision, entered, occurred_at)
    SELECT * FROM unnest(CAST(:member_ids AS uuid[]), CAST(:segments AS text[]), CAST(:revisions AS bigint[]),
        CAST(:entered AS boolean[]), CAST(:occurred_at AS timestamptz[]))
"""
_MERGE = """
    INSERT INTO members (member_id, revision, status, registered_at, tier_revision, tier, history_tiers, history_since,
        merged_into, merged_at)
    VALUES (:member_id, 0, 'active', NULL, 0, 'base', '{}', '{}', :merged_into, :merged_at)
    ON CONFLICT (member_id) DO UPDATE SET merged_into = excluded.merged_into, merged_at = excluded.merged_at
"""
_GROUP = """
    WITH RECURSIVE one AS (
        SELECT CAST(:member_id AS uuid) AS member_id
        UNION
        SELECT members.member_id FROM members JOIN one ON members.merged_into = one.member_id
    )
    SELECT member_id FROM one
"""
_RELATIVES = """
    WITH RECURSIVE up AS (
        SELECT member_id AS asked, member_id, merged_into FROM members
        WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
        UNION
        SELECT up.asked, members.member_id, members.merged_into FROM up JOIN members
            ON members.member_id = up.merged_into
    ), down AS (
        SELECT asked, member_id FROM up WHERE merged_into IS NULL
        UNION
        SELECT down.asked, members.member_id FROM down JOIN members ON members.merged_into = down.member_id
    )
    SELECT asked, member_id FROM down WHERE asked <> member_id
"""


async def states(tx: Transaction, member_ids: Iterable[UUID]) -> dict[UUID, Any]:
    """`revision, status, registered_at, birthday` of those that are known."""
    return {row.member_id: row for row in await tx.fetch_all(_STATES, {"member_ids": list(member_ids)})}


async def keep_states(tx: Transaction, states: Sequence[MemberState]) -> None:
    """One state per member, sorted by member; older revisions than the known one change nothing."""
    await tx.execute(
        _KEEP_STATES,
        {
            "member_ids": [state.member_id for state in states],
            "revisions": [state.revision for state in states],
            "statuses": [state.status for state in states],
            "registered_at": [state.registered_at for state in states],
            "birthdays": [state.birthday.box if state.birthday else None for state in states],
            "tiers": [state.tier for state in states],
        },
    )


async def keep_histories(tx: Transaction, histories: Sequence[tuple[MemberTierChanged, MemberFacts]]) -> None:
    """Replace members' tier histories; the caller holds their wallets and has compared the revisions."""
    rows = [
        {
            "member_id": str(change.member_id),
            "revision": change.revision,
            "tier": change.tier,
            "tiers": list(facts.tiers),
            "since": [since.isoformat() for since in facts.since],
        }
        for change, facts in histories
    ]
    await tx.execute(_KEEP_HISTORIES, {"histories": json.dumps(rows)})


async def tier_revisions(tx: Transaction, member_ids: Iterable[UUID]) -> Mapping[UUID, int]:
    rows = await tx.fetch_all(_TIER_REVISIONS, {"member_ids": list(member_ids)})
    return {row.member_id: row.tier_revision for row in rows}


async def facts_of(tx: Transaction, member_ids: Iterable[UUID], *, everybody: bool) -> dict[int, MemberFacts]:
    """By the id as a whole number; unless `everybody`, only members with a tier history or who were merged."""
    rows: Sequence[Any] = await tx.fetch_all(_FACTS, {"member_ids": list(member_ids), "everybody": everybody})
    return {row[0].int: MemberFacts(*row) for row in rows}


async def segments_of(tx: Transaction, member_ids: Iterable[UUID]) -> dict[UUID, list[SegmentChange]]:
    """All changes of these members' segments."""
    found: dict[UUID, list[SegmentChange]] = {}
    rows: Sequence[Any] = await tx.fetch_all(_SEGMENTS, {"member_ids": list(member_ids)})
    for member_id, *change in rows:
        found.setdefault(member_id, []).append(SegmentChange(*change))
    return found


async def keep_segments(tx: Transaction, changes: Sequence[tuple[SegmentMembership, SegmentChange]]) -> None:
    """New changes, sorted by member."""
    await tx.execute(
        _KEEP_SEGMENTS,
        {
            "member_ids": [told.member_id for told, _ in changes],
            "segments": [change.segment for _, change in changes],
            "revisions": [change.revision for _, change in changes],
            "entered": [change.entered for _, change in changes],
            "occurred_at": [change.occurred_at for _, change in changes],
        },
    )


async def merge(tx: Transaction, member_id: UUID, merged_into: UUID | None, merged_at: datetime | None) -> None:
    """Keep who holds the member's points."""
    await tx.execute(_MERGE, {"member_id": member_id, "merged_into": merged_into, "merged_at": merged_at})


async def group(tx: Transaction, member_id: UUID) -> list[UUID]:
    """The member and all that were merged into it."""
    return [row.member_id for row in await tx.fetch_all(_GROUP, {"member_id": member_id})]


async def relatives(tx: Transaction, member_ids: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """(member, another one that is the same person by merges)."""
    rows = await tx.fetch_all(_RELATIVES, {"member_ids": list(member_ids)})
    return [(row.asked, row.member_id) for row in rows]
