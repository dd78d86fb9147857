"""Published versions of earning rules; a row never changes."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

earning_rules = Table(
    "earning_rules",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("wallet", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("per_minor_units", BigInteger, nullable=False),
    Column("multipliers", JSONB, nullable=False, comment="decimal numbers as text, by tier"),
    instant("effective_from"),
    instant("published_at"),
    Column("published_by", Text, nullable=False),
    CheckConstraint("points >= 0", name="points"),
    CheckConstraint("per_minor_units > 0", name="per_minor_units"),
)
