"""Pools of imported codes. A code is kept as an HMAC to find it by and a sealed box to show it from, never plainly."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)

from common.storage.tables import instant
from points.database import metadata

coupon_pools = Table(
    "coupon_pools",
    metadata,
    Column("pool", Text, primary_key=True),
    Column("name", Text, nullable=False),
    instant("created_at"),
    Column("created_by", Text, nullable=False),
)

coupon_pool_batches = Table(
    "coupon_pool_batches",
    metadata,
    Column("pool", Text, primary_key=True),
    Column("batch", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False, comment="keyed hash of its codes"),
    Column("codes", Integer, nullable=False),
    instant("imported_at"),
    Column("imported_by", Text, nullable=False),
)

coupon_pool_codes = Table(
    "coupon_pool_codes",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("pool", Text, nullable=False),
    Column("batch", Text, nullable=False),
    Column("code_index", LargeBinary, nullable=False, comment="keyed hash of the code"),
    Column("code_sealed", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False, comment="master key that seals it"),
    Column("state", Text, nullable=False),
    Column("coupon_id", Uuid),
    instant("given_at", nullable=True),
    CheckConstraint("state IN ('free', 'given', 'withdrawn')", name="state"),
    CheckConstraint("(state = 'given') = (coupon_id IS NOT NULL)", name="given"),
    Index("uq_coupon_pool_codes_code_index", "code_index", unique=True),
    Index("uq_coupon_pool_codes_coupon_id", "coupon_id", unique=True, postgresql_where=text("coupon_id IS NOT NULL")),
    Index("ix_coupon_pool_codes_free", "pool", "position", postgresql_where=text("state = 'free'")),
    Index("ix_coupon_pool_codes_pool_position", "pool", "position"),
)
