"""Payment PINs, as hashes only."""

from sqlalchemy import Column, Integer, Table, Text, Uuid

from common.storage.tables import instant
from members.database import metadata

pins = Table(
    "pins",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("hash", Text, nullable=False, comment="argon2id"),
    Column("tries", Integer, nullable=False, comment="since the last right one or lock"),
    Column("locks", Integer, nullable=False, comment="in a row: each is twice as long as the one before"),
    instant("locked_until", nullable=True),
    instant("changed_at"),
)
