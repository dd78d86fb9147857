"""Redemptions from their hold to what was given back of them."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from common.storage.tables import instant
from points.database import metadata

redemptions = Table(
    "redemptions",
    metadata,
    Column("redemption_id", Uuid, primary_key=True),
    Column("member_id", Uuid, nullable=False),
    Column("wallet", Text, nullable=False),
    Column(
        "source",
        Text,
        nullable=False,
        comment="of the caller's natural key; its reference is empty where it gave none",
    ),
    Column("reference", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("state", Text, nullable=False, comment="held, cancelled, expired, confirmed, given_back"),
    Column("held", BigInteger, nullable=False, comment="points that were asked for"),
    Column("points", BigInteger, nullable=False, comment="points that were redeemed"),
    Column("given_back", BigInteger, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("order_amount", BigInteger),
    Column("value", BigInteger, comment="minor units that the points are worth in the order"),
    Column("policy_revision", BigInteger, nullable=False),
    Column(
        "debit_sequence",
        BigInteger,
        nullable=False,
        comment="of the transfer that took the points out of the wallet",
    ),
    instant("created_at"),
    Column("created_by", Text, nullable=False),
    instant("expires_at", nullable=True),
    instant("settled_at", nullable=True),
    CheckConstraint("held > 0", name="held"),
    CheckConstraint("points BETWEEN 0 AND held", name="points"),
    CheckConstraint("given_back BETWEEN 0 AND points", name="given_back"),
    Index(
        "ux_redemptions_source_reference", "source", "reference", unique=True, postgresql_where=text("reference <> ''")
    ),
    Index(None, "member_id", "created_at"),
    Index(None, "expires_at", postgresql_where=text("state = 'held'")),
    Index("ix_redemptions_order", "source", "order_id", postgresql_where=text("order_id <> ''")),
)

redemption_lines = Table(
    "redemption_lines",
    metadata,
    Column("redemption_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="minor units"),
    Column("points", BigInteger, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("given_back", BigInteger, nullable=False),
    ForeignKeyConstraint(["redemption_id"], ["redemptions.redemption_id"]),
    CheckConstraint("given_back BETWEEN 0 AND points", name="given_back"),
)

redemption_returns = Table(
    "redemption_returns",
    metadata,
    Column("redemption_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("restored", BigInteger, nullable=False),
    Column("renewed", BigInteger, nullable=False),
    Column("repaid", BigInteger, nullable=False, comment="of all points given back: went into debt at once"),
    instant("grace_until", nullable=True),
    Column("lines", ARRAY(Integer), nullable=False),
    Column("line_points", ARRAY(BigInteger), nullable=False),
    Column("reason", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    instant("created_at"),
    Column("created_by", Text, nullable=False),
    ForeignKeyConstraint(["redemption_id"], ["redemptions.redemption_id"]),
    CheckConstraint("points > 0", name="points"),
    Index(
        "ux_redemption_returns_redemption_id_reference",
        "redemption_id",
        "reference",
        unique=True,
        postgresql_where=text("reference <> ''"),
    ),
)

used_grants = Table(
    "used_grants",
    metadata,
    Column("grant_id", Text, primary_key=True),
    Column("member_id", Uuid, nullable=False),
    Column("redemption_id", Uuid, nullable=False),
    Column("max_points", BigInteger, nullable=False),
    instant("expires_at"),
    instant("used_at"),
)
