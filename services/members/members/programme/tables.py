"""Every version of the programme's settings, and who made it."""

from sqlalchemy import BigInteger, Column, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from common.storage.tables import instant
from members.database import metadata

programme_history = Table(
    "programme_history",
    metadata,
    Column("revision", BigInteger, primary_key=True),
    instant("at"),
    Column("actor", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("changed", ARRAY(Text), nullable=False),
    Column("before", JSONB, nullable=True),
    Column("after", JSONB, nullable=False),
)
