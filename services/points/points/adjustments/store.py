"""All SQL of adjustments."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from common.storage import Transaction
from points.adjustments.domain import Adjustment

_NAMES = [field.name for field in fields(Adjustment)]
_FIELDS = ", ".join(_NAMES)
_ADD = f"INSERT INTO adjustments ({_FIELDS}) VALUES ({', '.join(f':{name}' for name in _NAMES)})"
_BY_IDS = f"""
    SELECT {_FIELDS} FROM adjustments WHERE adjustment_id = ANY(CAST(:ids AS uuid[])) ORDER BY adjustment_id
"""
_LOCKED = f"SELECT {_FIELDS} FROM adjustments WHERE adjustment_id = :id FOR UPDATE"
_DECIDED = """
    UPDATE adjustments SET member_id = :member_id, state = :state, sequence = :sequence, shortfall = :shortfall,
        decided_at = :decided_at, decided_by = :decided_by, decision_note = :decision_note
    WHERE adjustment_id = :adjustment_id
"""
_REVERSED = "UPDATE adjustments SET reversed_by = :by WHERE adjustment_id = :id"
_PAGE = f"""
    SELECT {_FIELDS} FROM adjustments
    WHERE (asked_at, adjustment_id) < (:before_time, :before_id)
        AND (CAST(:member_id AS uuid) IS NULL OR member_id = :member_id)
        AND (:state = '' OR state = :state) AND (:reason = '' OR reason = :reason)
        AND (:asked_by = '' OR asked_by = :asked_by)
    ORDER BY asked_at DESC, adjustment_id DESC LIMIT :limit
"""


async def add(tx: Transaction, new: Adjustment) -> None:
    await tx.execute(_ADD, {name: getattr(new, name) for name in _NAMES})


async def by_id(tx: Transaction, adjustment_id: UUID) -> Adjustment | None:
    return (await by_ids(tx, [adjustment_id])).get(adjustment_id)


async def by_ids(tx: Transaction, adjustment_ids: Iterable[UUID]) -> dict[UUID, Adjustment]:
    rows = await tx.fetch_all(_BY_IDS, {"ids": list(adjustment_ids)})
    return {row.adjustment_id: Adjustment(**row._mapping) for row in rows}


async def locked(tx: Transaction, adjustment_id: UUID) -> Adjustment | None:
    row = await tx.fetch_one(_LOCKED, {"id": adjustment_id})
    return None if row is None else Adjustment(**row._mapping)


async def decided(tx: Transaction, one: Adjustment) -> None:
    """Whose wallet it moved, too: a member may have been merged since it was asked for."""
    names = (
        "adjustment_id",
        "member_id",
        "state",
        "sequence",
        "shortfall",
        "decided_at",
        "decided_by",
        "decision_note",
    )
    await tx.execute(_DECIDED, {name: getattr(one, name) for name in names})


async def reversed_by(tx: Transaction, adjustment_id: UUID, by: UUID | None) -> None:
    await tx.execute(_REVERSED, {"id": adjustment_id, "by": by})


async def page(
    tx: Transaction,
    *,
    member_id: UUID | None,
    state: str,
    reason: str,
    asked_by: str,
    before: tuple[datetime, UUID],
    limit: int,
) -> list[Adjustment]:
    """The latest first; None and "" are any."""
    params = {
        "member_id": member_id,
        "state": state,
        "reason": reason,
        "asked_by": asked_by,
        "before_time": before[0],
        "before_id": before[1],
        "limit": limit,
    }
    return [Adjustment(**row._mapping) for row in await tx.fetch_all(_PAGE, params)]
