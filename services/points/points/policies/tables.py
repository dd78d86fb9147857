"""Every policy that ever held; the highest revision of its kind holds now."""

from sqlalchemy import BigInteger, Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

movement_policies = Table(
    "movement_policies",
    metadata,
    Column("kind", Text, primary_key=True, comment="redemption, adjustment, gift"),
    Column("revision", BigInteger, primary_key=True),
    Column("settings", JSONB, nullable=False),
    instant("set_at"),
    Column("set_by", Text, nullable=False),
)
