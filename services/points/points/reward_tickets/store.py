"""All SQL of tickets."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from points.reward_tickets.domain import Ticket

_ADD = """
    INSERT INTO reward_tickets (ticket_id, order_id, number, code_hash, code, state, used_by)
    SELECT ticket_id, :order_id, number, code_hash, code, 'valid', ''
    FROM unnest(CAST(:ticket_ids AS uuid[]), CAST(:numbers AS integer[]), CAST(:hashes AS bytea[]),
        CAST(:codes AS text[])) AS new(ticket_id, number, code_hash, code)
"""
_OF_ORDER = """
    SELECT ticket_id, order_id, number, state, used_at, code AS sealed FROM reward_tickets
    WHERE order_id = :order_id ORDER BY number
"""
_OF_CODE = """
    SELECT ticket_id, order_id, number, state, used_at FROM reward_tickets WHERE code_hash = :code_hash
"""
_USE = """
    UPDATE reward_tickets SET state = 'used', used_at = :now, used_by = :used_by
    WHERE ticket_id = :ticket_id AND state = 'valid'
"""
_REVOKE = "UPDATE reward_tickets SET state = 'revoked' WHERE order_id = :order_id AND state = 'valid'"
_LEFT = "SELECT count(*) FROM reward_tickets WHERE order_id = :order_id AND state = 'valid'"


async def add(tx: Transaction, order_id: UUID, rows: Sequence[tuple[UUID, bytes, str]]) -> None:
    """(ticket, hash of the code, sealed code), numbered from 1."""
    await tx.execute(
        _ADD,
        {
            "order_id": order_id,
            "ticket_ids": [row[0] for row in rows],
            "numbers": list(range(1, len(rows) + 1)),
            "hashes": [row[1] for row in rows],
            "codes": [row[2] for row in rows],
        },
    )


async def of_order(tx: Transaction, order_id: UUID) -> Sequence[Row[Any]]:
    """`ticket_id, order_id, number, state, used_at, sealed`, by number."""
    return await tx.fetch_all(_OF_ORDER, {"order_id": order_id})


async def of_code(tx: Transaction, code_hash: bytes) -> Ticket | None:
    row = await tx.fetch_one(_OF_CODE, {"code_hash": code_hash})
    return None if row is None else Ticket(**row._asdict())


async def use(tx: Transaction, ticket_id: UUID, used_by: str) -> bool:
    """False when it is not valid any more."""
    return await tx.execute(_USE, {"ticket_id": ticket_id, "used_by": used_by, "now": tx.now}) == 1


async def revoke(tx: Transaction, order_id: UUID) -> None:
    await tx.execute(_REVOKE, {"order_id": order_id})


async def left(tx: Transaction, order_id: UUID) -> int:
    """How many are still valid."""
    return int(await tx.fetch_value(_LEFT, {"order_id": order_id}))
