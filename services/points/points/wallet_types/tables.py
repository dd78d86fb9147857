"""How types of wallets differ from what is built in."""

from sqlalchemy import BigInteger, Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

wallet_types = Table(
    "wallet_types",
    metadata,
    Column("key", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("settings", JSONB, nullable=False),
    instant("updated_at"),
    Column("updated_by", Text, nullable=False),
)
