"""What members bought, as the shops told it."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from members.database import metadata

purchases = Table(
    "purchases",
    metadata,
    Column("source", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("member_id", Uuid, nullable=False),
    instant("occurred_at"),
    instant("recorded_at"),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, nullable=False, comment="goods before discount, minor units"),
    Column("discount", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("delivery", BigInteger, nullable=False),
    Column("basis", BigInteger, nullable=False, comment="what can come back: net goods, tax and delivery by switch"),
    Column("channel", Text, nullable=False),
    Column("shop", Text, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("trace_id", String(32), nullable=False),
    Index(None, "member_id", "occurred_at"),
)
