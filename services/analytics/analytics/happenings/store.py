"""All SQL on happenings."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from analytics.calendar.domain import Range, day_of
from analytics.happenings.domain import Counted, Happening, Tally
from common.storage import Transaction

INSERT = """
    INSERT INTO happenings (source, event_id, about, kind, subject, name, member_id, occurred_at, recorded_at, day,
        zone, quantity, points, money)
    SELECT source, event_id, about, kind, subject, name, member_id, occurred_at, CAST(:recorded_at AS timestamptz), day,
        CAST(:zone AS text), quantity, points, money
    FROM unnest(
        CAST(:source AS text[]), CAST(:event_id AS text[]), CAST(:about AS text[]), CAST(:kind AS text[]),
        CAST(:subject AS text[]), CAST(:name AS text[]), CAST(:member_id AS uuid[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:day AS date[]), CAST(:quantity AS bigint[]),
        CAST(:points AS bigint[]), CAST(:money AS bigint[])
    ) AS given (source, event_id, about, kind, subject, name, member_id, occurred_at, day, quantity, points, money)
    ON CONFLICT DO NOTHING
    RETURNING source, event_id
"""

COUNTED = """
    SELECT about, kind, subject, day, count(*) AS times, sum(quantity) AS quantity, sum(points) AS points,
        sum(money) AS money
    FROM happenings WHERE about = ANY(CAST(:about AS text[])) AND day BETWEEN :first AND :last
    GROUP BY about, kind, subject, day
"""

NAMES = """
    SELECT DISTINCT ON (about, subject) about, subject, name FROM happenings
    WHERE about = ANY(CAST(:about AS text[])) AND name <> ''
    ORDER BY about, subject, occurred_at DESC, event_id DESC
"""

STALE = """
    SELECT source, event_id, occurred_at FROM happenings WHERE zone <> :zone LIMIT :limit FOR UPDATE SKIP LOCKED
"""

MOVE = """
    UPDATE happenings h SET day = moved.day, zone = :zone
    FROM unnest(CAST(:source AS text[]), CAST(:event_id AS text[]), CAST(:day AS date[]))
        AS moved (source, event_id, day)
    WHERE h.source = moved.source AND h.event_id = moved.event_id
"""

_COPIED = (
    *("source", "event_id", "about", "kind", "subject", "name", "member_id", "occurred_at", "day"),
    *("quantity", "points", "money"),
)


async def insert(tx: Transaction, facts: Sequence[Happening], *, zone: str) -> set[tuple[str, str]]:
    """Keep those that are new; `facts` are sorted by source and id. Returns what was new."""
    columns: dict[str, Any] = {name: [getattr(fact, name) for fact in facts] for name in _COPIED}
    rows = await tx.fetch_all(INSERT, {"recorded_at": tx.now, "zone": zone, **columns})
    return {(row.source, row.event_id) for row in rows}


async def counted(tx: Transaction, about: Sequence[str], over: Range) -> list[Counted]:
    rows = await tx.fetch_all(COUNTED, {"about": list(about), "first": over.first, "last": over.last})
    return [
        Counted(
            about=row.about,
            kind=row.kind,
            subject=row.subject,
            day=row.day,
            tally=Tally(times=int(row.times), quantity=int(row.quantity), points=int(row.points), money=int(row.money)),
        )
        for row in rows
    ]


async def names(tx: Transaction, about: Sequence[str]) -> dict[tuple[str, str], str]:
    """The latest name of each subject."""
    rows = await tx.fetch_all(NAMES, {"about": list(about)})
    return {(row.about, row.subject): row.name for row in rows}


async def move(tx: Transaction, *, zone: str, limit: int) -> int:
    """Take up to `limit` rows to their day in `zone`; returns how many there were."""
    rows = await tx.fetch_all(STALE, {"zone": zone, "limit": limit})
    if rows:
        local = ZoneInfo(zone)
        days: list[date] = [day_of(row.occurred_at, local) for row in rows]
        keys = {"source": [row.source for row in rows], "event_id": [row.event_id for row in rows]}
        await tx.execute(MOVE, {"zone": zone, "day": days, **keys})
    return len(rows)
