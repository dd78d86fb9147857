"""All SQL of tasks."""

from collections.abc import Iterable, Sequence
from datetime import date
from operator import itemgetter
from typing import Any
from uuid import UUID

from common.storage import Transaction
from points.database import columns
from points.tasks.domain import Completion

Key = tuple[UUID, str, date]
Place = tuple[str, date, UUID]

_FIELDS = ", ".join(Completion._fields)
_OF = f"""
    SELECT {_FIELDS}
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:task AS text[]), CAST(:window_start AS date[]))
        AS asked(member_id, task, window_start)
    JOIN task_completions USING (member_id, task, window_start)
"""
_SAVE = f"""
    INSERT INTO task_completions ({_FIELDS})
    SELECT * FROM unnest(CAST(:member_id AS uuid[]), CAST(:task AS text[]), CAST(:window_start AS date[]),
        CAST(:state AS text[]), CAST(:reached_at AS timestamptz[]), CAST(:recorded_at AS timestamptz[]),
        CAST(:rewarded_at AS timestamptz[]), CAST(:taken_back_at AS timestamptz[]), CAST(:rewards AS integer[]),
        CAST(:points AS bigint[]), CAST(:coupon_id AS uuid[]))
    ON CONFLICT (member_id, task, window_start) DO UPDATE SET state = excluded.state,
        reached_at = excluded.reached_at, rewarded_at = excluded.rewarded_at, taken_back_at = excluded.taken_back_at,
        rewards = excluded.rewards, points = excluded.points, coupon_id = excluded.coupon_id
"""
_TIMES = """
    SELECT member_id, task, count(*) AS times
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:task AS text[])) AS asked(member_id, task)
    JOIN task_completions USING (member_id, task) WHERE state <> 'taken_back' GROUP BY member_id, task
"""
_HISTORY = f"""
    SELECT {_FIELDS} FROM task_completions
    WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
        AND (task, window_start, member_id) > (:task, :window_start, :member_id)
    ORDER BY task, window_start, member_id LIMIT :limit
"""


async def of(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Completion]:
    """Of those that are there."""
    ordered = sorted(keys)
    rows: Sequence[Any] = (
        await tx.fetch_all(_OF, columns(("member_id", "task", "window_start"), ordered)) if ordered else []
    )
    return {row[:3]: Completion._make(row) for row in rows}


async def save(tx: Transaction, completions: Iterable[Completion]) -> None:
    ordered = sorted(completions, key=itemgetter(0, 1, 2))
    if ordered:
        await tx.execute(_SAVE, columns(Completion._fields, ordered))


async def times(tx: Transaction, keys: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], int]:
    """How many windows of a task a member has completed."""
    ordered = sorted(set(keys))
    rows: Sequence[Any] = await tx.fetch_all(_TIMES, columns(("member_id", "task"), ordered)) if ordered else []
    return {(row.member_id, row.task): row.times for row in rows}


async def history(tx: Transaction, member_ids: Sequence[UUID], *, after: Place, limit: int) -> list[Completion]:
    names = ("task", "window_start", "member_id")
    params = {"member_ids": list(member_ids), "limit": limit, **dict(zip(names, after, strict=True))}
    rows: Sequence[Any] = await tx.fetch_all(_HISTORY, params)
    return [Completion._make(row) for row in rows]
