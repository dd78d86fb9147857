"""SQL of the queue of mails and of attempts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.events import new_id
from common.storage import Transaction
from notify.channels.domain import Attempt

_QUEUE = """
    INSERT INTO deliveries (notice_id, member_id, due_at)
    SELECT notice_id, member_id, :due_at
    FROM unnest(CAST(:notice_ids AS uuid[]), CAST(:member_ids AS uuid[])) AS new(notice_id, member_id)
"""
_CLAIM = """
    WITH due AS (
        SELECT notice_id, member_id, lease FROM deliveries WHERE due_at <= :now
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE deliveries SET lease = :lease, due_at = :until, tries = tries + CASE WHEN due.lease IS NULL THEN 0 ELSE 1 END
    FROM due WHERE deliveries.notice_id = due.notice_id AND deliveries.member_id = due.member_id
    RETURNING deliveries.notice_id, deliveries.member_id, deliveries.tries, due.lease IS NOT NULL AS interrupted
"""
_RELEASE = """
    UPDATE deliveries SET lease = NULL, due_at = :now
    WHERE lease = :lease AND notice_id = ANY(CAST(:notice_ids AS uuid[]))
"""
_POSTPONE = """
    UPDATE deliveries SET lease = NULL, due_at = new.due_at, tries = new.tries
    FROM unnest(CAST(:notice_ids AS uuid[]), CAST(:due_at AS timestamptz[]), CAST(:tries AS integer[]))
        AS new(notice_id, due_at, tries)
    WHERE deliveries.notice_id = new.notice_id AND deliveries.lease = :lease
    RETURNING deliveries.notice_id
"""
_DONE = "DELETE FROM deliveries WHERE notice_id = ANY(CAST(:notice_ids AS uuid[]))"
_GIVE_UP = (
    "DELETE FROM deliveries WHERE notice_id = ANY(CAST(:notice_ids AS uuid[])) AND lease = :lease RETURNING notice_id"
)
_ATTEMPTED = """
    INSERT INTO attempts
        (attempt_id, member_id, notice_id, channel, provider, outcome, code, answer, started_at, duration_ms)
    SELECT attempt_id, member_id, notice_id, 'email', :provider, outcome, code, answer, started_at, duration_ms
    FROM unnest(
        CAST(:attempt_ids AS uuid[]), CAST(:member_ids AS uuid[]), CAST(:notice_ids AS uuid[]),
        CAST(:outcomes AS text[]), CAST(:codes AS integer[]), CAST(:answers AS text[]),
        CAST(:started_at AS timestamptz[]), CAST(:durations AS integer[]))
        AS new(attempt_id, member_id, notice_id, outcome, code, answer, started_at, duration_ms)
"""
_ATTEMPTS = "SELECT * FROM attempts WHERE notice_id = :notice_id ORDER BY started_at, attempt_id"
_FIGURES = (
    "SELECT channel, outcome, count(*) AS attempts FROM attempts GROUP BY channel, outcome ORDER BY channel, outcome"
)
_WAITING = "SELECT count(*) AS waiting, min(due_at) AS oldest FROM deliveries"


async def queue(tx: Transaction, mails: Sequence[tuple[UUID, UUID]], due_at: datetime) -> None:
    """(notice, member), each of which is not in the queue."""
    ids = {"notice_ids": [notice_id for notice_id, _ in mails], "member_ids": [member_id for _, member_id in mails]}
    await tx.execute(_QUEUE, {**ids, "due_at": due_at})


async def claim(tx: Transaction, lease: UUID, *, until: datetime, limit: int) -> Sequence[Row[Any]]:
    """Take what is due and nobody else has; what was taken before and not given back in time counts as due."""
    return await tx.fetch_all(_CLAIM, {"now": tx.now, "lease": lease, "until": until, "limit": limit})


async def release(tx: Transaction, lease: UUID, notice_ids: Sequence[UUID]) -> None:
    """Give back what was not tried."""
    await tx.execute(_RELEASE, {"now": tx.now, "lease": lease, "notice_ids": list(notice_ids)})


async def postpone(tx: Transaction, lease: UUID, mails: Sequence[tuple[UUID, datetime, int]]) -> set[UUID]:
    """(notice, due at, tries so far); returns those that this lease still held."""
    rows = await tx.fetch_all(
        _POSTPONE,
        {
            "lease": lease,
            "notice_ids": [notice_id for notice_id, _, _ in mails],
            "due_at": [due_at for _, due_at, _ in mails],
            "tries": [tries for _, _, tries in mails],
        },
    )
    return {row.notice_id for row in rows}


async def done(tx: Transaction, notice_ids: Sequence[UUID]) -> None:
    """Out of the queue, whoever holds it."""
    await tx.execute(_DONE, {"notice_ids": list(notice_ids)})


async def give_up(tx: Transaction, lease: UUID, notice_ids: Sequence[UUID]) -> set[UUID]:
    """Out of the queue; returns those that this lease still held."""
    rows = await tx.fetch_all(_GIVE_UP, {"lease": lease, "notice_ids": list(notice_ids)})
    return {row.notice_id for row in rows}


async def attempted(tx: Transaction, provider: str, tried: Sequence[tuple[UUID, UUID, Attempt]]) -> None:
    """(notice, member, attempt)."""
    await tx.execute(
        _ATTEMPTED,
        {
            "provider": provider,
            "attempt_ids": [new_id() for _ in tried],
            "notice_ids": [notice_id for notice_id, _, _ in tried],
            "member_ids": [member_id for _, member_id, _ in tried],
            "outcomes": [attempt.outcome for _, _, attempt in tried],
            "codes": [attempt.code for _, _, attempt in tried],
            "answers": [attempt.answer for _, _, attempt in tried],
            "started_at": [attempt.started_at for _, _, attempt in tried],
            "durations": [attempt.duration_ms for _, _, attempt in tried],
        },
    )


async def attempts(tx: Transaction, notice_id: UUID) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_ATTEMPTS, {"notice_id": notice_id})


async def figures(tx: Transaction) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_FIGURES)


async def waiting(tx: Transaction) -> Row[Any]:
    """How many mails wait, and since when the oldest is due."""
    row = await tx.fetch_one(_WAITING)
    assert row is not None, "an aggregate always has a row"
    return row
