"""All SQL on purchases."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from analytics.calendar.domain import day_of
from analytics.facts.domain import PurchaseFact
from analytics.spend.domain import Counted
from common.storage import Transaction

Key = tuple[str, str]

INSERT_PURCHASES = """
    INSERT INTO purchases (source, order_id, member_id, occurred_at, recorded_at, day, zone, currency, amount, discount,
        tax, delivery, basis, channel, shop, body_hash)
    SELECT source, order_id, member_id, occurred_at, CAST(:recorded_at AS timestamptz), day, CAST(:zone AS text),
        currency, amount, discount, tax, delivery, basis, channel, shop, body_hash
    FROM unnest(
        CAST(:source AS text[]), CAST(:order_id AS text[]), CAST(:member_id AS uuid[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:day AS date[]), CAST(:currency AS text[]), CAST(:amount AS bigint[]),
        CAST(:discount AS bigint[]), CAST(:tax AS bigint[]), CAST(:delivery AS bigint[]), CAST(:basis AS bigint[]),
        CAST(:channel AS text[]), CAST(:shop AS text[]), CAST(:body_hash AS bytea[])
    ) AS given (source, order_id, member_id, occurred_at, day, currency, amount, discount, tax, delivery, basis,
        channel, shop, body_hash)
    ON CONFLICT DO NOTHING
    RETURNING source, order_id
"""

KNOWN_PURCHASES = """
    SELECT p.source, p.order_id AS id, p.body_hash
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[])) AS asked (source, id)
    JOIN purchases p ON p.source = asked.source AND p.order_id = asked.id
"""

STALE_PURCHASES = """
    SELECT source, order_id, occurred_at, day, channel, amount, discount
    FROM purchases WHERE zone <> :zone LIMIT :limit FOR UPDATE SKIP LOCKED
"""

MOVE_PURCHASES = """
    UPDATE purchases p SET day = moved.day, zone = :zone
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[]), CAST(:day AS date[])) AS moved (source, id, day)
    WHERE p.source = moved.source AND p.order_id = moved.id
"""

DUPLICATES = "SELECT type, sum(count) AS ignored FROM duplicates GROUP BY type ORDER BY type"

OF_UNKNOWN_MEMBERS = """
    SELECT count(*) AS purchases, CAST(coalesce(sum(amount), 0) AS bigint) AS gross FROM purchases
    WHERE NOT EXISTS (SELECT 1 FROM members WHERE members.member_id = purchases.member_id)
"""


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
            "currency": [fact.currency for fact in facts],
            "amount": [fact.amount for fact in facts],
            "discount": [fact.discount for fact in facts],
            "tax": [fact.tax for fact in facts],
            "delivery": [fact.delivery for fact in facts],
            "basis": [fact.basis for fact in facts],
            "channel": [fact.channel for fact in facts],
            "shop": [fact.shop for fact in facts],
            "body_hash": [fact.body_hash for fact in facts],
        },
    )
    return {(row.source, row.order_id) for row in rows}


async def known_purchases(tx: Transaction, keys: Sequence[Key]) -> Mapping[Key, bytes]:
    """Body hashes of purchases that are kept already."""
    rows = await tx.fetch_all(KNOWN_PURCHASES, {"source": [key[0] for key in keys], "id": [key[1] for key in keys]})
    return {(row.source, row.id): bytes(row.body_hash) for row in rows}


async def move_purchases(tx: Transaction, *, zone: str, limit: int) -> tuple[int, list[Counted]]:
    """Take up to `limit` purchases to their day in `zone`; returns how many, and what that does to the days."""
    rows = await tx.fetch_all(STALE_PURCHASES, {"zone": zone, "limit": limit})
    if not rows:
        return 0, []
    local = ZoneInfo(zone)
    days = [day_of(row.occurred_at, local) for row in rows]
    keys = {"source": [row.source for row in rows], "id": [row.order_id for row in rows]}
    await tx.execute(MOVE_PURCHASES, {"zone": zone, **keys, "day": days})
    return len(rows), list(_moved(zip(rows, days, strict=True)))


def _moved(rows: Iterable[tuple[Any, date]]) -> Iterable[Counted]:
    for row, day in rows:
        if row.day != day:
            for where, sign in ((row.day, -1), (day, 1)):
                yield Counted(
                    day=where,
                    channel=row.channel,
                    orders=sign,
                    gross=sign * row.amount,
                    discount=sign * row.discount,
                )


async def duplicates(tx: Transaction) -> dict[str, int]:
    """Events that were ignored because they were known, by type."""
    return {row.type: int(row.ignored) for row in await tx.fetch_all(DUPLICATES)}


async def of_unknown_members(tx: Transaction) -> Any:
    """`purchases`, `gross` of members that are not known."""
    row = await tx.fetch_one(OF_UNKNOWN_MEMBERS)
    assert row is not None
    return row
