"""All SQL on movements of points and their daily roll-up."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from analytics.calendar.domain import Range, day_of
from analytics.points_usage.domain import MovementFact, PointsCounted, PointsSums
from common.storage import Transaction

Key = tuple[UUID, str, int]

INSERT = """
    INSERT INTO movements (member_id, wallet, sequence, kind, points, written_off, balance, debt, occurred_at,
        recorded_at, day, zone, order_source, order_id, rule, rule_version, body_hash)
    SELECT member_id, wallet, sequence, kind, points, written_off, balance, debt, occurred_at,
        CAST(:recorded_at AS timestamptz), day, CAST(:zone AS text), order_source, order_id, rule, rule_version,
        body_hash
    FROM unnest(
        CAST(:member_id AS uuid[]), CAST(:wallet AS text[]), CAST(:sequence AS bigint[]), CAST(:kind AS text[]),
        CAST(:points AS bigint[]), CAST(:written_off AS bigint[]), CAST(:balance AS bigint[]), CAST(:debt AS bigint[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:day AS date[]), CAST(:order_source AS text[]),
        CAST(:order_id AS text[]), CAST(:rule AS text[]), CAST(:rule_version AS int[]), CAST(:body_hash AS bytea[])
    ) AS given (member_id, wallet, sequence, kind, points, written_off, balance, debt, occurred_at, day, order_source,
        order_id, rule, rule_version, body_hash)
    ON CONFLICT DO NOTHING
    RETURNING member_id, wallet, sequence
"""

KNOWN = """
    SELECT m.member_id, m.wallet, m.sequence, m.body_hash
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:wallet AS text[]), CAST(:sequence AS bigint[]))
        AS asked (member_id, wallet, sequence)
    JOIN movements m USING (member_id, wallet, sequence)
"""

ADD = """
    INSERT INTO points_days (day, wallet, movements, earned, clawed_back, repriced, written_off, recorded_at)
    SELECT day, wallet, movements, earned, clawed_back, repriced, written_off, CAST(:recorded_at AS timestamptz)
    FROM unnest(
        CAST(:day AS date[]), CAST(:wallet AS text[]), CAST(:movements AS bigint[]), CAST(:earned AS numeric[]),
        CAST(:clawed_back AS numeric[]), CAST(:repriced AS numeric[]), CAST(:written_off AS numeric[])
    ) AS given (day, wallet, movements, earned, clawed_back, repriced, written_off)
"""

FOLD = """
    WITH crowded AS (
        SELECT day, wallet FROM points_days GROUP BY day, wallet HAVING count(*) > 1 LIMIT :limit
    ), gone AS (
        DELETE FROM points_days d USING crowded c WHERE d.day = c.day AND d.wallet = c.wallet RETURNING d.*
    )
    INSERT INTO points_days (day, wallet, movements, earned, clawed_back, repriced, written_off, recorded_at)
    SELECT day, wallet, sum(movements), sum(earned), sum(clawed_back), sum(repriced), sum(written_off), max(recorded_at)
    FROM gone GROUP BY day, wallet
    HAVING (sum(movements), sum(earned), sum(clawed_back), sum(repriced), sum(written_off)) <> (0, 0, 0, 0, 0)
"""

_SUMS = """
    coalesce(sum(movements), 0) AS movements, coalesce(sum(earned), 0) AS earned,
    coalesce(sum(clawed_back), 0) AS clawed_back, coalesce(sum(repriced), 0) AS repriced,
    coalesce(sum(written_off), 0) AS written_off
"""

DAYS = f"""
    SELECT day, {_SUMS} FROM points_days
    WHERE wallet = :wallet AND day BETWEEN :first AND :last GROUP BY day ORDER BY day
"""

BEFORE = f"SELECT {_SUMS} FROM points_days WHERE wallet = :wallet AND day < :first"

TOTAL = f"SELECT {_SUMS}, max(recorded_at) AS recorded_at FROM points_days WHERE wallet = :wallet"

STALE = """
    SELECT member_id, wallet, sequence, kind, points, written_off, occurred_at, day
    FROM movements WHERE zone <> :zone LIMIT :limit FOR UPDATE SKIP LOCKED
"""

MOVE = """
    UPDATE movements m SET day = moved.day, zone = :zone
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:wallet AS text[]), CAST(:sequence AS bigint[]), CAST(:day AS date[]))
        AS moved (member_id, wallet, sequence, day)
    WHERE m.member_id = moved.member_id AND m.wallet = moved.wallet AND m.sequence = moved.sequence
"""


async def insert(tx: Transaction, facts: Sequence[MovementFact], *, zone: str) -> set[Key]:
    """Keep those that are new; `facts` are sorted by key. Returns the keys that were new."""
    rows = await tx.fetch_all(
        INSERT,
        {
            "recorded_at": tx.now,
            "zone": zone,
            "member_id": [fact.member_id for fact in facts],
            "wallet": [fact.wallet for fact in facts],
            "sequence": [fact.sequence for fact in facts],
            "kind": [fact.kind for fact in facts],
            "points": [fact.points for fact in facts],
            "written_off": [fact.written_off for fact in facts],
            "balance": [fact.balance for fact in facts],
            "debt": [fact.debt for fact in facts],
            "occurred_at": [fact.occurred_at for fact in facts],
            "day": [fact.day for fact in facts],
            "order_source": [fact.order_source for fact in facts],
            "order_id": [fact.order_id for fact in facts],
            "rule": [fact.rule for fact in facts],
            "rule_version": [fact.rule_version for fact in facts],
            "body_hash": [fact.body_hash for fact in facts],
        },
    )
    return {(row.member_id, row.wallet, row.sequence) for row in rows}


async def known(tx: Transaction, keys: Sequence[Key]) -> Mapping[Key, bytes]:
    """Body hashes of movements that are kept already."""
    rows = await tx.fetch_all(
        KNOWN,
        {
            "member_id": [key[0] for key in keys],
            "wallet": [key[1] for key in keys],
            "sequence": [key[2] for key in keys],
        },
    )
    return {(row.member_id, row.wallet, row.sequence): bytes(row.body_hash) for row in rows}


async def add(tx: Transaction, counted: Sequence[PointsCounted], *, moved: bool = False) -> None:
    """One row for each entry; readers sum. `moved`: no new facts, but old ones on other days."""
    await tx.execute(
        ADD,
        {
            "recorded_at": None if moved else tx.now,
            "day": [one.day for one in counted],
            "wallet": [one.wallet for one in counted],
            "movements": [one.movements for one in counted],
            "earned": [Decimal(one.earned) for one in counted],
            "clawed_back": [Decimal(one.clawed_back) for one in counted],
            "repriced": [Decimal(one.repriced) for one in counted],
            "written_off": [Decimal(one.written_off) for one in counted],
        },
    )


async def fold(tx: Transaction, *, limit: int) -> int:
    """Make one row of the rows of each key, for up to `limit` keys."""
    return await tx.execute(FOLD, {"limit": limit})


async def days(tx: Transaction, wallet: str, over: Range) -> dict[date, PointsSums]:
    rows = await tx.fetch_all(DAYS, {"wallet": wallet, "first": over.first, "last": over.last})
    return {row.day: _sums(row) for row in rows}


async def before(tx: Transaction, wallet: str, first: date) -> PointsSums:
    """The sums of all days before `first`."""
    return _sums(await tx.fetch_one(BEFORE, {"wallet": wallet, "first": first}))


async def everything(tx: Transaction, wallet: str) -> tuple[PointsSums, datetime | None]:
    """The sum of all days, and when the last movement was recorded."""
    row = await tx.fetch_one(TOTAL, {"wallet": wallet})
    assert row is not None
    return _sums(row), row.recorded_at


async def stale(tx: Transaction, *, zone: str, limit: int) -> Sequence[Any]:
    """Movements whose day was found in another zone, locked."""
    return await tx.fetch_all(STALE, {"zone": zone, "limit": limit})


async def move(tx: Transaction, rows: Sequence[Any], *, zone: str) -> list[date]:
    """Take movements to their day in `zone`; returns these days."""
    local = ZoneInfo(zone)
    days = [day_of(row.occurred_at, local) for row in rows]
    await tx.execute(
        MOVE,
        {
            "zone": zone,
            "member_id": [row.member_id for row in rows],
            "wallet": [row.wallet for row in rows],
            "sequence": [row.sequence for row in rows],
            "day": days,
        },
    )
    return days


def _sums(row: Any) -> PointsSums:
    return PointsSums(
        movements=int(row.movements),
        earned=int(row.earned),
        clawed_back=int(row.clawed_back),
        repriced=int(row.repriced),
        written_off=int(row.written_off),
    )
