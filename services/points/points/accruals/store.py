"""All SQL of accruals. Whole batches, rows sorted by key."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from common.storage import Transaction
from points.accruals.domain import Accrual, Key, Repricing
from points.database import columns

_FIELDS = """
    source, order_id, member_id, wallet, currency, basis, rule, rule_version, rate_points, rate_per, tier, multiplier,
    rounding, earned, returned, taken_back, occurred_at, recorded_at, expires_at, body_hash
"""
_HASHES = """
    SELECT source, order_id, body_hash
    FROM unnest(CAST(:keys AS order_key[])) AS asked
    JOIN accruals USING (source, order_id)
"""
_BY_KEYS = f"""
    SELECT {_FIELDS}
    FROM unnest(CAST(:keys AS order_key[])) AS asked
    JOIN accruals USING (source, order_id)
"""
_AFTER = f"""
    SELECT {_FIELDS.replace("member_id", "accruals.member_id")}
    FROM unnest(CAST(:member_ids AS uuid[]), CAST(:instants AS timestamptz[])) AS changed(member_id, instant)
    JOIN accruals ON accruals.member_id = changed.member_id AND accruals.occurred_at > changed.instant
    ORDER BY accruals.member_id, occurred_at, source, order_id
"""
_ADD = f"""
    INSERT INTO accruals ({_FIELDS}) SELECT * FROM unnest(CAST(:rows AS accrual_row[]))
"""
_CHANGE = """
    UPDATE accruals SET tier = changed.tier, multiplier = changed.multiplier, earned = changed.earned,
        returned = changed.returned, taken_back = changed.taken_back
    FROM unnest(CAST(:source AS text[]), CAST(:order_id AS text[]), CAST(:tier AS text[]), CAST(:multiplier AS text[]),
        CAST(:earned AS bigint[]), CAST(:returned AS bigint[]), CAST(:taken_back AS bigint[]))
        AS changed(source, order_id, tier, multiplier, earned, returned, taken_back)
    WHERE accruals.source = changed.source AND accruals.order_id = changed.order_id
"""
_ADD_REPRICINGS = """
    INSERT INTO repricings (source, order_id, number, previous_tier, tier, previous_earned, earned, points, reason,
        recorded_at)
    SELECT new.source, new.order_id,
        1 + (SELECT COALESCE(max(number), 0) FROM repricings AS earlier
            WHERE earlier.source = new.source AND earlier.order_id = new.order_id),
        new.previous_tier, new.tier, new.previous_earned, new.earned, new.points, new.reason, :now
    FROM unnest(CAST(:source AS text[]), CAST(:order_id AS text[]), CAST(:previous_tier AS text[]),
        CAST(:tier AS text[]), CAST(:previous_earned AS bigint[]), CAST(:earned AS bigint[]), CAST(:points AS bigint[]),
        CAST(:reason AS text[]))
        AS new(source, order_id, previous_tier, tier, previous_earned, earned, points, reason)
"""
_PAGE = f"""
    SELECT {_FIELDS} FROM accruals
    WHERE member_id = :member_id
        AND occurred_at >= :occurred_from AND occurred_at < :occurred_until
        AND (occurred_at, source, order_id) < (:before_time, :before_source, :before_order)
    ORDER BY occurred_at DESC, source DESC, order_id DESC LIMIT :limit
"""
_REPRICINGS = """
    SELECT source, order_id, number, previous_tier, tier, previous_earned, earned, points, reason, recorded_at
    FROM repricings WHERE source = :source AND order_id = :order_id ORDER BY number
"""


async def body_hashes(tx: Transaction, keys: Iterable[Key]) -> dict[Key, bytes]:
    """Of those purchases that are known."""
    rows: Sequence[Any] = await tx.fetch_all(_HASHES, {"keys": list(keys)})
    return {(source, order_id): body_hash for source, order_id, body_hash in rows}


async def by_keys(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Accrual]:
    rows: Sequence[Any] = await tx.fetch_all(_BY_KEYS, {"keys": list(keys)})
    return {accrual.key: accrual for accrual in (Accrual._make(row) for row in rows)}


async def after(tx: Transaction, since: Sequence[tuple[UUID, datetime]]) -> list[Accrual]:
    """The accruals of each member that occurred after its instant, in the order they occurred."""
    rows: Sequence[Any] = await tx.fetch_all(
        _AFTER,
        {"member_ids": [member_id for member_id, _ in since], "instants": [instant for _, instant in since]},
    )
    return [Accrual._make(row) for row in rows]


async def add(tx: Transaction, accruals: Sequence[Accrual]) -> None:
    await tx.execute(_ADD, {"rows": _sorted(accruals)})


async def change(tx: Transaction, accruals: Sequence[Accrual]) -> None:
    """Keep tier, multiplier, earned, returned and taken back as they are now."""
    rows = [
        (one.source, one.order_id, one.tier, one.multiplier, one.earned, one.returned, one.taken_back)
        for one in _sorted(accruals)
    ]
    names = ("source", "order_id", "tier", "multiplier", "earned", "returned", "taken_back")
    await tx.execute(_CHANGE, columns(names, rows))


def _sorted(accruals: Iterable[Accrual]) -> list[Accrual]:
    return sorted(accruals, key=itemgetter(0, 1))


async def add_repricings(tx: Transaction, repricings: Sequence[Repricing]) -> None:
    """Each with the next number of its purchase."""
    names = [name for name in Repricing._fields if name not in ("number", "recorded_at")]
    rows = [tuple(getattr(one, name) for name in names) for one in repricings]
    await tx.execute(_ADD_REPRICINGS, {**columns(names, rows), "now": tx.now})


async def page(
    tx: Transaction,
    member_id: UUID,
    *,
    occurred_from: datetime,
    occurred_until: datetime,
    before: tuple[datetime, str, str],
    limit: int,
) -> list[Accrual]:
    """A member's purchases, the latest first."""
    rows: Sequence[Any] = await tx.fetch_all(
        _PAGE,
        {
            "member_id": member_id,
            "occurred_from": occurred_from,
            "occurred_until": occurred_until,
            "before_time": before[0],
            "before_source": before[1],
            "before_order": before[2],
            "limit": limit,
        },
    )
    return [Accrual._make(row) for row in rows]


async def repricings(tx: Transaction, key: Key) -> list[Repricing]:
    rows: Sequence[Any] = await tx.fetch_all(_REPRICINGS, {"source": key[0], "order_id": key[1]})
    return [Repricing._make(row) for row in rows]
