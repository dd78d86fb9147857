"""All SQL of what-ifs."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction

_FIELDS = """
    what_if_id, name, asked_by, asked_at, occurred_from, occurred_until, changes::text AS changes, state, purchases,
    done, started_at, seen_at, finished_at, result::text AS result, problem
"""
_ADD = f"""
    INSERT INTO what_ifs (what_if_id, name, asked_by, asked_at, occurred_from, occurred_until, changes, state,
        purchases, done, problem)
    VALUES (:what_if_id, :name, :asked_by, :now, :occurred_from, :occurred_until, CAST(:changes AS jsonb), 'waiting',
        0, 0, '')
    RETURNING {_FIELDS}
"""
_GET = f"SELECT {_FIELDS} FROM what_ifs WHERE what_if_id = :what_if_id"
_PAGE = f"""
    SELECT {_FIELDS} FROM what_ifs
    WHERE (asked_at, what_if_id) < (:before_time, :before_id) AND (CAST(:state AS text) IS NULL OR state = :state)
    ORDER BY asked_at DESC, what_if_id DESC LIMIT :limit
"""
_TAKE = f"""
    UPDATE what_ifs SET state = 'running', started_at = :now, seen_at = :now, done = 0
    WHERE what_if_id = (
        SELECT what_if_id FROM what_ifs
        WHERE state = 'waiting' OR (state = 'running' AND seen_at < :lost_before)
        ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING {_FIELDS}
"""
_PROGRESS = """
    UPDATE what_ifs SET purchases = :purchases, done = :done, seen_at = :now
    WHERE what_if_id = :what_if_id AND state = 'running' AND started_at = :started_at
"""
_FINISH = """
    UPDATE what_ifs SET state = :state, finished_at = :now, result = CAST(:result AS jsonb), problem = :problem
    WHERE what_if_id = :what_if_id AND state = 'running' AND started_at = :started_at
"""
_CANCEL = f"""
    UPDATE what_ifs SET state = 'cancelled', finished_at = :now
    WHERE what_if_id = :what_if_id AND state IN ('waiting', 'running') RETURNING {_FIELDS}
"""


async def add(
    tx: Transaction,
    *,
    what_if_id: UUID,
    name: str,
    asked_by: str,
    occurred_from: datetime,
    occurred_until: datetime,
    changes: Mapping[str, Any],
) -> Row[Any]:
    row = await tx.fetch_one(
        _ADD,
        {
            "what_if_id": what_if_id,
            "name": name,
            "asked_by": asked_by,
            "now": tx.now,
            "occurred_from": occurred_from,
            "occurred_until": occurred_until,
            "changes": json.dumps(changes),
        },
    )
    assert row is not None
    return row


async def get(tx: Transaction, what_if_id: UUID) -> Row[Any] | None:
    return await tx.fetch_one(_GET, {"what_if_id": what_if_id})


async def page(tx: Transaction, *, state: str | None, before: tuple[datetime, UUID], limit: int) -> Sequence[Row[Any]]:
    """The newest first."""
    return await tx.fetch_all(_PAGE, {"state": state, "before_time": before[0], "before_id": before[1], "limit": limit})


async def take(tx: Transaction, *, lost_before: datetime) -> Row[Any] | None:
    """The oldest that waits, or whose worker was last seen before `lost_before`; it runs now, from the beginning."""
    return await tx.fetch_one(_TAKE, {"now": tx.now, "lost_before": lost_before})


async def progress(tx: Transaction, what_if_id: UUID, started_at: datetime, *, purchases: int, done: int) -> bool:
    """Note how far it is; False when it is not this worker's any more."""
    values = {"what_if_id": what_if_id, "started_at": started_at, "purchases": purchases, "done": done, "now": tx.now}
    return await tx.execute(_PROGRESS, values) == 1


async def finish(
    tx: Transaction, what_if_id: UUID, started_at: datetime, *, state: str, result: str | None, problem: str = ""
) -> None:
    await tx.execute(
        _FINISH,
        {
            "what_if_id": what_if_id,
            "started_at": started_at,
            "state": state,
            "result": result,
            "problem": problem,
            "now": tx.now,
        },
    )


async def cancel(tx: Transaction, what_if_id: UUID) -> Row[Any] | None:
    """None when it is over already, or not known."""
    return await tx.fetch_one(_CANCEL, {"what_if_id": what_if_id, "now": tx.now})
