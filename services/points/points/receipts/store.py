"""All SQL of receipts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from common.storage import Transaction
from points.ledger.domain import Transfer

_HASH = "SELECT hash FROM transfers WHERE member_id = :member_id AND wallet = :wallet AND sequence = :sequence"
_BETWEEN = f"""
    SELECT {", ".join(Transfer._fields)} FROM transfers
    WHERE member_id = :member_id AND wallet = :wallet AND sequence > :after AND sequence <= :upto
    ORDER BY sequence LIMIT :limit
"""


async def hash_at(tx: Transaction, member_id: UUID, wallet: str, sequence: int) -> bytes:
    """Of a transfer that there is."""
    return bytes(await tx.fetch_value(_HASH, {"member_id": member_id, "wallet": wallet, "sequence": sequence}))


async def transfers_between(
    tx: Transaction, member_id: UUID, wallet: str, *, after: int, upto: int, limit: int
) -> list[Transfer]:
    """In order, after one sequence and up to another."""
    params = {"member_id": member_id, "wallet": wallet, "after": after, "upto": upto, "limit": limit}
    rows: Sequence[Any] = await tx.fetch_all(_BETWEEN, params)
    return [Transfer._make(row) for row in rows]
