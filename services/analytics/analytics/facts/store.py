"""All SQL on purchases and returns."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from analytics.calendar.domain import day_of
from analytics.facts.domain import PurchaseFact, ReturnFact
from analytics.spend.domain import Counted
from common.storage import Transaction

Key = tuple[str, str]

INSERT_PURCHASES = """
    INSERT INTO purchases (source, order_id, member_id, occurred_at, recorded_at, day, zone, amount, discount, tax,
        delivery, channel, shop, body_hash)
    SELECT source, order_id, member_id, occurred_at, CAST(:recorded_at AS timestamptz), day, CAST(:zone AS text),
        amount, discount, tax, delivery, channel, shop, body_hash
    FROM unnest(
        CAST(:source AS text[]), CAST(:order_id AS text[]), CAST(:member_id AS uuid[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:day AS date[]), CAST(:amount AS bigint[]),
        CAST(:discount AS bigint[]), CAST(:tax AS bigint[]), CAST(:delivery AS bigint[]), CAST(:channel AS text[]),
        CAST(:shop AS text[]), CAST(:body_hash AS bytea[])
    ) AS given (source, order_id, member_id, occurred_at, day, amount, discount, tax, delivery, channel, shop,
        body_hash)
    ON CONFLICT DO NOTHING
    RETURNING source, order_id
"""

INSERT_RETURNS = """
    INSERT INTO returns (source, return_id, order_source, order_id, member_id, channel, occurred_at, recorded_at, day,
        zone, amount, body_hash)
    SELECT given.source, given.return_id, given.order_source, given.order_id, p.member_id, p.channel, given.occurred_at,
        CAST(:recorded_at AS timestamptz), given.day, CAST(:zone AS text), given.amount, given.body_hash
    FROM unnest(
        CAST(:source AS text[]), CAST(:return_id AS text[]), CAST(:order_source AS text[]), CAST(:order_id AS text[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:day AS date[]), CAST(:amount AS bigint[]),
        CAST(:body_hash AS bytea[])
    ) AS given (source, return_id, order_source, order_id, occurred_at, day, amount, body_hash)
    LEFT JOIN purchases p ON p.source = given.order_source AND p.order_id = given.order_id
    ORDER BY given.source, given.return_id
    ON CONFLICT DO NOTHING
    RETURNING source, return_id, day, channel, amount
"""

MATCH_RETURNS = """
    UPDATE returns r SET member_id = p.member_id, channel = p.channel
    FROM unnest(
        CAST(:source AS text[]), CAST(:order_id AS text[]), CAST(:member_id AS uuid[]), CAST(:channel AS text[])
    ) AS p (source, order_id, member_id, channel)
    WHERE r.member_id IS NULL AND r.order_source = p.source AND r.order_id = p.order_id
    RETURNING r.day, r.channel, r.amount
"""

SWEEP_RETURNS = """
    WITH found AS (
        SELECT r.source, r.return_id, p.member_id, p.channel
        FROM returns r JOIN purchases p ON p.source = r.order_source AND p.order_id = r.order_id
        WHERE r.member_id IS NULL
        LIMIT :limit
        FOR UPDATE OF r SKIP LOCKED
    )
    UPDATE returns r SET member_id = found.member_id, channel = found.channel
    FROM found
    WHERE r.source = found.source AND r.return_id = found.return_id AND r.member_id IS NULL
    RETURNING r.day, r.channel, r.amount
"""

KNOWN_PURCHASES = """
    SELECT p.source, p.order_id AS id, p.body_hash
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[])) AS asked (source, id)
    JOIN purchases p ON p.source = asked.source AND p.order_id = asked.id
"""

KNOWN_RETURNS = """
    SELECT r.source, r.return_id AS id, r.body_hash
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[])) AS asked (source, id)
    JOIN returns r ON r.source = asked.source AND r.return_id = asked.id
"""

STALE_PURCHASES = """
    SELECT source, order_id AS id, occurred_at, day, channel, 1 AS orders, amount AS gross, discount, 0 AS returns,
        0 AS returned
    FROM purchases WHERE zone <> :zone LIMIT :limit FOR UPDATE SKIP LOCKED
"""

STALE_RETURNS = """
    SELECT source, return_id AS id, occurred_at, day, channel, 0 AS orders, 0 AS gross, 0 AS discount, 1 AS returns,
        amount AS returned
    FROM returns WHERE zone <> :zone LIMIT :limit FOR UPDATE SKIP LOCKED
"""

MOVE_PURCHASES = """
    UPDATE purchases p SET day = moved.day, zone = :zone
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[]), CAST(:day AS date[])) AS moved (source, id, day)
    WHERE p.source = moved.source AND p.order_id = moved.id
"""

MOVE_RETURNS = """
    UPDATE returns r SET day = moved.day, zone = :zone
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[]), CAST(:day AS date[])) AS moved (source, id, day)
    WHERE r.source = moved.source AND r.return_id = moved.id
"""

WAITING = "SELECT count(*) AS returns, coalesce(sum(amount), 0) AS amount FROM returns WHERE member_id IS NULL"

DUPLICATES = "SELECT type, sum(count) AS ignored FROM duplicates GROUP BY type ORDER BY type"


async def insert_purchases(tx: Transaction, facts: Sequence[PurchaseFact], *, zone: str) -> set[Key]:
    """Keep those that are new; `facts` are sorted by key. Returns the keys that were new."""
    rows = await tx.fetch_all(
        INSERT_PURCHASES,
        {
            "recorded_at": tx.now,
            "zone": zone,
            "source": [fact.source for fact in facts],
            "order_id": [fact.order_id for fact in facts],
            "member_id": [fact.member_id for fact in facts],
            "occurred_at": [fact.occurred_at for fact in facts],
            "day": [fact.day for fact in facts],
            "amount": [fact.amount for fact in facts],
            "discount": [fact.discount for fact in facts],
            "tax": [fact.tax for fact in facts],
            "delivery": [fact.delivery for fact in facts],
            "channel": [fact.channel for fact in facts],
            "shop": [fact.shop for fact in facts],
            "body_hash": [fact.body_hash for fact in facts],
        },
    )
    return {(row.source, row.order_id) for row in rows}


async def insert_returns(tx: Transaction, facts: Sequence[ReturnFact], *, zone: str) -> dict[Key, Counted | None]:
    """Keep those that are new, with their purchase if it is here; the value is None for those that wait."""
    rows = await tx.fetch_all(
        INSERT_RETURNS,
        {
            "recorded_at": tx.now,
            "zone": zone,
            "source": [fact.source for fact in facts],
            "return_id": [fact.return_id for fact in facts],
            "order_source": [fact.order_source for fact in facts],
            "order_id": [fact.order_id for fact in facts],
            "occurred_at": [fact.occurred_at for fact in facts],
            "day": [fact.day for fact in facts],
            "amount": [fact.amount for fact in facts],
            "body_hash": [fact.body_hash for fact in facts],
        },
    )
    return {(row.source, row.return_id): None if row.channel is None else _returned(row) for row in rows}


async def match_returns(tx: Transaction, purchases: Sequence[PurchaseFact]) -> list[Counted]:
    """Give waiting returns their purchases, which have just come."""
    rows = await tx.fetch_all(
        MATCH_RETURNS,
        {
            "source": [fact.source for fact in purchases],
            "order_id": [fact.order_id for fact in purchases],
            "member_id": [fact.member_id for fact in purchases],
            "channel": [fact.channel for fact in purchases],
        },
    )
    return [_returned(row) for row in rows]


async def sweep_returns(tx: Transaction, *, limit: int) -> list[Counted]:
    """Match waiting returns whose purchase was being written by another worker at the same time."""
    return [_returned(row) for row in await tx.fetch_all(SWEEP_RETURNS, {"limit": limit})]


async def known_purchases(tx: Transaction, keys: Sequence[Key]) -> Mapping[Key, bytes]:
    """Body hashes of purchases that are kept already."""
    return await _known(tx, KNOWN_PURCHASES, keys)


async def known_returns(tx: Transaction, keys: Sequence[Key]) -> Mapping[Key, bytes]:
    """Body hashes of returns that are kept already."""
    return await _known(tx, KNOWN_RETURNS, keys)


async def _known(tx: Transaction, sql: str, keys: Sequence[Key]) -> Mapping[Key, bytes]:
    rows = await tx.fetch_all(sql, {"source": [key[0] for key in keys], "id": [key[1] for key in keys]})
    return {(row.source, row.id): bytes(row.body_hash) for row in rows}


async def move_purchases(tx: Transaction, *, zone: str, limit: int) -> tuple[int, list[Counted]]:
    """Take up to `limit` purchases to their day in `zone`; returns how many, and what that does to the days."""
    return await _move(tx, STALE_PURCHASES, MOVE_PURCHASES, zone, limit)


async def move_returns(tx: Transaction, *, zone: str, limit: int) -> tuple[int, list[Counted]]:
    """The same for returns; those that wait are counted nowhere yet."""
    return await _move(tx, STALE_RETURNS, MOVE_RETURNS, zone, limit)


async def _move(tx: Transaction, stale: str, move: str, zone: str, limit: int) -> tuple[int, list[Counted]]:
    rows = await tx.fetch_all(stale, {"zone": zone, "limit": limit})
    if not rows:
        return 0, []
    local = ZoneInfo(zone)
    days = [day_of(row.occurred_at, local) for row in rows]
    await tx.execute(
        move, {"zone": zone, "source": [row.source for row in rows], "id": [row.id for row in rows], "day": days}
    )
    return len(rows), list(_moved(zip(rows, days, strict=True)))


def _moved(rows: Iterable[tuple[Any, date]]) -> Iterable[Counted]:
    for row, day in rows:
        if row.channel is not None and row.day != day:
            for where, sign in ((row.day, -1), (day, 1)):
                yield Counted(
                    day=where,
                    channel=row.channel,
                    orders=sign * row.orders,
                    gross=sign * row.gross,
                    discount=sign * row.discount,
                    returns=sign * row.returns,
                    returned=sign * row.returned,
                )


async def waiting(tx: Transaction) -> tuple[int, int]:
    """How many returns wait for their purchase, and their amount."""
    row = await tx.fetch_one(WAITING)
    assert row is not None
    return row.returns, int(row.amount)


async def duplicates(tx: Transaction) -> dict[str, int]:
    """Events that were ignored because they were known, by type."""
    return {row.type: int(row.ignored) for row in await tx.fetch_all(DUPLICATES)}


def _returned(row: Any) -> Counted:
    return Counted(day=row.day, channel=row.channel, returns=1, returned=row.amount)
