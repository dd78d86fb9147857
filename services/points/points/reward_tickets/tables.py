"""Tickets that members were given for points. A code is kept as a hash, to find it, and sealed, to show it."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, LargeBinary, Table, Text, UniqueConstraint, Uuid

from common.storage.tables import instant
from points.database import metadata
from points.reward_orders import tables as orders

reward_tickets = Table(
    "reward_tickets",
    metadata,
    Column("ticket_id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey(orders.reward_orders.c.order_id), nullable=False),
    Column("number", Integer, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    Column("code", Text, nullable=False, comment="sealed with the member's data key"),
    Column("state", Text, nullable=False),
    instant("used_at", nullable=True),
    Column("used_by", Text, nullable=False),
    UniqueConstraint("code_hash"),
    UniqueConstraint("order_id", "number"),
    CheckConstraint("state IN ('valid', 'used', 'revoked')", name="state"),
)
