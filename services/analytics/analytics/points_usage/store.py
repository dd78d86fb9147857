"""All SQL on movements of points and their daily roll-ups."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from analytics.calendar.domain import Range, day_of
from analytics.points_usage.domain import MovementFact, PointsCounted, PointsSums, RuleCounted, Tally
from common.storage import Transaction

Key = tuple[UUID, str, int]

INSERT = """
    INSERT INTO movements (member_id, wallet, sequence, kind, points, written_off, waiting, unexpired, balance,
        debt, occurred_at, recorded_at, day, zone, order_source, order_id, shares, body_hash)
    SELECT member_id, wallet, sequence, kind, points, written_off, waiting, unexpired, balance, debt, occurred_at,
        CAST(:recorded_at AS timestamptz), day, CAST(:zone AS text), order_source, order_id,
        CAST(shares AS jsonb), body_hash
    FROM unnest(
        CAST(:member_id AS uuid[]), CAST(:wallet AS text[]), CAST(:sequence AS bigint[]), CAST(:kind AS text[]),
        CAST(:points AS bigint[]), CAST(:written_off AS bigint[]), CAST(:waiting AS bigint[]),
        CAST(:unexpired AS bigint[]), CAST(:balance AS bigint[]), CAST(:debt AS bigint[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:day AS date[]), CAST(:order_source AS text[]),
        CAST(:order_id AS text[]), CAST(:shares AS text[]), CAST(:body_hash AS bytea[])
    ) AS given (member_id, wallet, sequence, kind, points, written_off, waiting, unexpired, balance, debt, occurred_at,
        day, order_source, order_id, shares, body_hash)
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
    INSERT INTO points_days (day, wallet, kind, movements, points, written_off, waiting, recorded_at)
    SELECT day, wallet, kind, movements, points, written_off, waiting, CAST(:recorded_at AS timestamptz)
    FROM unnest(
        CAST(:day AS date[]), CAST(:wallet AS text[]), CAST(:kind AS text[]), CAST(:movements AS bigint[]),
        CAST(:points AS numeric[]), CAST(:written_off AS numeric[]), CAST(:waiting AS numeric[])
    ) AS given (day, wallet, kind, movements, points, written_off, waiting)
"""

ADD_RULES = """
    INSERT INTO rule_days (day, wallet, rule, version, credits, points)
    SELECT day, wallet, rule, version, credits, points
    FROM unnest(
        CAST(:day AS date[]), CAST(:wallet AS text[]), CAST(:rule AS text[]), CAST(:version AS integer[]),
        CAST(:credits AS bigint[]), CAST(:points AS numeric[])
    ) AS given (day, wallet, rule, version, credits, points)
"""

FOLD = """
    WITH crowded AS (
        SELECT day, wallet, kind FROM points_days GROUP BY day, wallet, kind HAVING count(*) > 1 LIMIT :limit
    ), gone AS (
        DELETE FROM points_days d USING crowded c WHERE d.day = c.day AND d.wallet = c.wallet AND d.kind = c.kind
        RETURNING d.*
    )
    INSERT INTO points_days (day, wallet, kind, movements, points, written_off, waiting, recorded_at)
    SELECT day, wallet, kind, sum(movements), sum(points), sum(written_off), sum(waiting), max(recorded_at)
    FROM gone GROUP BY day, wallet, kind
    HAVING (sum(movements), sum(points), sum(written_off), sum(waiting)) <> (0, 0, 0, 0)
"""

FOLD_RULES = """
    WITH crowded AS (
        SELECT day, wallet, rule, version FROM rule_days GROUP BY day, wallet, rule, version
        HAVING count(*) > 1 LIMIT :limit
    ), gone AS (
        DELETE FROM rule_days d USING crowded c
        WHERE d.day = c.day AND d.wallet = c.wallet AND d.rule = c.rule AND d.version = c.version RETURNING d.*
    )
    INSERT INTO rule_days (day, wallet, rule, version, credits, points)
    SELECT day, wallet, rule, version, sum(credits), sum(points) FROM gone GROUP BY day, wallet, rule, version
    HAVING (sum(credits), sum(points)) <> (0, 0)
"""

_SUMS = """
    sum(movements) AS movements, sum(points) AS points, sum(written_off) AS written_off, sum(waiting) AS waiting
"""

DAYS = f"""
    SELECT day, kind, {_SUMS} FROM points_days
    WHERE wallet = :wallet AND day BETWEEN :first AND :last GROUP BY day, kind ORDER BY day
"""

BEFORE = f"SELECT kind, {_SUMS} FROM points_days WHERE wallet = :wallet AND day < :first GROUP BY kind"

TOTAL = f"SELECT kind, {_SUMS}, max(recorded_at) AS recorded_at FROM points_days WHERE wallet = :wallet GROUP BY kind"

RULE_DAYS = """
    SELECT rule, version, day, sum(credits) AS credits, sum(points) AS points FROM rule_days
    WHERE wallet = :wallet AND day BETWEEN :first AND :last
    GROUP BY rule, version, day ORDER BY rule, version, day
"""

STALE = "SELECT * FROM movements WHERE zone <> :zone LIMIT :limit FOR UPDATE SKIP LOCKED"

MOVE = """
    UPDATE movements m SET day = moved.day, zone = :zone
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:wallet AS text[]), CAST(:sequence AS bigint[]), CAST(:day AS date[]))
        AS moved (member_id, wallet, sequence, day)
    WHERE m.member_id = moved.member_id AND m.wallet = moved.wallet AND m.sequence = moved.sequence
"""

_COPIED = (
    *("member_id", "wallet", "sequence", "kind", "points", "written_off", "waiting", "unexpired"),
    *("balance", "debt", "occurred_at", "day", "order_source", "order_id", "body_hash"),
)


async def insert(tx: Transaction, facts: Sequence[MovementFact], *, zone: str) -> set[Key]:
    """Keep those that are new; `facts` are sorted by key. Returns the keys that were new."""
    columns: dict[str, Any] = {name: [getattr(fact, name) for fact in facts] for name in _COPIED}
    shares = [orjson.dumps(fact.shares).decode() if fact.shares else None for fact in facts]
    rows = await tx.fetch_all(INSERT, {"recorded_at": tx.now, "zone": zone, "shares": shares, **columns})
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
            "kind": [one.kind for one in counted],
            "movements": [one.movements for one in counted],
            "points": [Decimal(one.points) for one in counted],
            "written_off": [Decimal(one.written_off) for one in counted],
            "waiting": [Decimal(one.waiting) for one in counted],
        },
    )


async def add_rules(tx: Transaction, counted: Sequence[RuleCounted]) -> None:
    """One row for each entry; readers sum."""
    await tx.execute(
        ADD_RULES,
        {
            "day": [one.day for one in counted],
            "wallet": [one.wallet for one in counted],
            "rule": [one.rule for one in counted],
            "version": [one.version for one in counted],
            "credits": [one.credits for one in counted],
            "points": [Decimal(one.points) for one in counted],
        },
    )


async def fold(tx: Transaction, *, limit: int) -> int:
    """Make one row of the rows of each key, for up to `limit` keys."""
    return await tx.execute(FOLD, {"limit": limit})


async def fold_rules(tx: Transaction, *, limit: int) -> int:
    """The same for what rules gave."""
    return await tx.execute(FOLD_RULES, {"limit": limit})


async def days(tx: Transaction, wallet: str, over: Range) -> dict[date, PointsSums]:
    rows = await tx.fetch_all(DAYS, {"wallet": wallet, "first": over.first, "last": over.last})
    found: dict[date, dict[str, Tally]] = {}
    for row in rows:
        found.setdefault(row.day, {})[row.kind] = _tally(row)
    return {day: PointsSums(kinds=kinds) for day, kinds in found.items()}


async def before(tx: Transaction, wallet: str, first: date) -> PointsSums:
    """The sums of all days before `first`."""
    rows = await tx.fetch_all(BEFORE, {"wallet": wallet, "first": first})
    return PointsSums(kinds={row.kind: _tally(row) for row in rows})


async def everything(tx: Transaction, wallet: str) -> tuple[PointsSums, datetime | None]:
    """The sum of all days, and when the last movement was recorded."""
    rows = await tx.fetch_all(TOTAL, {"wallet": wallet})
    last = max((row.recorded_at for row in rows if row.recorded_at is not None), default=None)
    return PointsSums(kinds={row.kind: _tally(row) for row in rows}), last


async def rule_days(tx: Transaction, wallet: str, over: Range) -> Sequence[Any]:
    """`rule, version, day, credits, points`."""
    return await tx.fetch_all(RULE_DAYS, {"wallet": wallet, "first": over.first, "last": over.last})


async def stale(tx: Transaction, *, zone: str, limit: int) -> list[MovementFact]:
    """Movements whose day was found in another zone, locked."""
    return [
        MovementFact(
            **{name: row._mapping[name] for name in _COPIED},
            shares=tuple((rule, version, points) for rule, version, points in row.shares or ()),
        )
        for row in await tx.fetch_all(STALE, {"zone": zone, "limit": limit})
    ]


async def move(tx: Transaction, facts: Sequence[MovementFact], *, zone: str) -> list[date]:
    """Take movements to their day in `zone`; returns these days."""
    local = ZoneInfo(zone)
    days = [day_of(fact.occurred_at, local) for fact in facts]
    await tx.execute(
        MOVE,
        {
            "zone": zone,
            "member_id": [fact.member_id for fact in facts],
            "wallet": [fact.wallet for fact in facts],
            "sequence": [fact.sequence for fact in facts],
            "day": days,
        },
    )
    return days


def _tally(row: Any) -> Tally:
    return Tally(
        movements=int(row.movements),
        points=int(row.points),
        written_off=int(row.written_off),
        waiting=int(row.waiting),
    )
