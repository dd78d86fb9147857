"""Purchases, one row per fact. `day` is the local day in `zone`, the programme's when it was counted."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Index, LargeBinary, Table, Text, Uuid

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
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("discount", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("delivery", BigInteger, nullable=False),
    Column("basis", BigInteger, nullable=False, comment="what can come back: net goods, tax and delivery by switch"),
    Column("channel", Text, nullable=False),
    Column("shop", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    CheckConstraint("discount >= 0 AND discount <= amount", name="discount"),
    Index("ix_purchases_member_day", "member_id", "day", postgresql_include=["amount", "discount"]),
    Index("ix_purchases_day", "day", postgresql_using="brin"),
    postgresql_with={"autovacuum_vacuum_insert_scale_factor": "0.05"},
)
