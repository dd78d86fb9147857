"""Purchases, what they and activities earned by wallet with all factors, and the corrections made to it."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from common.storage.tables import instant
from points.database import metadata

purchases = Table(
    "purchases",
    metadata,
    Column("source", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("member_id", Uuid, nullable=False, comment="who bought; a merge does not change it"),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="minor units, goods before discount"),
    Column("basis", BigInteger, nullable=False, comment="minor units"),
    Column("channel", Text, nullable=False),
    Column("shop", Text, nullable=False),
    Column("lines", JSONB, nullable=True, comment="[sku, category, quantity, net], NULL when not told"),
    Column("tier", Text, nullable=False, comment="that it was priced by"),
    Column("is_first", Boolean, nullable=False, comment="priced as the first purchase"),
    Column("rounding", Text, nullable=False),
    Column("returned", BigInteger, nullable=False, comment="minor units"),
    Column("returned_lines", JSONB, nullable=True, comment="sku: [quantity, minor units]"),
    instant("occurred_at"),
    instant("recorded_at"),
    Column("body_hash", LargeBinary, nullable=False),
    CheckConstraint("returned BETWEEN 0 AND basis", name="returned"),
    Index(None, "member_id", "occurred_at"),
    postgresql_with={"fillfactor": "90"},
)

accruals = Table(
    "accruals",
    metadata,
    Column("kind", Text, primary_key=True, comment="purchase or activity"),
    Column("source", Text, primary_key=True),
    Column("occasion_id", Text, primary_key=True, comment="order id or activity id"),
    Column("wallet", Text, primary_key=True),
    Column("part", Integer, primary_key=True, comment="rules that wait and expire alike share one"),
    Column("earned", BigInteger, nullable=False),
    Column("taken_back", BigInteger, nullable=False),
    instant("expires_at", nullable=True),
    instant("available_at", nullable=True),
    Column("waits", Text, nullable=False, comment="for which event, before it can be spent; or empty"),
    Column("shares", JSON, nullable=False, comment="what each rule version gave, and why"),
    Column("by_line", ARRAY(BigInteger), nullable=True, comment="earned, spread over the purchase's lines"),
    CheckConstraint("taken_back BETWEEN 0 AND earned", name="taken_back"),
    postgresql_with={"fillfactor": "90"},
)

repricings = Table(
    "repricings",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("occasion_id", Text, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("reason", Text, nullable=False, comment="which fact changed"),
    Column("previous_tier", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("was_first", Boolean, nullable=False),
    Column("is_first", Boolean, nullable=False),
    Column("previous_earned", BigInteger, nullable=False),
    Column("earned", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False, comment="signed change of the net"),
    Column("previous_shares", JSON, nullable=False),
    instant("recorded_at"),
)
