"""Other systems that may ask for tokens."""

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from common.storage.tables import instant
from members.database import metadata

clients = Table(
    "clients",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("permissions", ARRAY(Text), nullable=True, comment="narrows what the roles may do; null: everything"),
    Column("source", Text, nullable=True, comment="hands in purchases for this source, and what lies below it"),
    Column("active", Boolean, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("previous_secret_hash", LargeBinary, nullable=True),
    instant("previous_valid_until", nullable=True),
    instant("created_at"),
    instant("updated_at"),
)
