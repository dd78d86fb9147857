"""All SQL on returns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from analytics.calendar.domain import day_of
from analytics.returns.domain import Key, Order, ReturnFact
from analytics.spend.domain import Counted
from common.storage import Transaction

LOCK_ORDERS = """
    SELECT p.source, p.order_id, p.member_id, p.channel, p.currency, p.basis
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[])) AS asked (source, order_id)
    JOIN purchases p USING (source, order_id)
    ORDER BY p.source, p.order_id FOR UPDATE OF p
"""

CAME_BACK = """
    SELECT r.order_source, r.order_id, sum(r.amount) AS amount
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[])) AS asked (order_source, order_id)
    JOIN returns r USING (order_source, order_id)
    WHERE r.state = 'applied' GROUP BY r.order_source, r.order_id
"""

KNOWN = """
    SELECT r.source, r.return_id, r.body_hash
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[])) AS asked (source, return_id)
    JOIN returns r USING (source, return_id)
"""

INSERT = """
    INSERT INTO returns (source, return_id, order_source, order_id, member_id, channel, occurred_at, recorded_at, day,
        zone, currency, amount, state, reason, body_hash)
    SELECT source, return_id, order_source, order_id, member_id, channel, occurred_at,
        CAST(:recorded_at AS timestamptz), day, CAST(:zone AS text), currency, amount, state, '', body_hash
    FROM unnest(
        CAST(:source AS text[]), CAST(:return_id AS text[]), CAST(:order_source AS text[]), CAST(:order_id AS text[]),
        CAST(:member_id AS uuid[]), CAST(:channel AS text[]), CAST(:occurred_at AS timestamptz[]),
        CAST(:day AS date[]), CAST(:currency AS text[]), CAST(:amount AS bigint[]), CAST(:state AS text[]),
        CAST(:body_hash AS bytea[])
    ) AS given (source, return_id, order_source, order_id, member_id, channel, occurred_at, day, currency, amount,
        state, body_hash)
"""

WAITING_FOR = """
    SELECT r.source, r.return_id, r.order_source, r.order_id, r.member_id, r.channel, r.occurred_at, r.day, r.currency,
        r.amount, r.state, r.reason, r.body_hash
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[])) AS asked (order_source, order_id)
    JOIN returns r USING (order_source, order_id)
    WHERE r.state = 'waiting' ORDER BY r.source, r.return_id FOR UPDATE OF r
"""

SETTLE = """
    UPDATE returns r SET member_id = settled.member_id, channel = settled.channel, state = settled.state,
        reason = settled.reason
    FROM unnest(
        CAST(:source AS text[]), CAST(:id AS text[]), CAST(:member_id AS uuid[]), CAST(:channel AS text[]),
        CAST(:state AS text[]), CAST(:reason AS text[])
    ) AS settled (source, return_id, member_id, channel, state, reason)
    WHERE r.source = settled.source AND r.return_id = settled.return_id
"""

MET = """
    SELECT DISTINCT r.order_source, r.order_id
    FROM returns r JOIN purchases p ON p.source = r.order_source AND p.order_id = r.order_id
    WHERE r.state = 'waiting' LIMIT :limit
"""

STALE = """
    SELECT source, return_id, occurred_at, day, channel, state, amount
    FROM returns WHERE zone <> :zone LIMIT :limit FOR UPDATE SKIP LOCKED
"""

MOVE = """
    UPDATE returns r SET day = moved.day, zone = :zone
    FROM unnest(CAST(:source AS text[]), CAST(:id AS text[]), CAST(:day AS date[])) AS moved (source, id, day)
    WHERE r.source = moved.source AND r.return_id = moved.id
"""

OPEN = """
    SELECT state, count(*) AS returns, sum(amount) AS amount FROM returns
    WHERE state = :state GROUP BY state
"""


async def lock_orders(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Order]:
    """Those of these purchases that are known, each locked until the commit, with what has come back of it."""
    asked = _columns(sorted(keys))
    rows = await tx.fetch_all(LOCK_ORDERS, asked)
    if not rows:
        return {}
    orders = {(row.source, row.order_id): Order(**row._mapping) for row in rows}
    # A statement of its own: it sees what those committed who held the locks before.
    for row in await tx.fetch_all(CAME_BACK, asked):
        key = (row.order_source, row.order_id)
        orders[key] = replace(orders[key], returned=int(row.amount))
    return orders


async def known(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    """Body hashes of returns that are kept already."""
    return {(row.source, row.return_id): bytes(row.body_hash) for row in await tx.fetch_all(KNOWN, _columns(keys))}


async def insert(tx: Transaction, facts: Iterable[ReturnFact], *, zone: str) -> None:
    """Keep new returns. One that another worker has kept meanwhile raises IntegrityError: the batch is done again."""
    ordered = sorted(facts, key=lambda fact: fact.key)
    await tx.execute(
        INSERT,
        {
            "recorded_at": tx.now,
            "zone": zone,
            "source": [fact.source for fact in ordered],
            "return_id": [fact.return_id for fact in ordered],
            "order_source": [fact.order_source for fact in ordered],
            "order_id": [fact.order_id for fact in ordered],
            "member_id": [fact.member_id for fact in ordered],
            "channel": [fact.channel for fact in ordered],
            "occurred_at": [fact.occurred_at for fact in ordered],
            "day": [fact.day for fact in ordered],
            "currency": [fact.currency for fact in ordered],
            "amount": [fact.amount for fact in ordered],
            "state": [fact.state for fact in ordered],
            "body_hash": [fact.body_hash for fact in ordered],
        },
    )


async def waiting_for(tx: Transaction, keys: Iterable[Key]) -> list[ReturnFact]:
    """Returns that wait for these purchases, locked."""
    rows = await tx.fetch_all(WAITING_FOR, _columns(sorted(keys)))
    return [ReturnFact(**{**row._mapping, "body_hash": bytes(row.body_hash)}) for row in rows]


async def settle(tx: Transaction, facts: Iterable[ReturnFact]) -> None:
    """Keep what became of returns that waited."""
    ordered = sorted(facts, key=lambda fact: fact.key)
    await tx.execute(
        SETTLE,
        {
            **_columns([fact.key for fact in ordered]),
            "member_id": [fact.member_id for fact in ordered],
            "channel": [fact.channel for fact in ordered],
            "state": [fact.state for fact in ordered],
            "reason": [fact.reason for fact in ordered],
        },
    )


async def met(tx: Transaction, *, limit: int) -> list[Key]:
    """Purchases that returns wait for although they are here."""
    return [(row.order_source, row.order_id) for row in await tx.fetch_all(MET, {"limit": limit})]


async def move(tx: Transaction, *, zone: str, limit: int) -> tuple[int, list[Counted]]:
    """Take up to `limit` returns to their day in `zone`; returns how many, and what that does to the days."""
    rows = await tx.fetch_all(STALE, {"zone": zone, "limit": limit})
    if not rows:
        return 0, []
    local = ZoneInfo(zone)
    days = [day_of(row.occurred_at, local) for row in rows]
    await tx.execute(MOVE, {"zone": zone, **_columns([(row.source, row.return_id) for row in rows]), "day": days})
    return len(rows), list(_moved(zip(rows, days, strict=True)))


def _moved(rows: Iterable[tuple[Any, date]]) -> Iterable[Counted]:
    for row, day in rows:
        if row.state == "applied" and row.day != day:
            for where, sign in ((row.day, -1), (day, 1)):
                yield Counted(day=where, channel=row.channel, returns=sign, returned=sign * row.amount)


async def in_state(tx: Transaction, state: str) -> tuple[int, int]:
    """How many returns are in this state, and their amount."""
    row = await tx.fetch_one(OPEN, {"state": state})
    return (0, 0) if row is None else (row.returns, int(row.amount))


def _columns(keys: Sequence[Key]) -> Mapping[str, list[str]]:
    return {"source": [key[0] for key in keys], "id": [key[1] for key in keys]}
