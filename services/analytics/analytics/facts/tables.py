"""Purchases and returns, one row per fact. `day` is the local day in `zone`, the programme's when it was counted."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Index, LargeBinary, Table, Text, Uuid, text

from analytics.database import metadata
from common.storage.tables import instant

purchases = Table(
    "purchases",
    metadata,
    Column("source", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("member_id", Uuid, nullable=False),
    instant("occurred_at"),
    instant("recorded_at"),
    Column("day", Date, nullable=False),
    Column("zone", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("discount", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("delivery", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("shop", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    CheckConstraint("discount >= 0 AND discount <= amount", name="discount"),
    Index("ix_purchases_member_day", "member_id", "day", postgresql_include=["amount", "discount"]),
    Index("ix_purchases_day", "day", postgresql_using="brin"),
    postgresql_with={"autovacuum_vacuum_insert_scale_factor": "0.05"},
)

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
    Column("amount", BigInteger, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("(member_id IS NULL) = (channel IS NULL)", name="matched"),
    Index("ix_returns_waiting", "order_source", "order_id", postgresql_where=text("member_id IS NULL")),
    Index("ix_returns_member_day", "member_id", "day", postgresql_include=["amount"]),
    Index("ix_returns_day", "day", postgresql_using="brin"),
)
