"""What points knows of members: only what it needs, from events."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from common.storage.tables import instant
from points.database import metadata

members = Table(
    "members",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("revision", BigInteger, nullable=False, comment="of the member; 0 while only its tier is known"),
    Column("status", Text, nullable=False),
    instant("registered_at", nullable=True),
    Column("birthday", Text, nullable=True, comment="sealed box, base64url; the key is in data_keys"),
    Column("tier_revision", BigInteger, nullable=False, comment="of the tier history; 0 while there is none"),
    Column("tier", Text, nullable=False),
    Column("history_tiers", ARRAY(Text), nullable=False),
    Column("history_since", ARRAY(DateTime(timezone=True)), nullable=False),
    Column("merged_into", Uuid, nullable=True, comment="who holds the points now; NULL: the member"),
    instant("merged_at", nullable=True),
    Index("ix_members_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
)

segment_changes = Table(
    "segment_changes",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("revision", BigInteger, primary_key=True, comment="of the member and the segment"),
    Column("entered", Boolean, nullable=False, comment="false: left"),
    instant("occurred_at"),
)
