"""Returns: applied, waiting for their purchase, in review, or refused."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, Table, Text, Uuid, text

from common.storage.tables import instant
from points.database import metadata

returns = Table(
    "returns",
    metadata,
    Column("source", Text, primary_key=True),
    Column("return_id", Text, primary_key=True),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("member_id", Uuid, comment="known once its purchase is"),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="minor units"),
    Column("points", BigInteger, nullable=False, comment="taken back, shortfall included"),
    Column("shortfall", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    instant("occurred_at"),
    instant("recorded_at"),
    instant("settled_at", nullable=True),
    Column("body_hash", LargeBinary, nullable=False),
    CheckConstraint("state IN ('waiting', 'applied', 'review', 'refused')", name="state"),
    CheckConstraint("shortfall BETWEEN 0 AND points", name="shortfall"),
    Index(None, "order_source", "order_id"),
    Index("ix_returns_open", "state", "recorded_at", postgresql_where=text("state <> 'applied'")),
)
