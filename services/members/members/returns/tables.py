"""What members gave back: applied, waiting for the purchase, or refused. Only applied returns have an effect."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, String, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from members.database import metadata

returns = Table(
    "returns",
    metadata,
    Column("source", Text, primary_key=True),
    Column("return_id", Text, primary_key=True),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("member_id", Uuid, nullable=True, comment="known once its purchase is"),
    instant("occurred_at"),
    instant("recorded_at"),
    instant("settled_at", nullable=True),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("refusal", Text, nullable=False, comment="why it was refused"),
    Column("reason", Text, nullable=False, comment="why it was given back"),
    Column("lines", JSONB, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("trace_id", String(32), nullable=False),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("state IN ('waiting', 'applied', 'refused')", name="state"),
    CheckConstraint("(member_id IS NULL) = (state = 'waiting')", name="waiting"),
    Index(None, "order_source", "order_id"),
    Index("ix_returns_member_id", "member_id", "occurred_at", postgresql_where=text("state = 'applied'")),
    Index("ix_returns_waiting", "order_source", "order_id", postgresql_where=text("state = 'waiting'")),
)
