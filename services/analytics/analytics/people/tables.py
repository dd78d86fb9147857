"""What is known of members without knowing who they are: attributes, and the tiers they held."""

from sqlalchemy import BigInteger, Column, DateTime, Table, Text, Uuid

from analytics.database import metadata
from common.storage.tables import instant

members = Table(
    "members",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    instant("registered_at"),
    instant("recorded_at"),
    Column("channel", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("gender", Text, nullable=False),
    Column("tier", Text, nullable=False),
)

tier_histories = Table(
    "tier_histories",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("tier", Text, nullable=False),
    instant("recorded_at"),
)

tier_spans = Table(
    "tier_spans",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("since", DateTime(timezone=True), primary_key=True),
    Column("tier", Text, nullable=False),
    instant("until", nullable=True),
)
