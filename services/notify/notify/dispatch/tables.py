"""Notices: one per occasion, cause, member and channel. Corrections: what was learned of an order's points since."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from notify.database import metadata

notices = Table(
    "notices",
    metadata,
    Column("notice_id", Uuid, primary_key=True),
    Column("member_id", Uuid, primary_key=True),
    Column("template", Text, nullable=False),
    Column("template_id", Uuid, comment="NULL when none was published"),
    Column("template_version", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("cause_source", Text, nullable=False),
    Column("cause_id", Text, nullable=False),
    Column("cause_type", Text, nullable=False),
    instant("cause_time"),
    Column("about", Text, nullable=False, comment="order or other thing it speaks of"),
    Column("facts", JSONB, nullable=False),
    Column("subject", Text, comment="as shown in the inbox; NULL for e-mail, which holds personal data"),
    Column("text", Text),
    Column("state", Text, nullable=False, comment="queued, sent, failed, suppressed"),
    Column("reason", Text, nullable=False, comment="why it was suppressed or failed"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("traceparent", Text, nullable=False),
    instant("decided_at"),
    instant("settled_at", nullable=True),
    instant("read_at", nullable=True),
    Index("uq_notices_cause", "cause_id", "cause_source", "member_id", "template", "channel", unique=True),
    Index("ix_notices_member", "member_id", "notice_id"),
    Index("ix_notices_failed", "notice_id", postgresql_where=text("state = 'failed'")),
)

corrections = Table(
    "corrections",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, comment="place in the ledger of the member"),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("clawed_back", BigInteger, nullable=False),
    Column("repriced", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    instant("recorded_at"),
    Index("ix_corrections_order", "member_id", "order_source", "order_id"),
)
