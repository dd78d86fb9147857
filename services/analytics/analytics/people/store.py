"""All SQL on members' attributes and tier histories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from analytics.people.domain import MemberFact, TierSpan
from common.storage import Transaction

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('analytics.members'))"
"""Two contracts write members: without this, two workers could lock them in opposite orders."""

KEEP_MEMBERS = """
    INSERT INTO members AS m (member_id, revision, status, registered_at, recorded_at, channel, region, gender, tier)
    SELECT member_id, revision, status, registered_at, CAST(:recorded_at AS timestamptz), channel, region, gender, tier
    FROM unnest(
        CAST(:member_id AS uuid[]), CAST(:revision AS bigint[]), CAST(:status AS text[]),
        CAST(:registered_at AS timestamptz[]), CAST(:channel AS text[]), CAST(:region AS text[]),
        CAST(:gender AS text[]), CAST(:tier AS text[])
    ) AS given (member_id, revision, status, registered_at, channel, region, gender, tier)
    ON CONFLICT (member_id) DO UPDATE SET revision = excluded.revision, status = excluded.status,
        registered_at = excluded.registered_at, recorded_at = excluded.recorded_at, channel = excluded.channel,
        region = excluded.region, gender = excluded.gender, tier = excluded.tier
    WHERE m.revision < excluded.revision
"""

KEEP_HISTORIES = """
    INSERT INTO tier_histories AS h (member_id, revision, tier, recorded_at)
    SELECT member_id, revision, tier, CAST(:recorded_at AS timestamptz)
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:revision AS bigint[]), CAST(:tier AS text[]))
        AS given (member_id, revision, tier)
    ON CONFLICT (member_id) DO UPDATE SET revision = excluded.revision, tier = excluded.tier,
        recorded_at = excluded.recorded_at
    WHERE h.revision < excluded.revision
    RETURNING member_id
"""

DROP_SPANS = "DELETE FROM tier_spans WHERE member_id = ANY(CAST(:member_id AS uuid[]))"

ADD_SPANS = """
    INSERT INTO tier_spans (member_id, since, tier, until)
    SELECT * FROM unnest(
        CAST(:member_id AS uuid[]), CAST(:since AS timestamptz[]), CAST(:tier AS text[]), CAST(:until AS timestamptz[]))
"""

COUNT = """
    SELECT count(*) AS members, count(*) FILTER (WHERE status = 'active') AS active, max(recorded_at) AS recorded_at
    FROM members
"""

LATEST_HISTORY = "SELECT max(recorded_at) FROM tier_histories"


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    members: int
    active: int
    recorded_at: datetime | None


async def keep_members(tx: Transaction, facts: Sequence[MemberFact]) -> None:
    """Keep each unless a higher revision is known; `facts` hold each member once, sorted."""
    await tx.execute(ONE_AT_A_TIME)
    await tx.execute(
        KEEP_MEMBERS,
        {
            "recorded_at": tx.now,
            "member_id": [fact.member_id for fact in facts],
            "revision": [fact.revision for fact in facts],
            "status": [fact.status for fact in facts],
            "registered_at": [fact.registered_at for fact in facts],
            "channel": [fact.channel for fact in facts],
            "region": [fact.region for fact in facts],
            "gender": [fact.gender for fact in facts],
            "tier": [fact.tier for fact in facts],
        },
    )


async def keep_histories(tx: Transaction, histories: Sequence[tuple[UUID, int, str]]) -> set[UUID]:
    """Keep each (member, revision, tier) unless a higher revision is known; returns the members that changed."""
    rows = await tx.fetch_all(
        KEEP_HISTORIES,
        {
            "recorded_at": tx.now,
            "member_id": [history[0] for history in histories],
            "revision": [history[1] for history in histories],
            "tier": [history[2] for history in histories],
        },
    )
    return {row.member_id for row in rows}


async def replace_spans(tx: Transaction, spans: Mapping[UUID, Sequence[TierSpan]]) -> None:
    """Replace the spans of these members; their histories are locked by `keep_histories`."""
    rows = [(member_id, span) for member_id in sorted(spans) for span in spans[member_id]]
    await tx.execute(DROP_SPANS, {"member_id": sorted(spans)})
    await tx.execute(
        ADD_SPANS,
        {
            "member_id": [member_id for member_id, _ in rows],
            "since": [span.since for _, span in rows],
            "tier": [span.tier for _, span in rows],
            "until": [span.until for _, span in rows],
        },
    )


async def people(tx: Transaction) -> People:
    """How many members are known, and when the last thing about one was heard."""
    row = await tx.fetch_one(COUNT)
    assert row is not None
    latest = await tx.fetch_value(LATEST_HISTORY)
    heard = [at for at in (row.recorded_at, latest) if at is not None]
    return People(members=row.members, active=row.active, recorded_at=max(heard, default=None))
