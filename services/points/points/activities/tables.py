"""What members did besides buying."""

from sqlalchemy import Boolean, Column, Index, LargeBinary, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

activities = Table(
    "activities",
    metadata,
    Column("source", Text, primary_key=True),
    Column("activity_id", Text, primary_key=True),
    Column("member_id", Uuid, nullable=False, comment="who did it; a merge does not change it"),
    Column("activity", Text, nullable=False),
    Column("fields", JSONB, nullable=False),
    Column("order_source", Text, nullable=False, comment="the purchase it follows when that comes back, or empty"),
    Column("order_id", Text, nullable=False),
    Column("tier", Text, nullable=False, comment="that it was priced by"),
    Column("rounding", Text, nullable=False),
    Column("taken_back", Boolean, nullable=False, comment="its order came back wholly"),
    Column(
        "unmet", Boolean, nullable=False, comment="its order was not known when it came, and was not met by it since"
    ),
    instant("occurred_at"),
    instant("recorded_at"),
    Column("body_hash", LargeBinary, nullable=False),
    Index(None, "member_id", "occurred_at"),
    Index("ix_activities_order", "order_source", "order_id", postgresql_where=text("order_id <> ''")),
    Index("ix_activities_unmet", "recorded_at", postgresql_where=text("unmet")),
)
