"""All SQL of purchases and accruals. Whole batches, rows sorted by key."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson

from common.storage import Transaction
from points.accruals import shares
from points.accruals.domain import Accrual, Key, Place, Purchase

_PURCHASE = """
    source, order_id, member_id, currency, amount, basis, channel, shop, lines, tier, is_first, rounding, returned,
    returned_lines, occurred_at, recorded_at, body_hash
"""
_OF_PURCHASE = ", ".join(f"purchases.{name.strip()}" for name in _PURCHASE.split(","))
_ACCRUAL = """
    kind, source, occasion_id, wallet, part, earned, taken_back, expires_at, available_at, waits, shares, by_line
"""
_OF_ACCRUAL = ", ".join(f"accruals.{name.strip()}" for name in _ACCRUAL.split(","))
_HASHES = """
    SELECT source, order_id, body_hash
    FROM unnest(CAST(:keys AS order_key[])) AS asked
    JOIN purchases USING (source, order_id)
"""
_PURCHASES = f"""
    SELECT {_PURCHASE}
    FROM unnest(CAST(:keys AS order_key[])) AS asked
    JOIN purchases USING (source, order_id)
"""
_STATES = """
    SELECT purchases.source, purchases.order_id, returned > 0 AND returned >= basis AS gone
    FROM unnest(CAST(:keys AS order_key[])) AS asked
    JOIN purchases USING (source, order_id)
    ORDER BY purchases.source, purchases.order_id FOR SHARE OF purchases
"""
_ACCRUALS = f"""
    SELECT {_OF_ACCRUAL}
    FROM unnest(CAST(:keys AS order_key[])) AS asked
    JOIN accruals ON accruals.kind = :kind AND accruals.source = asked.source
        AND accruals.occasion_id = asked.order_id
    ORDER BY accruals.source, accruals.occasion_id, accruals.wallet, accruals.part
"""
_AFTER = f"""
    SELECT {_OF_PURCHASE}
    FROM unnest(CAST(:member_ids AS uuid[]), CAST(:instants AS timestamptz[])) AS changed(member_id, instant)
    JOIN purchases ON purchases.member_id = changed.member_id AND purchases.occurred_at > changed.instant
    ORDER BY purchases.member_id, occurred_at, source, order_id
"""
_FIRSTS = f"""
    SELECT {_OF_PURCHASE.replace("purchases.", "first.")}
    FROM unnest(CAST(:member_ids AS uuid[])) AS asked(member_id) CROSS JOIN LATERAL (
        SELECT * FROM purchases
        WHERE purchases.member_id = asked.member_id AND returned < basis
        ORDER BY occurred_at, source, order_id LIMIT 1
    ) AS first
"""
# By an index as far as it goes, and without sorting: of those at the same instant the first is found by who asks.
_FIRST_PLACES = """
    SELECT asked.member_id, first.occurred_at, first.source, first.order_id
    FROM unnest(CAST(:member_ids AS uuid[])) AS asked(member_id) CROSS JOIN LATERAL (
        SELECT occurred_at, source, order_id FROM purchases
        WHERE purchases.member_id = asked.member_id AND returned < basis
        ORDER BY occurred_at FETCH FIRST ROW WITH TIES
    ) AS first
"""
_CALLED_FIRST = f"""
    SELECT {_PURCHASE} FROM purchases
    WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND is_first AND returned < basis
"""
_ADD_PURCHASES = f"""
    INSERT INTO purchases ({_PURCHASE}) SELECT * FROM unnest(CAST(:rows AS purchase_row[]))
"""
_ADD_ACCRUALS = f"""
    INSERT INTO accruals ({_ACCRUAL}) SELECT * FROM unnest(CAST(:rows AS accrual_row[]))
"""
_CHANGE_PURCHASES = """
    UPDATE purchases SET tier = changed.tier, is_first = changed.is_first, returned = changed.returned,
        returned_lines = changed.returned_lines
    FROM unnest(CAST(:rows AS purchase_row[])) AS changed
    WHERE purchases.source = changed.source AND purchases.order_id = changed.order_id
"""
_CHANGE_ACCRUALS = f"""
    INSERT INTO accruals ({_ACCRUAL}) SELECT * FROM unnest(CAST(:rows AS accrual_row[]))
    ON CONFLICT (kind, source, occasion_id, wallet, part) DO UPDATE SET earned = excluded.earned,
        taken_back = excluded.taken_back, expires_at = excluded.expires_at, available_at = excluded.available_at,
        waits = excluded.waits, shares = excluded.shares, by_line = excluded.by_line
"""
_PAGE = f"""
    SELECT {_PURCHASE} FROM purchases
    WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
        AND occurred_at >= :occurred_from AND occurred_at < :occurred_until
        AND (occurred_at, source, order_id) < (:before_time, :before_source, :before_order)
    ORDER BY occurred_at DESC, source DESC, order_id DESC LIMIT :limit
"""


async def body_hashes(tx: Transaction, keys: Iterable[Key]) -> dict[Key, bytes]:
    """Of those purchases that are known."""
    rows: Sequence[Any] = await tx.fetch_all(_HASHES, {"keys": list(keys)})
    return {(source, order_id): body_hash for source, order_id, body_hash in rows}


async def purchases(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Purchase]:
    return {one.key: one for one in map(_purchase, await tx.fetch_all(_PURCHASES, {"keys": list(keys)}))}


async def wholly_returned(tx: Transaction, keys: Iterable[Key]) -> set[Key]:
    """Which of these purchases came back wholly; they cannot change until the transaction ends."""
    rows: Sequence[Any] = await tx.fetch_all(_STATES, {"keys": list(keys)})
    return {(row.source, row.order_id) for row in rows if row.gone}


async def accruals(tx: Transaction, kind: str, keys: Iterable[Key]) -> dict[Key, list[Accrual]]:
    """What these occasions earned, by wallet's name."""
    found: dict[Key, list[Accrual]] = {}
    for row in await tx.fetch_all(_ACCRUALS, {"kind": kind, "keys": list(keys)}):
        one = _accrual(row)
        found.setdefault(one.key, []).append(one)
    return found


async def after(tx: Transaction, since: Sequence[tuple[UUID, datetime]]) -> list[Purchase]:
    """The purchases of each member that occurred after its instant."""
    member_ids, instants = zip(*since, strict=True)
    rows = await tx.fetch_all(_AFTER, {"member_ids": list(member_ids), "instants": list(instants)})
    return [_purchase(row) for row in rows]


async def firsts(tx: Transaction, member_ids: Iterable[UUID]) -> dict[int, Purchase]:
    """The earliest purchase of each member that did not come back wholly, by the member's id as a whole number."""
    rows = await tx.fetch_all(_FIRSTS, {"member_ids": list(member_ids)})
    return {one.member_id.int: one for one in map(_purchase, rows)}


async def first_places(tx: Transaction, member_ids: Iterable[UUID]) -> dict[int, Place]:
    """Of the same purchases only where they stand (`Purchase.place`)."""
    rows: Sequence[Any] = await tx.fetch_all(_FIRST_PLACES, {"member_ids": list(member_ids)})
    found: dict[int, Place] = {}
    for member_id, *place in rows:
        known, one = found.get(member_id.int), (place[0], place[1], place[2])
        if known is None or one < known:
            found[member_id.int] = one
    return found


async def called_first(tx: Transaction, member_ids: Iterable[UUID]) -> list[Purchase]:
    """Purchases of these members that were priced as their first and did not come back wholly."""
    return [_purchase(row) for row in await tx.fetch_all(_CALLED_FIRST, {"member_ids": list(member_ids)})]


async def add_purchases(tx: Transaction, bought: Sequence[Purchase]) -> None:
    await tx.execute(_ADD_PURCHASES, {"rows": _purchase_rows(bought)})


async def add_accruals(tx: Transaction, earned: Sequence[Accrual]) -> None:
    await tx.execute(_ADD_ACCRUALS, {"rows": _accrual_rows(earned)})


async def change_purchases(tx: Transaction, changed: Sequence[Purchase]) -> None:
    await tx.execute(_CHANGE_PURCHASES, {"rows": _purchase_rows(changed)})


async def change_accruals(tx: Transaction, changed: Sequence[Accrual]) -> None:
    """Some may be new: a correction can earn in a wallet that had nothing of the occasion."""
    await tx.execute(_CHANGE_ACCRUALS, {"rows": _accrual_rows(changed)})


def _purchase_rows(purchases: Iterable[Purchase]) -> list[tuple[Any, ...]]:
    return [
        (*one[:8], _json(one[8]), *one[9:13], _json(one[13]), *one[14:])
        if one[8] is not None or one[13] is not None
        else one
        for one in sorted(purchases, key=itemgetter(0, 1))
    ]


def _accrual_rows(accruals: Iterable[Accrual]) -> list[tuple[Any, ...]]:
    return [(*one[:10], shares.written(one.shares), one[11]) for one in sorted(accruals, key=itemgetter(0, 1, 2, 3, 4))]


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _purchase(row: Any) -> Purchase:
    found = Purchase._make(row)
    if found.lines is None and found.returned_lines is None:
        return found
    return found._replace(lines=loads(found.lines), returned_lines=loads(found.returned_lines))


def _accrual(row: Any) -> Accrual:
    return Accrual._make(row)._replace(shares=shares.read(row.shares))


def loads(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


async def page(
    tx: Transaction,
    member_ids: Sequence[UUID],
    *,
    occurred_from: datetime,
    occurred_until: datetime,
    before: tuple[datetime, str, str],
    limit: int,
) -> list[Purchase]:
    """Purchases of these members, the latest first."""
    rows: Sequence[Any] = await tx.fetch_all(
        _PAGE,
        {
            "member_ids": list(member_ids),
            "occurred_from": occurred_from,
            "occurred_until": occurred_until,
            "before_time": before[0],
            "before_source": before[1],
            "before_order": before[2],
            "limit": limit,
        },
    )
    return [_purchase(row) for row in rows]


_REPLAY = f"""
    SELECT {_PURCHASE} FROM purchases
    WHERE occurred_at >= :occurred_from AND occurred_at < :occurred_until
        AND (member_id, occurred_at, source, order_id) > (:member_id, :after_time, :after_source, :after_order)
    ORDER BY member_id, occurred_at, source, order_id LIMIT :limit
"""
_COUNT = "SELECT count(*) FROM purchases WHERE occurred_at >= :occurred_from AND occurred_at < :occurred_until"


async def replay(
    tx: Transaction,
    *,
    occurred_from: datetime,
    occurred_until: datetime,
    after: tuple[UUID, datetime, str, str],
    limit: int,
) -> list[Purchase]:
    """Purchases of a time, member by member, each member's in the order they happened."""
    rows = await tx.fetch_all(
        _REPLAY,
        {
            "occurred_from": occurred_from,
            "occurred_until": occurred_until,
            "member_id": after[0],
            "after_time": after[1],
            "after_source": after[2],
            "after_order": after[3],
            "limit": limit,
        },
    )
    return [_purchase(row) for row in rows]


async def count(tx: Transaction, occurred_from: datetime, occurred_until: datetime) -> int:
    return int(await tx.fetch_value(_COUNT, {"occurred_from": occurred_from, "occurred_until": occurred_until}))
