"""SQL of purchases and returns."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Row

from common.events import Event
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.storage import Transaction
from common.trace_context import trace_id_of
from members.tiers.domain import Bought, Returned

Key = tuple[str, str]

_RECORD_PURCHASES = """
    INSERT INTO purchases (source, order_id, member_id, occurred_at, recorded_at, currency, amount, discount, tax,
        delivery, channel, shop, lines, body_hash, event_id, trace_id)
    SELECT source, order_id, member_id, occurred_at, :now, currency, amount, discount, tax, delivery, channel, shop,
        CAST(lines AS jsonb), body_hash, event_id, trace_id
    FROM unnest(
        CAST(:sources AS text[]), CAST(:order_ids AS text[]), CAST(:member_ids AS uuid[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:currencies AS text[]),
        CAST(:amounts AS bigint[]), CAST(:discounts AS bigint[]), CAST(:taxes AS bigint[]),
        CAST(:deliveries AS bigint[]), CAST(:channels AS text[]), CAST(:shops AS text[]), CAST(:lines AS text[]),
        CAST(:hashes AS bytea[]), CAST(:event_ids AS text[]), CAST(:trace_ids AS text[])
    ) AS fresh (source, order_id, member_id, occurred_at, currency, amount, discount, tax, delivery, channel, shop,
        lines, body_hash, event_id, trace_id)
    ON CONFLICT (source, order_id) DO NOTHING RETURNING source, order_id
"""
_RECORD_RETURNS = """
    INSERT INTO returns (source, return_id, order_source, order_id, occurred_at, recorded_at, currency, amount, reason,
        lines, body_hash, event_id, trace_id)
    SELECT source, return_id, order_source, order_id, occurred_at, :now, currency, amount, reason, CAST(lines AS jsonb),
        body_hash, event_id, trace_id
    FROM unnest(
        CAST(:sources AS text[]), CAST(:return_ids AS text[]), CAST(:order_sources AS text[]),
        CAST(:order_ids AS text[]), CAST(:occurred_at AS timestamptz[]), CAST(:currencies AS text[]),
        CAST(:amounts AS bigint[]), CAST(:reasons AS text[]), CAST(:lines AS text[]), CAST(:hashes AS bytea[]),
        CAST(:event_ids AS text[]), CAST(:trace_ids AS text[])
    ) AS fresh (source, return_id, order_source, order_id, occurred_at, currency, amount, reason, lines, body_hash,
        event_id, trace_id)
    ON CONFLICT (source, return_id) DO NOTHING RETURNING source, return_id
"""
_PURCHASE_HASHES = """
    SELECT source, order_id AS id, body_hash FROM purchases
    WHERE (source, order_id) IN (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])))
"""
_RETURN_HASHES = """
    SELECT source, return_id AS id, body_hash FROM returns
    WHERE (source, return_id) IN (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])))
"""
_MATCH_BY_PURCHASE = """
    UPDATE returns SET member_id = bought.member_id, matched_at = :now
    FROM unnest(CAST(:sources AS text[]), CAST(:order_ids AS text[]), CAST(:member_ids AS uuid[]))
        AS bought (source, order_id, member_id)
    WHERE returns.order_source = bought.source AND returns.order_id = bought.order_id AND returns.member_id IS NULL
"""
_MATCH_BY_RETURN = """
    UPDATE returns SET member_id = purchases.member_id, matched_at = :now
    FROM purchases, unnest(CAST(:sources AS text[]), CAST(:return_ids AS text[])) AS fresh (source, return_id)
    WHERE returns.source = fresh.source AND returns.return_id = fresh.return_id
        AND purchases.source = returns.order_source AND purchases.order_id = returns.order_id
        AND returns.member_id IS NULL
    RETURNING returns.member_id, returns.source, returns.return_id
"""
_OVERLOOKED = """
    SELECT returns.source, returns.return_id FROM returns
    JOIN purchases ON purchases.source = returns.order_source AND purchases.order_id = returns.order_id
    WHERE returns.member_id IS NULL ORDER BY returns.source, returns.return_id LIMIT :limit
"""
_BOUGHT = """
    SELECT purchases.member_id, occurred_at, source, order_id, amount - discount AS goods, tax, delivery
    FROM unnest(CAST(:ids AS uuid[]), CAST(:since AS timestamptz[])) AS needed (member_id, since)
    JOIN purchases ON purchases.member_id = needed.member_id AND purchases.occurred_at >= needed.since
"""
_RETURNED = """
    SELECT member_id, occurred_at, order_source, order_id, return_id, amount
    FROM returns WHERE member_id = ANY (CAST(:ids AS uuid[]))
"""
_FIELDS = """source, order_id, member_id, occurred_at, recorded_at, currency, amount, discount, tax, delivery, channel,
    shop, lines, event_id, trace_id"""
_OF_MEMBER = f"""
    SELECT {_FIELDS} FROM purchases WHERE member_id = :member_id
    ORDER BY occurred_at DESC, source DESC, order_id DESC LIMIT :limit
"""
_OF_MEMBER_AFTER = f"""
    SELECT {_FIELDS} FROM purchases
    WHERE member_id = :member_id AND (occurred_at, source, order_id) < (:occurred_at, :source, :order_id)
    ORDER BY occurred_at DESC, source DESC, order_id DESC LIMIT :limit
"""
_FIND = f"SELECT {_FIELDS} FROM purchases WHERE source = :source AND order_id = :order_id"
_RETURNS_OF = """
    SELECT order_source, order_id, source, return_id, occurred_at, recorded_at, amount, reason, trace_id FROM returns
    WHERE (order_source, order_id) IN (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:order_ids AS text[])))
    ORDER BY occurred_at, source, return_id
"""
_ANY = "SELECT EXISTS (SELECT 1 FROM purchases)"
_COUNTS = """
    SELECT (SELECT count(*) FROM purchases) AS purchases, (SELECT count(*) FROM returns) AS returns,
        (SELECT count(*) FROM returns WHERE member_id IS NULL) AS waiting
"""


async def record_purchases(tx: Transaction, events: Iterable[Event[PurchaseCompleted]]) -> set[Key]:
    """Write down what is new; returns the keys that were."""
    ordered = sorted(events, key=lambda event: (event.source, event.data.order_id))
    bought = [event.data for event in ordered]
    rows = await tx.fetch_all(
        _RECORD_PURCHASES,
        {
            "now": tx.now,
            "sources": [event.source for event in ordered],
            "order_ids": [data.order_id for data in bought],
            "member_ids": [data.member_id for data in bought],
            "occurred_at": [data.occurred_at for data in bought],
            "currencies": [data.currency for data in bought],
            "amounts": [data.amount for data in bought],
            "discounts": [data.discount for data in bought],
            "taxes": [data.tax for data in bought],
            "deliveries": [data.delivery for data in bought],
            "channels": [data.channel for data in bought],
            "shops": [data.shop for data in bought],
            "lines": [_json(data.lines) for data in bought],
            "hashes": [event.body_hash for event in ordered],
            "event_ids": [event.id for event in ordered],
            "trace_ids": [trace_id_of(event.traceparent) for event in ordered],
        },
    )
    return {(row.source, row.order_id) for row in rows}


async def record_returns(tx: Transaction, events: Iterable[Event[PurchaseRefunded]]) -> set[Key]:
    """Write down what is new, all of it waiting for its purchase; returns the keys that were new."""
    ordered = sorted(events, key=lambda event: (event.source, event.data.return_id))
    returned = [event.data for event in ordered]
    rows = await tx.fetch_all(
        _RECORD_RETURNS,
        {
            "now": tx.now,
            "sources": [event.source for event in ordered],
            "return_ids": [data.return_id for data in returned],
            "order_sources": [event.data.order_source or event.source for event in ordered],
            "order_ids": [data.order_id for data in returned],
            "occurred_at": [data.occurred_at for data in returned],
            "currencies": [data.currency for data in returned],
            "amounts": [data.amount for data in returned],
            "reasons": [data.reason for data in returned],
            "lines": [_json(data.lines) for data in returned],
            "hashes": [event.body_hash for event in ordered],
            "event_ids": [event.id for event in ordered],
            "trace_ids": [trace_id_of(event.traceparent) for event in ordered],
        },
    )
    return {(row.source, row.return_id) for row in rows}


async def purchase_hashes(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    return await _hashes(tx, _PURCHASE_HASHES, keys)


async def return_hashes(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    return await _hashes(tx, _RETURN_HASHES, keys)


async def match_by_purchase(tx: Transaction, bought: Mapping[Key, UUID]) -> int:
    """Returns that waited for these purchases now belong to their members; how many."""
    keys = sorted(bought)
    return await tx.execute(
        _MATCH_BY_PURCHASE,
        {
            "now": tx.now,
            "sources": [source for source, _ in keys],
            "order_ids": [order_id for _, order_id in keys],
            "member_ids": [bought[key] for key in keys],
        },
    )


async def match_by_return(tx: Transaction, keys: Iterable[Key]) -> dict[Key, UUID]:
    """Which of these returns have their purchase already, and whose they are."""
    rows = await tx.fetch_all(
        _MATCH_BY_RETURN,
        {"now": tx.now, "sources": [source for source, _ in keys], "return_ids": [return_id for _, return_id in keys]},
    )
    return {(row.source, row.return_id): row.member_id for row in rows}


async def overlooked(tx: Transaction, *, limit: int) -> list[Key]:
    """Returns that wait although their purchase is here: both were committed in the same moment."""
    return [(row.source, row.return_id) for row in await tx.fetch_all(_OVERLOOKED, {"limit": limit})]


async def lives(
    tx: Transaction, needed: Mapping[UUID, datetime]
) -> tuple[dict[UUID, list[Bought]], dict[UUID, list[Returned]]]:
    """The purchases of these members from an instant on, and all their returns."""
    ids = list(needed)
    bought: dict[UUID, list[Bought]] = {}
    for member_id, at, source, order_id, goods, tax, delivery in await _tuples(
        tx, _BOUGHT, {"ids": ids, "since": [needed[id] for id in ids]}
    ):
        entry = Bought(at=at, source=source, order_id=order_id, goods=goods, tax=tax, delivery=delivery)
        bought.setdefault(member_id, []).append(entry)
    returned: dict[UUID, list[Returned]] = {}
    for member_id, at, source, order_id, return_id, amount in await _tuples(tx, _RETURNED, {"ids": ids}):
        back = Returned(at=at, source=source, order_id=order_id, return_id=return_id, amount=amount)
        returned.setdefault(member_id, []).append(back)
    return bought, returned


async def of_member(
    tx: Transaction, member_id: UUID, *, after: tuple[datetime, str, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """Purchases, the newest first."""
    if after is None:
        return await tx.fetch_all(_OF_MEMBER, {"member_id": member_id, "limit": limit})
    occurred_at, source, order_id = after
    params = {
        "member_id": member_id,
        "limit": limit,
        "occurred_at": occurred_at,
        "source": source,
        "order_id": order_id,
    }
    return await tx.fetch_all(_OF_MEMBER_AFTER, params)


async def find(tx: Transaction, source: str, order_id: str) -> Row[Any] | None:
    return await tx.fetch_one(_FIND, {"source": source, "order_id": order_id})


async def returns_of(tx: Transaction, keys: Sequence[Key]) -> dict[Key, list[Row[Any]]]:
    """The returns of these purchases."""
    found: dict[Key, list[Row[Any]]] = {}
    params = {"sources": [source for source, _ in keys], "order_ids": [order_id for _, order_id in keys]}
    for row in await tx.fetch_all(_RETURNS_OF, params):
        found.setdefault((row.order_source, row.order_id), []).append(row)
    return found


async def any_recorded(tx: Transaction) -> bool:
    return bool(await tx.fetch_value(_ANY))


async def counts(tx: Transaction) -> Row[Any]:
    """`purchases`, `returns`, and how many of those are `waiting` for their purchase."""
    row = await tx.fetch_one(_COUNTS)
    assert row is not None
    return row


async def _tuples(tx: Transaction, sql: str, params: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
    return cast("Sequence[tuple[Any, ...]]", await tx.fetch_all(sql, params))


async def _hashes(tx: Transaction, sql: str, keys: Sequence[Key]) -> dict[Key, bytes]:
    if not keys:
        return {}
    rows = await tx.fetch_all(sql, {"sources": [source for source, _ in keys], "ids": [id for _, id in keys]})
    return {(row.source, row.id): bytes(row.body_hash) for row in rows}


def _json(lines: Sequence[Any]) -> str:
    return to_json(lines).decode() if lines else "[]"
