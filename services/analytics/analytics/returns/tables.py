"""Returns, one row per fact: applied, waiting for their purchase, or refused. Only applied ones count anywhere."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Index, LargeBinary, Table, Text, Uuid, text

from analytics.database import metadata
from common.storage.tables import instant

returns = Table(
    "returns",
    metadata,
    Column("source", Text, primary_key=True),
    Column("return_id", Text, primary_key=True),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("member_id", Uuid, comment="the purchase's member; NULL while the return waits for its purchase"),
    Column("channel", Text, comment="the purchase's channel"),
    instant("occurred_at"),
    instant("recorded_at"),
    Column("day", Date, nullable=False),
    Column("zone", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="why it was refused"),
    Column("body_hash", LargeBinary, nullable=False),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("state IN ('waiting', 'applied', 'refused')", name="state"),
    CheckConstraint("(member_id IS NULL) = (channel IS NULL)", name="matched"),
    CheckConstraint("(member_id IS NULL) = (state = 'waiting')", name="waiting"),
    Index("ix_returns_order", "order_source", "order_id"),
    Index("ix_returns_waiting", "order_source", "order_id", postgresql_where=text("state = 'waiting'")),
    Index(
        "ix_returns_member_day",
        "member_id",
        "day",
        postgresql_include=["amount"],
        postgresql_where=text("state = 'applied'"),
    ),
    Index("ix_returns_day", "day", postgresql_using="brin"),
)
