"""All SQL on notices' outcomes and their daily roll-up."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from analytics.calendar.domain import Range, day_of
from analytics.notices.domain import NoticeFact, NoticeKey
from common.storage import Transaction

Key = tuple[UUID, str]

INSERT = """
    INSERT INTO notices (notice_id, state, member_id, template, channel, reason, occurred_at, recorded_at, day, zone,
        body_hash)
    SELECT notice_id, state, member_id, template, channel, reason, occurred_at, CAST(:recorded_at AS timestamptz), day,
        CAST(:zone AS text), body_hash
    FROM unnest(
        CAST(:notice_id AS uuid[]), CAST(:state AS text[]), CAST(:member_id AS uuid[]), CAST(:template AS text[]),
        CAST(:channel AS text[]), CAST(:reason AS text[]), CAST(:occurred_at AS timestamptz[]), CAST(:day AS date[]),
        CAST(:body_hash AS bytea[])
    ) AS given (notice_id, state, member_id, template, channel, reason, occurred_at, day, body_hash)
    ON CONFLICT DO NOTHING
    RETURNING notice_id, state
"""

KNOWN = """
    SELECT n.notice_id, n.state, n.body_hash
    FROM unnest(CAST(:notice_id AS uuid[]), CAST(:state AS text[])) AS asked (notice_id, state)
    JOIN notices n USING (notice_id, state)
"""

ADD = """
    INSERT INTO notice_days (day, template, channel, state, notices, recorded_at)
    SELECT day, template, channel, state, notices, CAST(:recorded_at AS timestamptz)
    FROM unnest(
        CAST(:day AS date[]), CAST(:template AS text[]), CAST(:channel AS text[]), CAST(:state AS text[]),
        CAST(:notices AS bigint[])
    ) AS given (day, template, channel, state, notices)
"""

FOLD = """
    WITH crowded AS (
        SELECT day, template, channel, state FROM notice_days
        GROUP BY day, template, channel, state HAVING count(*) > 1 LIMIT :limit
    ), gone AS (
        DELETE FROM notice_days d USING crowded c
        WHERE d.day = c.day AND d.template = c.template AND d.channel = c.channel AND d.state = c.state
        RETURNING d.*
    )
    INSERT INTO notice_days (day, template, channel, state, notices, recorded_at)
    SELECT day, template, channel, state, sum(notices), max(recorded_at)
    FROM gone GROUP BY day, template, channel, state HAVING sum(notices) <> 0
"""

DAYS = """
    SELECT day, template, channel, state, sum(notices) AS notices FROM notice_days
    WHERE day BETWEEN :first AND :last GROUP BY day, template, channel, state HAVING sum(notices) <> 0
    ORDER BY day, template, channel, state
"""

TOTAL = "SELECT state, sum(notices) AS notices, max(recorded_at) AS recorded_at FROM notice_days GROUP BY state"

STALE = """
    SELECT notice_id, state, template, channel, occurred_at, day
    FROM notices WHERE zone <> :zone LIMIT :limit FOR UPDATE SKIP LOCKED
"""

MOVE = """
    UPDATE notices n SET day = moved.day, zone = :zone
    FROM unnest(CAST(:notice_id AS uuid[]), CAST(:state AS text[]), CAST(:day AS date[]))
        AS moved (notice_id, state, day)
    WHERE n.notice_id = moved.notice_id AND n.state = moved.state
"""


async def insert(tx: Transaction, facts: Sequence[NoticeFact], *, zone: str) -> set[Key]:
    """Keep those that are new; `facts` are sorted by key. Returns the keys that were new."""
    rows = await tx.fetch_all(
        INSERT,
        {
            "recorded_at": tx.now,
            "zone": zone,
            "notice_id": [fact.notice_id for fact in facts],
            "state": [fact.state for fact in facts],
            "member_id": [fact.member_id for fact in facts],
            "template": [fact.template for fact in facts],
            "channel": [fact.channel for fact in facts],
            "reason": [fact.reason for fact in facts],
            "occurred_at": [fact.occurred_at for fact in facts],
            "day": [fact.day for fact in facts],
            "body_hash": [fact.body_hash for fact in facts],
        },
    )
    return {(row.notice_id, row.state) for row in rows}


async def known(tx: Transaction, keys: Sequence[Key]) -> Mapping[Key, bytes]:
    """Body hashes of outcomes that are kept already."""
    rows = await tx.fetch_all(KNOWN, {"notice_id": [key[0] for key in keys], "state": [key[1] for key in keys]})
    return {(row.notice_id, row.state): bytes(row.body_hash) for row in rows}


async def add(tx: Transaction, counted: Sequence[tuple[NoticeKey, int]], *, moved: bool = False) -> None:
    """One row for each entry; readers sum. `moved`: no new facts, but old ones on other days."""
    await tx.execute(
        ADD,
        {
            "recorded_at": None if moved else tx.now,
            "day": [key.day for key, _ in counted],
            "template": [key.template for key, _ in counted],
            "channel": [key.channel for key, _ in counted],
            "state": [key.state for key, _ in counted],
            "notices": [number for _, number in counted],
        },
    )


async def fold(tx: Transaction, *, limit: int) -> int:
    """Make one row of the rows of each key, for up to `limit` keys."""
    return await tx.execute(FOLD, {"limit": limit})


async def days(tx: Transaction, over: Range) -> list[tuple[NoticeKey, int]]:
    """How many notices of each key, in order."""
    rows = await tx.fetch_all(DAYS, {"first": over.first, "last": over.last})
    return [
        (NoticeKey(day=row.day, template=row.template, channel=row.channel, state=row.state), int(row.notices))
        for row in rows
    ]


async def everything(tx: Transaction) -> tuple[dict[str, int], datetime | None]:
    """All outcomes by state, and when the last was recorded."""
    rows = await tx.fetch_all(TOTAL)
    return {row.state: int(row.notices) for row in rows}, max(
        (row.recorded_at for row in rows if row.recorded_at is not None), default=None
    )


async def stale(tx: Transaction, *, zone: str, limit: int) -> Sequence[Any]:
    """Outcomes whose day was found in another zone, locked."""
    return await tx.fetch_all(STALE, {"zone": zone, "limit": limit})


async def move(tx: Transaction, rows: Sequence[Any], *, zone: str) -> list[date]:
    """Take outcomes to their day in `zone`; returns these days."""
    local = ZoneInfo(zone)
    days = [day_of(row.occurred_at, local) for row in rows]
    await tx.execute(
        MOVE,
        {
            "zone": zone,
            "notice_id": [row.notice_id for row in rows],
            "state": [row.state for row in rows],
            "day": days,
        },
    )
    return days
