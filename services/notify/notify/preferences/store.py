"""SQL of members' wishes and contacts."""

from collections.abc import Sequence
from uuid import UUID

from common.events.members import MemberState
from common.storage import Transaction
from notify.preferences.domain import Recipient

_KEEP = """
    INSERT INTO contacts
        (member_id, revision, status, locale, time_zone, inbox, email, sms, wechat, marketing, box, updated_at)
    SELECT member_id, revision, status, locale, time_zone, inbox, email, sms, wechat, marketing, box, :now
    FROM unnest(
        CAST(:member_ids AS uuid[]), CAST(:revisions AS bigint[]), CAST(:statuses AS text[]), CAST(:locales AS text[]),
        CAST(:time_zones AS text[]), CAST(:inbox AS boolean[]), CAST(:email AS boolean[]), CAST(:sms AS boolean[]),
        CAST(:wechat AS boolean[]), CAST(:marketing AS boolean[]), CAST(:boxes AS bytea[]))
        AS new(member_id, revision, status, locale, time_zone, inbox, email, sms, wechat, marketing, box)
    ON CONFLICT (member_id) DO UPDATE SET
        revision = excluded.revision, status = excluded.status, locale = excluded.locale,
        time_zone = excluded.time_zone, inbox = excluded.inbox, email = excluded.email, sms = excluded.sms,
        wechat = excluded.wechat, marketing = excluded.marketing, box = excluded.box, updated_at = excluded.updated_at
    WHERE contacts.revision < excluded.revision
    RETURNING member_id
"""
_RECIPIENTS = """
    SELECT member_id, status, locale, time_zone, inbox, email, box IS NOT NULL AS reachable, tier, tier_revision
    FROM contacts WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
"""
_LOCK = (
    "SELECT member_id FROM contacts WHERE member_id = ANY(CAST(:member_ids AS uuid[])) ORDER BY member_id FOR UPDATE"
)
_BOXES = """
    SELECT member_id, box FROM contacts WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND box IS NOT NULL
"""
_TIERS = """
    UPDATE contacts SET tier = new.tier, tier_revision = new.revision
    FROM unnest(CAST(:member_ids AS uuid[]), CAST(:tiers AS text[]), CAST(:revisions AS bigint[]))
        AS new(member_id, tier, revision)
    WHERE contacts.member_id = new.member_id AND contacts.tier_revision < new.revision
"""


async def keep(tx: Transaction, members: Sequence[MemberState], boxes: Sequence[bytes | None]) -> set[UUID]:
    """Write what is newer than what is known; `members` sorted by id, each once. Returns whose row changed."""
    rows = await tx.fetch_all(
        _KEEP,
        {
            "now": tx.now,
            "member_ids": [member.member_id for member in members],
            "revisions": [member.revision for member in members],
            "statuses": [member.status for member in members],
            "locales": [member.preferences.locale for member in members],
            "time_zones": [member.preferences.time_zone for member in members],
            "inbox": [member.preferences.inbox for member in members],
            "email": [member.preferences.email for member in members],
            "sms": [member.preferences.sms for member in members],
            "wechat": [member.preferences.wechat for member in members],
            "marketing": [member.preferences.marketing for member in members],
            "boxes": list(boxes),
        },
    )
    return {row.member_id for row in rows}


async def recipients(tx: Transaction, member_ids: Sequence[UUID]) -> list[Recipient]:
    rows = await tx.fetch_all(_RECIPIENTS, {"member_ids": list(member_ids)})
    return [
        Recipient(
            member_id=member_id,
            status=status,
            locale=locale,
            time_zone=time_zone,
            inbox=inbox,
            email=email,
            reachable=reachable,
            tier=tier,
            tier_revision=tier_revision,
        )
        for member_id, status, locale, time_zone, inbox, email, reachable, tier, tier_revision in map(tuple, rows)
    ]


async def lock(tx: Transaction, member_ids: Sequence[UUID]) -> None:
    """In the order of ids, so that two workers wait for one another instead of deadlocking."""
    await tx.execute(_LOCK, {"member_ids": list(member_ids)})


async def boxes(tx: Transaction, member_ids: Sequence[UUID]) -> dict[UUID, bytes]:
    rows = await tx.fetch_all(_BOXES, {"member_ids": list(member_ids)})
    return {row.member_id: bytes(row.box) for row in rows}


async def keep_tiers(tx: Transaction, tiers: Sequence[tuple[UUID, str, int]]) -> None:
    """(member, tier, revision) where the revision is newer; members are locked and sorted."""
    await tx.execute(
        _TIERS,
        {
            "member_ids": [member_id for member_id, _, _ in tiers],
            "tiers": [tier for _, tier, _ in tiers],
            "revisions": [revision for _, _, revision in tiers],
        },
    )
