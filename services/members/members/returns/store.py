"""SQL of returns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Row

from common.events import Event
from common.events.purchases import PurchaseRefunded
from common.storage import Transaction
from common.trace_context import trace_id_of
from members.returns.domain import Key, Order, Return
from members.tiers.domain import Returned

_LOCK_ORDERS = """
    SELECT purchases.source, purchases.order_id, member_id, currency, basis
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS asked (source, order_id)
    JOIN purchases USING (source, order_id)
    ORDER BY purchases.source, purchases.order_id FOR UPDATE OF purchases
"""
_CAME_BACK = """
    SELECT returns.order_source, returns.order_id, sum(returns.amount) AS amount
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS asked (order_source, order_id)
    JOIN returns USING (order_source, order_id)
    WHERE returns.state = 'applied' GROUP BY returns.order_source, returns.order_id
"""
_HASHES = """
    SELECT returns.source, returns.return_id, body_hash
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS asked (source, return_id)
    JOIN returns USING (source, return_id)
"""
_ADD = """
    INSERT INTO returns (source, return_id, order_source, order_id, member_id, occurred_at, recorded_at, settled_at,
        currency, amount, state, refusal, reason, lines, body_hash, event_id, trace_id)
    SELECT source, return_id, order_source, order_id, member_id, occurred_at, :now,
        CASE WHEN state = 'applied' THEN CAST(:now AS timestamptz) END, currency, amount, state, '', reason,
        CAST(lines AS jsonb), body_hash, event_id, trace_id
    FROM unnest(
        CAST(:sources AS text[]), CAST(:ids AS text[]), CAST(:order_sources AS text[]), CAST(:order_ids AS text[]),
        CAST(:member_ids AS uuid[]), CAST(:occurred_at AS timestamptz[]), CAST(:currencies AS text[]),
        CAST(:amounts AS bigint[]), CAST(:states AS text[]), CAST(:reasons AS text[]), CAST(:lines AS text[]),
        CAST(:hashes AS bytea[]), CAST(:event_ids AS text[]), CAST(:trace_ids AS text[])
    ) AS fresh (source, return_id, order_source, order_id, member_id, occurred_at, currency, amount, state, reason,
        lines, body_hash, event_id, trace_id)
"""
_WAITING_FOR = """
    SELECT returns.source, returns.return_id, returns.order_source, returns.order_id, member_id, occurred_at, currency,
        amount, state, refusal
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS asked (order_source, order_id)
    JOIN returns USING (order_source, order_id)
    WHERE returns.state = 'waiting' ORDER BY returns.source, returns.return_id FOR UPDATE OF returns
"""
_SETTLE = """
    UPDATE returns SET member_id = settled.member_id, state = settled.state, refusal = settled.refusal,
        settled_at = :now
    FROM unnest(
        CAST(:sources AS text[]), CAST(:ids AS text[]), CAST(:member_ids AS uuid[]), CAST(:states AS text[]),
        CAST(:refusals AS text[])
    ) AS settled (source, return_id, member_id, state, refusal)
    WHERE returns.source = settled.source AND returns.return_id = settled.return_id
"""
_MET = """
    SELECT DISTINCT returns.order_source, returns.order_id FROM returns
    JOIN purchases ON purchases.source = returns.order_source AND purchases.order_id = returns.order_id
    WHERE returns.state = 'waiting' LIMIT :limit
"""
_OF_MEMBERS = """
    SELECT member_id, occurred_at, order_source, order_id, return_id, amount
    FROM returns WHERE member_id = ANY (CAST(:ids AS uuid[])) AND state = 'applied'
"""
_OF_ORDERS = """
    SELECT order_source, order_id, source, return_id, occurred_at, recorded_at, amount, state, refusal, reason, trace_id
    FROM returns
    WHERE (order_source, order_id) IN (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])))
    ORDER BY occurred_at, source, return_id
"""


async def lock_orders(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Order]:
    """Those of these purchases that are known, each locked until the commit, with what has come back of it."""
    asked = _columns(sorted(keys))
    orders = {(row.source, row.order_id): Order(**row._mapping) for row in await tx.fetch_all(_LOCK_ORDERS, asked)}
    # A statement of its own: it sees what those committed who held the locks before.
    for row in await tx.fetch_all(_CAME_BACK, asked) if orders else ():
        key = (row.order_source, row.order_id)
        orders[key] = replace(orders[key], returned=int(row.amount))
    return orders


async def hashes(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    """The body hashes of those that are recorded."""
    rows = await tx.fetch_all(_HASHES, _columns(keys)) if keys else ()
    return {(row.source, row.return_id): bytes(row.body_hash) for row in rows}


async def add(tx: Transaction, returns: Sequence[tuple[Return, Event[PurchaseRefunded]]]) -> None:
    """Write down new returns. One that another worker has written meanwhile raises IntegrityError: the batch is done
    again."""
    ordered = sorted(returns, key=lambda pair: pair[0].key)
    ones, events = [one for one, _ in ordered], [event for _, event in ordered]
    await tx.execute(
        _ADD,
        {
            "now": tx.now,
            **_columns([one.key for one in ones]),
            "order_sources": [one.order_source for one in ones],
            "order_ids": [one.order_id for one in ones],
            "member_ids": [one.member_id for one in ones],
            "occurred_at": [one.occurred_at for one in ones],
            "currencies": [one.currency for one in ones],
            "amounts": [one.amount for one in ones],
            "states": [one.state for one in ones],
            "reasons": [event.data.reason for event in events],
            "lines": [to_json(event.data.lines).decode() for event in events],
            "hashes": [event.body_hash for event in events],
            "event_ids": [event.id for event in events],
            "trace_ids": [trace_id_of(event.traceparent) for event in events],
        },
    )


async def waiting_for(tx: Transaction, keys: Iterable[Key]) -> list[Return]:
    """Returns that wait for these purchases, locked."""
    return [Return(**row._mapping) for row in await tx.fetch_all(_WAITING_FOR, _columns(sorted(keys)))]


async def settle(tx: Transaction, returns: Iterable[Return]) -> None:
    """Keep what became of returns that waited."""
    ordered = sorted(returns, key=lambda one: one.key)
    await tx.execute(
        _SETTLE,
        {
            "now": tx.now,
            **_columns([one.key for one in ordered]),
            "member_ids": [one.member_id for one in ordered],
            "states": [one.state for one in ordered],
            "refusals": [one.refusal for one in ordered],
        },
    )


async def met(tx: Transaction, *, limit: int) -> list[Key]:
    """Purchases that returns wait for although they are here: both were committed in the same moment."""
    return [(row.order_source, row.order_id) for row in await tx.fetch_all(_MET, {"limit": limit})]


async def of_members(tx: Transaction, member_ids: Sequence[UUID]) -> dict[UUID, list[Returned]]:
    """What these members gave back, refused returns left out."""
    found: dict[UUID, list[Returned]] = {}
    rows: Iterable[Any] = await tx.fetch_all(_OF_MEMBERS, {"ids": list(member_ids)})
    for member_id, at, source, order_id, return_id, amount in rows:
        back = Returned(at=at, source=source, order_id=order_id, return_id=return_id, amount=amount)
        found.setdefault(member_id, []).append(back)
    return found


async def of_orders(tx: Transaction, keys: Sequence[Key]) -> dict[Key, list[Row[Any]]]:
    """The returns of these purchases, refused ones too."""
    found: dict[Key, list[Row[Any]]] = {}
    for row in await tx.fetch_all(_OF_ORDERS, _columns(keys)):
        found.setdefault((row.order_source, row.order_id), []).append(row)
    return found


def _columns(keys: Sequence[Key]) -> Mapping[str, list[str]]:
    return {"sources": [key[0] for key in keys], "ids": [key[1] for key in keys]}
