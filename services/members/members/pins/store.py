"""SQL of payment PINs."""

from uuid import UUID

from common.storage import Transaction
from members.pins.domain import Counted, Pin

_FIELDS = "member_id, hash, tries, locks, locked_until, changed_at"
_FIND = f"SELECT {_FIELDS} FROM pins WHERE member_id = :member_id"
_LOCK = f"{_FIND} FOR UPDATE"
_ADD = """
    INSERT INTO pins (member_id, hash, tries, locks, changed_at) VALUES (:member_id, :hash, 0, 0, :now)
    ON CONFLICT (member_id) DO NOTHING
"""
_CHANGE = """
    UPDATE pins SET hash = :hash, tries = 0, locks = 0, locked_until = NULL, changed_at = :now
    WHERE member_id = :member_id AND hash = :before
"""
_COUNT = "UPDATE pins SET tries = :tries, locks = :locks, locked_until = :until WHERE member_id = :member_id"
_RIGHT = """
    UPDATE pins SET tries = 0, locks = 0, locked_until = NULL WHERE member_id = :member_id AND hash = :hash
"""
_DROP = "DELETE FROM pins WHERE member_id = :member_id"


async def find(tx: Transaction, member_id: UUID, *, lock: bool = False) -> Pin | None:
    row = await tx.fetch_one(_LOCK if lock else _FIND, {"member_id": member_id})
    return Pin(**row._mapping) if row is not None else None


async def add(tx: Transaction, member_id: UUID, hash: str) -> bool:
    """Whether there was none."""
    return await tx.execute(_ADD, {"member_id": member_id, "hash": hash, "now": tx.now}) == 1


async def change(tx: Transaction, pin: Pin, hash: str) -> bool:
    """Whether it was still this PIN."""
    params = {"member_id": pin.member_id, "hash": hash, "before": pin.hash, "now": tx.now}
    return await tx.execute(_CHANGE, params) == 1


async def count(tx: Transaction, member_id: UUID, counted: Counted) -> None:
    params = {"tries": counted.tries, "locks": counted.locks, "until": counted.locked_until}
    await tx.execute(_COUNT, {**params, "member_id": member_id})


async def right(tx: Transaction, pin: Pin) -> bool:
    """Forget the tries; whether it is still this PIN."""
    return await tx.execute(_RIGHT, {"member_id": pin.member_id, "hash": pin.hash}) == 1


async def drop(tx: Transaction, member_id: UUID) -> bool:
    return await tx.execute(_DROP, {"member_id": member_id}) == 1
