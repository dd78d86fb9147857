"""What points knows of members: only what it needs, from events."""

from sqlalchemy import BigInteger, Column, DateTime, Table, Text, Uuid
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
    Column("tier_revision", BigInteger, nullable=False, comment="of the tier history; 0 while there is none"),
    Column("tier", Text, nullable=False),
    Column("history_tiers", ARRAY(Text), nullable=False),
    Column("history_since", ARRAY(DateTime(timezone=True)), nullable=False),
)
