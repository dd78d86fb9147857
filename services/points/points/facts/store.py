"""All SQL about what points knows of members."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from common.events.members import MemberState, MemberTierChanged
from common.storage import Transaction
from points.facts.domain import MemberFacts

_KEEP_STATES = """
    INSERT INTO members (member_id, revision, status, registered_at, tier_revision, tier, history_tiers, history_since)
    SELECT member_id, revision, status, registered_at, 0, tier, '{}', '{}'
    FROM unnest(CAST(:member_ids AS uuid[]), CAST(:revisions AS bigint[]), CAST(:statuses AS text[]),
        CAST(:registered_at AS timestamptz[]), CAST(:tiers AS text[]))
        AS new(member_id, revision, status, registered_at, tier)
    ON CONFLICT (member_id) DO UPDATE SET revision = excluded.revision, status = excluded.status,
        registered_at = excluded.registered_at
    WHERE members.revision < excluded.revision
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
    SELECT member_id, history_tiers, history_since FROM members
    WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND tier_revision > 0
"""
_TIER_REVISIONS = """
    SELECT member_id, tier_revision FROM members WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
"""


async def keep_states(tx: Transaction, states: Sequence[MemberState]) -> None:
    """One state per member, sorted by member; older revisions than the known one change nothing."""
    await tx.execute(
        _KEEP_STATES,
        {
            "member_ids": [state.member_id for state in states],
            "revisions": [state.revision for state in states],
            "statuses": [state.status for state in states],
            "registered_at": [state.registered_at for state in states],
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


async def histories_of(tx: Transaction, member_ids: Iterable[UUID]) -> dict[int, MemberFacts]:
    """Of those members that have a tier history, by the id as a whole number."""
    rows: Sequence[Any] = await tx.fetch_all(_FACTS, {"member_ids": list(member_ids)})
    return {
        member_id.int: MemberFacts(member_id=member_id, tiers=tiers, since=since) for member_id, tiers, since in rows
    }
