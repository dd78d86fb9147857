"""The framework's tables: every service has its own copy in its own database."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

APPEND_ONLY = ("audit_log",)
"""Tables whose rows the database refuses to change or delete."""


def instant(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    """A column with a point in time and its zone."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=func.now() if now else None,
    )


def metadata_for(service: str) -> MetaData:
    """A fresh MetaData with the framework's tables in it; the service's `tables.py` files add theirs."""
    metadata = MetaData(naming_convention=NAMING, info={"service": service})
    Table(
        "inbox",
        metadata,
        Column("source", Text, primary_key=True),
        Column("event_id", Text, primary_key=True),
        Column("type", Text, nullable=False),
        Column("body_hash", LargeBinary, nullable=False),
        instant("received_at"),
    )
    Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("exchange", Text, nullable=False),
        Column("routing_key", Text, nullable=False),
        Column("content_type", Text, nullable=False),
        Column("headers", Text, nullable=False, comment="a JSON object"),
        Column("body", LargeBinary, nullable=False),
        instant("time"),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": "0.0",
            "autovacuum_vacuum_threshold": "5000",
            "autovacuum_vacuum_cost_delay": "0",
        },
    )
    Table(
        "duplicates",
        metadata,
        Column("source", Text, primary_key=True),
        Column("type", Text, primary_key=True),
        Column("day", DateTime(timezone=True), primary_key=True, comment="UTC midnight"),
        Column("count", BigInteger, nullable=False),
    )
    Table(
        "dead_letters",
        metadata,
        Column("id", Uuid, primary_key=True),
        instant("received_at"),
        Column("source", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("subject", Text, nullable=False, server_default=""),
        Column("routing_key", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("body_edited", LargeBinary),
        Column("content_type", Text, nullable=False, server_default=""),
        Column("headers", JSONB, nullable=False),
        Column("error_type", Text, nullable=False),
        Column("error_message", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        instant("first_failed_at", nullable=True),
        Column("trace_id", String(32), nullable=False, server_default=""),
        Column(
            "state",
            Text,
            nullable=False,
            server_default="new",
            comment="new, parked, replayed, discarded",
        ),
        Column("decided_by", Text),
        instant("decided_at", nullable=True),
        Column("reason", Text),
        Column("replays", SmallInteger, nullable=False, server_default=text("0")),
        Index(None, "state", "received_at"),
        Index(None, "source", "event_id"),
    )
    Table(
        "schedule",
        metadata,
        Column("name", Text, primary_key=True),
        instant("due_at"),
        instant("last_started_at", nullable=True),
        instant("last_finished_at", nullable=True),
        Column("last_error", Text),
        Column("runs", BigInteger, nullable=False, server_default=text("0")),
    )
    Table(
        "idempotency_keys",
        metadata,
        Column("caller", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("request_hash", LargeBinary, nullable=False),
        Column("status", Integer),
        Column("headers", JSONB),
        Column("body", LargeBinary),
        instant("created_at", now=True),
    )
    Table(
        "audit_log",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        instant("at"),
        Column("actor", Text, nullable=False),
        Column("actor_kind", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("facts", JSONB, nullable=False),
        Column("trace_id", String(32), nullable=False, server_default=""),
        Index(None, "actor", "id"),
        Index(None, "subject", "id"),
    )
    Table(
        "data_keys",
        metadata,
        Column("member_id", Uuid, primary_key=True),
        Column("key_id", Text, nullable=False, comment="master key that wraps it"),
        Column("wrapped", LargeBinary, nullable=False),
        instant("created_at", now=True),
    )
    Table(
        "programme",
        metadata,
        Column("id", SmallInteger, primary_key=True, server_default=text("1")),
        Column("revision", BigInteger, nullable=False),
        instant("effective_at"),
        Column("settings", JSONB, nullable=False),
    )
    return metadata
