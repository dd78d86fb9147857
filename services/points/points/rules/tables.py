"""Drafts of earning rules, published versions (a row never changes), and the history of all rules."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

rule_drafts = Table(
    "rule_drafts",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("definition", JSONB, nullable=False),
    instant("created_at"),
    Column("created_by", Text, nullable=False),
    instant("updated_at"),
    Column("updated_by", Text, nullable=False),
)

earning_rules = Table(
    "earning_rules",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("wallet", Text, nullable=False),
    Column("definition", JSONB, nullable=False),
    instant("effective_from"),
    instant("published_at"),
    Column("published_by", Text, nullable=False),
)

rule_changes = Table(
    "rule_changes",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="1, 2, 3 … over all rules"),
    Column("change", Uuid, nullable=False, comment="the newest one names the state of the whole book"),
    Column("rule", Text, nullable=False),
    Column("version", Integer, nullable=False, comment="the newest one then"),
    Column("action", Text, nullable=False),
    instant("effective_at"),
    Column("reason", Text, nullable=False),
    instant("recorded_at"),
    Column("recorded_by", Text, nullable=False),
    CheckConstraint("action IN ('published', 'retired')", name="action"),
    Index(None, "rule", "number"),
)
