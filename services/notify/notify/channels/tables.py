"""The queue of mails, and every attempt to hand one over."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, Table, Text, Uuid, text

from common.storage.tables import instant
from notify.database import metadata

deliveries = Table(
    "deliveries",
    metadata,
    Column("notice_id", Uuid, primary_key=True),
    Column("member_id", Uuid, primary_key=True),
    instant("due_at"),
    Column("lease", Uuid, comment="who is sending it now; until due_at"),
    Column("tries", Integer, nullable=False, server_default=text("0"), comment="in this round"),
    Index("ix_deliveries_due_at", "due_at"),
    postgresql_with={
        "autovacuum_vacuum_scale_factor": "0.0",
        "autovacuum_vacuum_threshold": "5000",
        "autovacuum_vacuum_cost_delay": "0",
    },
)

attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", Uuid, primary_key=True),
    Column("member_id", Uuid, primary_key=True),
    Column("notice_id", Uuid, nullable=False),
    Column("channel", Text, nullable=False),
    Column("provider", Text, nullable=False, comment="host and port of the mail server"),
    Column("outcome", Text, nullable=False, comment="sent, temporary, permanent, unknown"),
    Column("code", Integer, nullable=False, comment="answer of the provider, 0 for none"),
    Column("answer", Text, nullable=False),
    instant("started_at"),
    Column("duration_ms", Integer, nullable=False),
    ForeignKeyConstraint(["notice_id", "member_id"], ["notices.notice_id", "notices.member_id"]),
    Index("ix_attempts_notice_id", "notice_id"),
)
