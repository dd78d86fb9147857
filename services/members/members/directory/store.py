"""SQL of the member list: the one place where two subjects' tables, members and standings, are read together."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction

_FIELDS = """members.member_id, members.revision, members.status, members.registered_at, members.channel,
    members.region, members.gender, members.preferences::text AS preferences, members.profile"""
_CONDITIONS = {
    "tier": "standings.tier = :tier",
    "status": "members.status = :status",
    "channel": "members.channel = :channel",
    "region": "members.region = :region",
    "gender": "members.gender = :gender",
    "registered_from": "members.registered_at >= :registered_from",
    "registered_to": "members.registered_at < :registered_to",
}
_AFTER = "(members.registered_at, members.member_id) < (:after_at, :after_id)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Whom to list; None does not mind. `registered_to` is exclusive."""

    tier: str | None = None
    status: str | None = None
    channel: str | None = None
    region: str | None = None
    gender: str | None = None
    registered_from: datetime | None = None
    registered_to: datetime | None = None


async def members(
    tx: Transaction, wanted: Filter, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Row[Any]]:
    """Members, the newest first. The text has only the conditions that are asked for, so each has a plan of its own."""
    asked = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    params = {name: value for name, value in asked.items() if value is not None}
    conditions = [_CONDITIONS[name] for name in params]
    if after is not None:
        conditions.append(_AFTER)
        params.update(after_at=after[0], after_id=after[1])
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    join = "JOIN standings USING (member_id)" if "tier" in params else ""
    sql = (
        f"SELECT {_FIELDS} FROM members {join} {where} "
        "ORDER BY members.registered_at DESC, members.member_id DESC LIMIT :limit"
    )
    return await tx.fetch_all(sql, {**params, "limit": limit})
