"""Who is who: hashes of identities, each of one member only."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text, Uuid

from common.storage.tables import instant
from members.database import metadata

identities = Table(
    "identities",
    metadata,
    Column("digest", LargeBinary, primary_key=True, comment="blind index of kind, system and value"),
    Column("kind", Text, nullable=False),
    Column("system", Text, nullable=False, server_default=""),
    Column("member_id", Uuid, nullable=False),
    instant("claimed_at"),
    Index(None, "member_id"),
)
