"""Points that members gave to one another."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from common.storage.tables import instant
from points.database import metadata

gifts = Table(
    "gifts",
    metadata,
    Column("gift_id", Uuid, primary_key=True),
    Column("member_id", Uuid, nullable=False),
    Column("recipient_id", Uuid, nullable=False),
    Column("wallet", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("state", Text, nullable=False, comment="given, undone, undone_in_part"),
    Column("debit_sequence", BigInteger, nullable=False),
    Column("credit_sequences", ARRAY(BigInteger), nullable=False),
    Column("taken_back", BigInteger, nullable=False),
    instant("created_at"),
    Column("created_by", Text, nullable=False),
    instant("undone_at", nullable=True),
    Column("undone_by", Text, nullable=False),
    CheckConstraint("points > 0", name="points"),
    CheckConstraint("taken_back BETWEEN 0 AND points", name="taken_back"),
    CheckConstraint("member_id <> recipient_id", name="self"),
    Index(None, "member_id", "created_at"),
    Index(None, "recipient_id", "created_at"),
)
