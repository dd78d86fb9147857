"""What members did that something counts."""

from sqlalchemy import BigInteger, Column, Index, Table, Text, Uuid

from common.storage.tables import instant
from points.database import metadata

counter_entries = Table(
    "counter_entries",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("measure", Text, primary_key=True, comment="digest of what is counted; tasks and badges share it"),
    Column("kind", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("item", Text, primary_key=True, comment="what is told apart: a sku, or empty"),
    instant("occurred_at"),
    Column("value", BigInteger, nullable=False),
    Column("gone", BigInteger, nullable=False, comment="what of the value came back"),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Index("ix_counter_entries_member_id_measure_occurred_at", "member_id", "measure", "occurred_at"),
    Index("ix_counter_entries_order_source_order_id", "order_source", "order_id"),
)
