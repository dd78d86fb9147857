"""Returns: applied, waiting for their purchase, in review, decided by people or refused; and what each changed."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

returns = Table(
    "returns",
    metadata,
    Column("source", Text, primary_key=True),
    Column("return_id", Text, primary_key=True),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("member_id", Uuid, comment="who bought; known once its purchase is"),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="minor units"),
    Column("lines", JSONB, nullable=True, comment="[sku, quantity, minor units], NULL when not told"),
    Column("points", BigInteger, nullable=False, comment="taken back of all wallets, shortfall included"),
    Column("shortfall", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    instant("occurred_at"),
    instant("recorded_at"),
    instant("settled_at", nullable=True),
    Column("body_hash", LargeBinary, nullable=False),
    CheckConstraint("state IN ('waiting', 'applied', 'review', 'refused', 'rejected')", name="state"),
    CheckConstraint("shortfall BETWEEN 0 AND points", name="shortfall"),
    Index(None, "order_source", "order_id"),
    Index("ix_returns_open", "state", "recorded_at", postgresql_where=text("state <> 'applied'")),
)

return_effects = Table(
    "return_effects",
    metadata,
    Column("source", Text, primary_key=True),
    Column("return_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("member_id", Uuid, nullable=False),
    Column("subject", Text, nullable=False, comment="wallet, debt, limit, badge, coupon, activity, purchase …"),
    Column("what", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    instant("recorded_at"),
)
