"""What was handed in over HTTP, and whom customers turned out to be: each key once, with its body's hash."""

from sqlalchemy import Column, LargeBinary, Table, Text, Uuid

from common.storage.tables import instant
from members.database import metadata

submissions = Table(
    "submissions",
    metadata,
    Column("kind", Text, primary_key=True, comment="purchase or return"),
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True, comment="order_id or return_id"),
    Column("body_hash", LargeBinary, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("submitted_by", Text, nullable=False),
    instant("submitted_at"),
)

resolutions = Table(
    "resolutions",
    metadata,
    Column("source", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
    Column("member_id", Uuid, nullable=False),
    instant("resolved_at"),
)
