"""Outcomes of notices, one row per fact, and their daily roll-up (rows are only added, see `spend/tables.py`)."""

from sqlalchemy import BigInteger, Column, Date, Identity, Index, LargeBinary, Table, Text, Uuid

from analytics.database import metadata
from common.storage.tables import instant

notices = Table(
    "notices",
    metadata,
    Column("notice_id", Uuid, primary_key=True),
    Column("state", Text, primary_key=True, comment="sent, failed, suppressed"),
    Column("member_id", Uuid, nullable=False),
    Column("template", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("reason", Text, nullable=False),
    instant("occurred_at"),
    instant("recorded_at"),
    Column("day", Date, nullable=False),
    Column("zone", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
)

notice_days = Table(
    "notice_days",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("day", Date, nullable=False),
    Column("template", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("notices", BigInteger, nullable=False),
    instant("recorded_at", nullable=True),
    Index("ix_notice_days_day", "day"),
)
