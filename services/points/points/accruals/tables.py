"""What each purchase earned, with its factors; and the corrections made to it."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, Uuid

from common.storage.tables import instant
from points.database import metadata

accruals = Table(
    "accruals",
    metadata,
    Column("source", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("member_id", Uuid, nullable=False),
    Column("wallet", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("basis", BigInteger, nullable=False, comment="minor units"),
    Column("rule", Text, nullable=False),
    Column("rule_version", Integer, nullable=False),
    Column("rate_points", BigInteger, nullable=False),
    Column("rate_per", BigInteger, nullable=False, comment="minor units"),
    Column("tier", Text, nullable=False),
    Column("multiplier", Text, nullable=False),
    Column("rounding", Text, nullable=False),
    Column("earned", BigInteger, nullable=False),
    Column("returned", BigInteger, nullable=False, comment="minor units"),
    Column("taken_back", BigInteger, nullable=False),
    instant("occurred_at"),
    instant("recorded_at"),
    instant("expires_at", nullable=True),
    Column("body_hash", LargeBinary, nullable=False),
    CheckConstraint("earned >= 0", name="earned"),
    CheckConstraint("taken_back BETWEEN 0 AND earned", name="taken_back"),
    CheckConstraint("returned BETWEEN 0 AND basis", name="returned"),
    Index(None, "member_id", "occurred_at"),
    postgresql_with={"fillfactor": "90"},
)

repricings = Table(
    "repricings",
    metadata,
    Column("source", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("previous_tier", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("previous_earned", BigInteger, nullable=False),
    Column("earned", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False, comment="signed change of the net"),
    Column("reason", Text, nullable=False),
    instant("recorded_at"),
)
