"""SQL of members."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.security.callers import Caller
from common.storage import Transaction
from members.registry.domain import Member

FIELDS = """member_id, revision, status, registered_at, channel, region, gender, preferences::text AS preferences,
    profile"""
_ADD = """
    INSERT INTO members (member_id, revision, status, registered_at, recorded_at, updated_at, channel, region, gender,
        preferences, profile)
    SELECT member_id, 1, status, registered_at, :now, :now, channel, region, gender, CAST(preferences AS jsonb), profile
    FROM unnest(
        CAST(:member_ids AS uuid[]), CAST(:statuses AS text[]), CAST(:registered_at AS timestamptz[]),
        CAST(:channels AS text[]), CAST(:regions AS text[]), CAST(:genders AS text[]), CAST(:preferences AS text[]),
        CAST(:profiles AS text[])
    ) AS fresh (member_id, status, registered_at, channel, region, gender, preferences, profile)
"""
_READ = f"SELECT {FIELDS} FROM members WHERE member_id = :member_id"
_LOCK = f"{_READ} FOR UPDATE"
_CHANGE = """
    UPDATE members SET revision = :revision, status = :status, channel = :channel, region = :region, gender = :gender,
        preferences = CAST(:preferences AS jsonb), profile = :profile, updated_at = :now
    WHERE member_id = :member_id
"""
_NOTE = """
    INSERT INTO member_changes (member_id, revision, at, actor, actor_kind, action, values)
    SELECT member_id, revision, :at, :actor, :actor_kind, :action, values
    FROM unnest(CAST(:member_ids AS uuid[]), CAST(:revisions AS bigint[]), CAST(:values AS text[]))
        AS fresh (member_id, revision, values)
"""
_HISTORY = """
    SELECT revision, at, actor, actor_kind, action, values FROM member_changes
    WHERE member_id = :member_id AND revision < :below ORDER BY revision DESC LIMIT :limit
"""
_COUNT = "SELECT count(*) FROM members"


async def add(tx: Transaction, members: Sequence[Member], profiles: dict[UUID, str]) -> None:
    """Write down new members with their sealed profiles, sorted by id."""
    ordered = sorted(members, key=lambda member: member.member_id)
    await tx.execute(
        _ADD,
        {
            "now": tx.now,
            "member_ids": [member.member_id for member in ordered],
            "statuses": [member.status for member in ordered],
            "registered_at": [member.registered_at for member in ordered],
            "channels": [member.channel for member in ordered],
            "regions": [member.region for member in ordered],
            "genders": [member.gender for member in ordered],
            "preferences": [member.preferences for member in ordered],
            "profiles": [profiles[member.member_id] for member in ordered],
        },
    )


async def find(tx: Transaction, member_id: UUID, *, lock: bool = False) -> Row[Any] | None:
    return await tx.fetch_one(_LOCK if lock else _READ, {"member_id": member_id})


async def change(tx: Transaction, member: Member, profile: str) -> None:
    await tx.execute(
        _CHANGE,
        {
            "now": tx.now,
            "member_id": member.member_id,
            "revision": member.revision,
            "status": member.status,
            "channel": member.channel,
            "region": member.region,
            "gender": member.gender,
            "preferences": member.preferences,
            "profile": profile,
        },
    )


async def note(tx: Transaction, caller: Caller, action: str, values: dict[tuple[UUID, int], str | None]) -> None:
    """Who did what to which revisions; the values are sealed."""
    keys = sorted(values)
    await tx.execute(
        _NOTE,
        {
            "at": tx.now,
            "actor": caller.subject,
            "actor_kind": caller.kind,
            "action": action,
            "member_ids": [member_id for member_id, _ in keys],
            "revisions": [revision for _, revision in keys],
            "values": [values[key] for key in keys],
        },
    )


async def history(tx: Transaction, member_id: UUID, *, below: int, limit: int) -> Sequence[Row[Any]]:
    """Changes below a revision, the newest first."""
    return await tx.fetch_all(_HISTORY, {"member_id": member_id, "below": below, "limit": limit})


async def count(tx: Transaction) -> int:
    return int(await tx.fetch_value(_COUNT))
