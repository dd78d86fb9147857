"""Where members stand, and the rules by which they got there."""

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from members.database import metadata

standings = Table(
    "standings",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    instant("joined_at"),
    Column("tier", Text, nullable=False),
    instant("since"),
    Column("revision", BigInteger, nullable=False, comment="counts the histories that were told"),
    Column("history", Text, nullable=False, comment="JSON: [tier, since, reason], in order"),
    Column("rules_revision", BigInteger, nullable=False),
    instant("next_review_at", nullable=True),
    Index(None, "next_review_at"),
    Index(None, "rules_revision"),
    Index(None, "tier"),
    postgresql_with={"fillfactor": "80"},
)

tier_rules = Table(
    "tier_rules",
    metadata,
    Column("revision", BigInteger, primary_key=True, comment="of the programme"),
    instant("since", nullable=True),
    Column("window_days", Integer, nullable=False, comment="0 counts the whole life"),
    Column("falls", Boolean, nullable=False),
    Column("with_tax", Boolean, nullable=False),
    Column("with_delivery", Boolean, nullable=False),
    Column("tiers", JSONB, nullable=False),
    instant("decided_at"),
)

reviews_wanted = Table(
    "reviews_wanted",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("member_id", Uuid, nullable=False),
)
