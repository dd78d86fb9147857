"""All SQL of gifts."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from common.storage import Transaction
from points.gifts.domain import Gift
from points.redemption.domain import UsedToday

_NAMES = [field.name for field in fields(Gift)]
_FIELDS = ", ".join(_NAMES)
_ADD = f"INSERT INTO gifts ({_FIELDS}) VALUES ({', '.join(f':{name}' for name in _NAMES)})"
_BY_IDS = f"SELECT {_FIELDS} FROM gifts WHERE gift_id = ANY(CAST(:ids AS uuid[])) ORDER BY gift_id"
_LOCKED = f"SELECT {_FIELDS} FROM gifts WHERE gift_id = :id FOR UPDATE"
_UNDONE = """
    UPDATE gifts SET state = :state, taken_back = :taken_back, undone_at = :now, undone_by = :undone_by
    WHERE gift_id = :gift_id
"""
_USED = """
    SELECT COALESCE(sum(points - taken_back), 0) AS points, count(*) FILTER (WHERE state <> 'undone') AS times
    FROM gifts WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND wallet = :wallet AND created_at >= :since
"""
_PAGE = f"""
    SELECT {_FIELDS} FROM gifts
    WHERE ((:direction <> 'received' AND member_id = :member_id)
            OR (:direction <> 'given' AND recipient_id = :member_id))
        AND (created_at, gift_id) < (:before_time, :before_id) AND created_at >= :since AND created_at < :until
    ORDER BY created_at DESC, gift_id DESC LIMIT :limit
"""


async def add(tx: Transaction, new: Gift) -> None:
    await tx.execute(_ADD, {name: getattr(new, name) for name in _NAMES})


async def by_ids(tx: Transaction, gift_ids: Iterable[UUID]) -> dict[UUID, Gift]:
    return {row.gift_id: Gift(**row._mapping) for row in await tx.fetch_all(_BY_IDS, {"ids": list(gift_ids)})}


async def by_id(tx: Transaction, gift_id: UUID) -> Gift | None:
    return (await by_ids(tx, [gift_id])).get(gift_id)


async def locked(tx: Transaction, gift_id: UUID) -> Gift | None:
    row = await tx.fetch_one(_LOCKED, {"id": gift_id})
    return None if row is None else Gift(**row._mapping)


async def undone(tx: Transaction, gift: Gift) -> None:
    await tx.execute(
        _UNDONE,
        {
            "gift_id": gift.gift_id,
            "state": gift.state,
            "taken_back": gift.taken_back,
            "now": tx.now,
            "undone_by": gift.undone_by,
        },
    )


async def used_since(
    tx: Transaction, member_ids: Iterable[UUID], wallet: str, since: datetime, resets_at: datetime
) -> UsedToday:
    """What these members, who are one person, gave since then."""
    row: Any = await tx.fetch_one(_USED, {"member_ids": list(member_ids), "wallet": wallet, "since": since})
    return UsedToday(points=int(row.points), times=row.times, resets_at=resets_at)


async def page(
    tx: Transaction,
    member_id: UUID,
    *,
    direction: str,
    since: datetime,
    until: datetime,
    before: tuple[datetime, UUID],
    limit: int,
) -> list[Gift]:
    """Gifts of and to a member, the latest first; `direction`: given, received, "" for both."""
    params = {
        "member_id": member_id,
        "direction": direction,
        "since": since,
        "until": until,
        "before_time": before[0],
        "before_id": before[1],
        "limit": limit,
    }
    return [Gift(**row._mapping) for row in await tx.fetch_all(_PAGE, params)]
