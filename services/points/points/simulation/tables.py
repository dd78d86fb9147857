"""What-ifs that were asked: their rules, how far they are, what came out."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

what_ifs = Table(
    "what_ifs",
    metadata,
    Column("what_if_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    instant("asked_at"),
    instant("occurred_from"),
    instant("occurred_until"),
    Column(
        "changes",
        JSONB,
        nullable=False,
        comment="rules that come in, by definition, and keys of rules that are left out",
    ),
    Column("state", Text, nullable=False),
    Column("purchases", BigInteger, nullable=False, comment="to be replayed; known once it runs"),
    Column("done", BigInteger, nullable=False),
    instant("started_at", nullable=True),
    Column("seen_at", DateTime(timezone=True), comment="when the worker that runs it was last at work"),
    instant("finished_at", nullable=True),
    Column("result", JSONB, nullable=True),
    Column("problem", Text, nullable=False),
    CheckConstraint("state IN ('waiting', 'running', 'finished', 'failed', 'cancelled')", name="state"),
    Index(None, "asked_at", "what_if_id"),
    Index("ix_what_ifs_open", "asked_at", postgresql_where=text("state IN ('waiting', 'running')")),
)
