"""The keys that sign access tokens: public parts open, private parts sealed by the master key."""

from sqlalchemy import Column, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from members.database import metadata

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("public", JSONB, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    instant("created_at"),
    instant("signs_from"),
    instant("retires_at", nullable=True),
)
