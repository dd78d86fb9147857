"""Who the members are. What tells of a person is sealed with that person's data key."""

from sqlalchemy import BigInteger, Column, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from members.database import metadata

members = Table(
    "members",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    instant("registered_at"),
    instant("recorded_at"),
    instant("updated_at"),
    Column("channel", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("gender", Text, nullable=False),
    Column("preferences", JSONB, nullable=False),
    Column("profile", Text, nullable=False, comment="sealed: name, phone, email, birthday, address, numbers"),
    Index(None, "registered_at", "member_id"),
    Index(None, "region", "registered_at", "member_id"),
    Index(None, "channel", "registered_at", "member_id"),
)

member_changes = Table(
    "member_changes",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    instant("at"),
    Column("actor", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("action", Text, nullable=False, comment="registered, changed"),
    Column("values", Text, nullable=True, comment="sealed: field to before and after"),
)
