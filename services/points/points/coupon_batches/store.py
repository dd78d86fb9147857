"""All SQL of bulk jobs."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from points.coupon_batches.domain import Batch
from points.database import columns

_FIELDS = ", ".join(Batch._fields)
_ADD = f"""
    INSERT INTO coupon_batches ({_FIELDS})
    VALUES ({", ".join(f":{name}" for name in Batch._fields)})
"""
_LOCK = f"SELECT {_FIELDS} FROM coupon_batches WHERE batch_id = :batch_id FOR UPDATE"
_FIND = f"SELECT {_FIELDS} FROM coupon_batches WHERE batch_id = :batch_id"
_NEXT = f"""
    SELECT {_FIELDS} FROM coupon_batches WHERE state = 'running'
    ORDER BY created_at, batch_id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_LIST = f"""
    SELECT {_FIELDS} FROM coupon_batches
    WHERE (created_at, batch_id) < (:created_at, :batch_id) AND (CAST(:state AS text) IS NULL OR state = :state)
    ORDER BY created_at DESC, batch_id DESC LIMIT :limit
"""
_SAVE = """
    UPDATE coupon_batches SET state = :state, total = :total, issued = :issued, failed = :failed,
        reached = :reached, why = :why, changed_at = :now
    WHERE batch_id = :batch_id
"""
_ADD_MEMBERS = """
    INSERT INTO coupon_batch_members (batch_id, member_id)
    SELECT :batch_id, member_id FROM unnest(CAST(:member_ids AS uuid[])) AS new(member_id) ORDER BY member_id
    ON CONFLICT DO NOTHING
"""
_LISTED = "SELECT count(*) FROM coupon_batch_members WHERE batch_id = :batch_id"
_IN_SEGMENT = """
    SELECT member_id FROM (
        SELECT DISTINCT ON (member_id) member_id, entered FROM segment_changes
        WHERE segment = :chosen AND member_id > :after ORDER BY member_id, revision DESC
    ) AS newest WHERE entered
"""
_AUDIENCES = {
    "members": "SELECT member_id FROM coupon_batch_members WHERE batch_id = :batch_id AND member_id > :after",
    "all": "SELECT member_id FROM members WHERE status = 'active' AND member_id > :after",
    "tier": "SELECT member_id FROM members WHERE status = 'active' AND tier = :chosen AND member_id > :after",
    "segment": f"SELECT member_id FROM members JOIN ({_IN_SEGMENT}) AS inside USING (member_id) "
    "WHERE status = 'active' AND member_id > :after",
}
_PARTS = {audience: f"{sql} ORDER BY member_id LIMIT :limit" for audience, sql in _AUDIENCES.items()}
_COUNTS = {audience: f"SELECT count(*) FROM ({sql}) AS wanted" for audience, sql in _AUDIENCES.items()}
_ADD_ERRORS = """
    INSERT INTO coupon_batch_errors (batch_id, member_id, code, message)
    SELECT :batch_id, member_id, code, message
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:code AS text[]), CAST(:message AS text[]))
        AS new(member_id, code, message)
    ON CONFLICT (batch_id, member_id) DO UPDATE SET code = excluded.code, message = excluded.message
"""
_ERRORS = """
    SELECT member_id, code, message FROM coupon_batch_errors
    WHERE batch_id = :batch_id AND member_id > :after AND (CAST(:code AS text) IS NULL OR code = :code)
    ORDER BY member_id LIMIT :limit
"""
FIRST = UUID(int=0)


async def add(tx: Transaction, batch: Batch) -> None:
    await tx.execute(_ADD, batch._asdict())


async def lock(tx: Transaction, batch_id: UUID) -> Batch | None:
    row: Any = await tx.fetch_one(_LOCK, {"batch_id": batch_id})
    return None if row is None else Batch._make(row)


async def find(tx: Transaction, batch_id: UUID) -> Batch | None:
    row: Any = await tx.fetch_one(_FIND, {"batch_id": batch_id})
    return None if row is None else Batch._make(row)


async def next_running(tx: Transaction) -> Batch | None:
    """The oldest job that runs and that nobody works on now, locked."""
    row: Any = await tx.fetch_one(_NEXT)
    return None if row is None else Batch._make(row)


async def batches(tx: Transaction, state: str | None, *, before: tuple[Any, UUID], limit: int) -> list[Batch]:
    """The newest first."""
    params = {"state": state, "created_at": before[0], "batch_id": before[1], "limit": limit}
    return [Batch._make(row) for row in await tx.fetch_all(_LIST, params)]


async def save(tx: Transaction, batch: Batch) -> None:
    await tx.execute(_SAVE, {**batch._asdict(), "now": tx.now})


async def add_members(tx: Transaction, batch_id: UUID, member_ids: Iterable[UUID]) -> int:
    """How many were new in the list."""
    return await tx.execute(_ADD_MEMBERS, {"batch_id": batch_id, "member_ids": list(member_ids)})


async def listed(tx: Transaction, batch_id: UUID) -> int:
    return int(await tx.fetch_value(_LISTED, {"batch_id": batch_id}))


async def size(tx: Transaction, batch: Batch) -> int:
    """How many members the audience has now."""
    return int(await tx.fetch_value(_COUNTS[batch.audience], _where(batch, FIRST)))


async def following(tx: Transaction, batch: Batch, limit: int) -> list[UUID]:
    """The audience's next members after `reached`, by id."""
    params = {**_where(batch, batch.reached or FIRST), "limit": limit}
    rows: Sequence[Any] = await tx.fetch_all(_PARTS[batch.audience], params)
    return [row.member_id for row in rows]


def _where(batch: Batch, after: UUID) -> dict[str, Any]:
    if batch.audience == "members":
        return {"batch_id": batch.batch_id, "after": after}
    return {"after": after} if batch.audience == "all" else {"after": after, "chosen": batch.chosen}


async def add_errors(tx: Transaction, batch_id: UUID, errors: Sequence[tuple[UUID, str, str]]) -> None:
    """(member, code, message)."""
    await tx.execute(_ADD_ERRORS, {**columns(("member_id", "code", "message"), errors), "batch_id": batch_id})


async def errors(tx: Transaction, batch_id: UUID, code: str | None, *, after: UUID, limit: int) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_ERRORS, {"batch_id": batch_id, "code": code, "after": after, "limit": limit})
