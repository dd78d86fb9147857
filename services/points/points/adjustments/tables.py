"""Corrections by people, from the wish to the decision."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Table, Text, Uuid

from common.storage.tables import instant
from points.database import metadata

adjustments = Table(
    "adjustments",
    metadata,
    Column("adjustment_id", Uuid, primary_key=True),
    Column("member_id", Uuid, nullable=False),
    Column("wallet", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="credit, debit, write_off, reversal"),
    Column("points", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False),
    instant("expires_at", nullable=True),
    Column("allow_debt", Boolean, nullable=False),
    Column("reverses", Uuid),
    Column("state", Text, nullable=False, comment="pending, posted, rejected"),
    Column("sequence", BigInteger, nullable=False, comment="of its first transfer, 0 while there is none"),
    Column("shortfall", BigInteger, nullable=False),
    instant("asked_at"),
    Column("asked_by", Text, nullable=False),
    instant("decided_at", nullable=True),
    Column("decided_by", Text, nullable=False),
    Column("decision_note", Text, nullable=False),
    Column("reversed_by", Uuid),
    CheckConstraint("points > 0", name="points"),
    Index(None, "member_id", "asked_at"),
    Index(None, "state", "asked_at"),
)
