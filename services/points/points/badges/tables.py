"""Badges members hold, and each change of it for ever."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Integer, Table, Text, Uuid

from common.storage.tables import instant
from points.database import metadata

member_badges = Table(
    "member_badges",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("badge", Text, primary_key=True),
    Column("level", Integer, primary_key=True),
    Column("held", Boolean, nullable=False),
    Column("points", BigInteger, nullable=False, comment="paid up to now, 0 when taken back"),
    Column("origin", Text, nullable=False, comment="empty: by its own measure; else what granted it"),
    instant("occurred_at"),
    instant("changed_at"),
    Column("changes", Integer, nullable=False),
    CheckConstraint("points >= 0", name="points"),
)

badge_changes = Table(
    "badge_changes",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("badge", Text, primary_key=True),
    Column("level", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("change", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    instant("occurred_at"),
    instant("recorded_at"),
    CheckConstraint("change IN ('awarded', 'revoked')", name="change"),
)
