"""SQL of purchases."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Row

from common.events import Event
from common.events.purchases import PurchaseCompleted
from common.storage import Transaction
from common.trace_context import trace_id_of
from members.tiers.domain import Bought

Key = tuple[str, str]

_RECORD_PURCHASES = """
    INSERT INTO purchases (source, order_id, member_id, occurred_at, recorded_at, currency, amount, discount, tax,
        delivery, basis, channel, shop, lines, body_hash, event_id, trace_id)
    SELECT source, order_id, member_id, occurred_at, :now, currency, amount, discount, tax, delivery, basis, channel,
        shop, CAST(lines AS jsonb), body_hash, event_id, trace_id
    FROM unnest(
        CAST(:sources AS text[]), CAST(:order_ids AS text[]), CAST(:member_ids AS uuid[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:currencies AS text[]),
        CAST(:amounts AS bigint[]), CAST(:discounts AS bigint[]), CAST(:taxes AS bigint[]),
        CAST(:deliveries AS bigint[]), CAST(:bases AS bigint[]), CAST(:channels AS text[]), CAST(:shops AS text[]),
        CAST(:lines AS text[]), CAST(:hashes AS bytea[]), CAST(:event_ids AS text[]), CAST(:trace_ids AS text[])
    ) AS fresh (source, order_id, member_id, occurred_at, currency, amount, discount, tax, delivery, basis, channel,
        shop, lines, body_hash, event_id, trace_id)
    ON CONFLICT (source, order_id) DO NOTHING RETURNING source, order_id
"""
_PURCHASE_HASHES = """
    SELECT source, order_id AS id, body_hash FROM purchases
    WHERE (source, order_id) IN (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])))
"""
_BOUGHT = """
    SELECT purchases.member_id, occurred_at, source, order_id, amount - discount AS goods, tax, delivery
    FROM unnest(CAST(:ids AS uuid[]), CAST(:since AS timestamptz[])) AS needed (member_id, since)
    JOIN purchases ON purchases.member_id = needed.member_id AND purchases.occurred_at >= needed.since
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
_ANY = "SELECT EXISTS (SELECT 1 FROM purchases)"
_COUNTS = """
    SELECT (SELECT count(*) FROM purchases) AS purchases, (SELECT count(*) FROM returns) AS returns,
        (SELECT count(*) FROM returns WHERE state = 'waiting') AS waiting,
        (SELECT count(*) FROM returns WHERE state = 'refused') AS refused
"""


async def record_purchases(tx: Transaction, fresh: Mapping[Key, tuple[Event[PurchaseCompleted], int]]) -> set[Key]:
    """Write down what is new, each with its basis; returns the keys that were."""
    ordered = [fresh[key][0] for key in sorted(fresh)]
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
            "bases": [fresh[key][1] for key in sorted(fresh)],
            "channels": [data.channel for data in bought],
            "shops": [data.shop for data in bought],
            "lines": [_json(data.lines) for data in bought],
            "hashes": [event.body_hash for event in ordered],
            "event_ids": [event.id for event in ordered],
            "trace_ids": [trace_id_of(event.traceparent) for event in ordered],
        },
    )
    return {(row.source, row.order_id) for row in rows}


async def purchase_hashes(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    if not keys:
        return {}
    params = {"sources": [source for source, _ in keys], "ids": [id for _, id in keys]}
    return {(row.source, row.id): bytes(row.body_hash) for row in await tx.fetch_all(_PURCHASE_HASHES, params)}


async def bought(tx: Transaction, needed: Mapping[UUID, datetime]) -> dict[UUID, list[Bought]]:
    """The purchases of these members, of each from an instant on."""
    found: dict[UUID, list[Bought]] = {}
    rows: Iterable[Any] = await tx.fetch_all(_BOUGHT, {"ids": list(needed), "since": list(needed.values())})
    for member_id, at, source, order_id, goods, tax, delivery in rows:
        entry = Bought(at=at, source=source, order_id=order_id, goods=goods, tax=tax, delivery=delivery)
        found.setdefault(member_id, []).append(entry)
    return found


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


async def any_recorded(tx: Transaction) -> bool:
    return bool(await tx.fetch_value(_ANY))


async def counts(tx: Transaction) -> Row[Any]:
    """`purchases`, `returns`, and how many of those are `waiting` for their purchase or `refused`."""
    row = await tx.fetch_one(_COUNTS)
    assert row is not None
    return row


def _json(lines: Sequence[Any]) -> str:
    return to_json(lines).decode() if lines else "[]"
