"""Which member was merged into which, and every lot and debt that came with it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)

from common.storage.tables import instant
from points.database import metadata

merges = Table(
    "merges",
    metadata,
    Column("merge_id", Uuid, primary_key=True),
    Column("member_id", Uuid, nullable=False),
    Column("absorbed_member_id", Uuid, nullable=False),
    Column("state", Text, nullable=False, comment="merged, undone"),
    instant("occurred_at"),
    instant("merged_at"),
    Column("merged_by", Text, nullable=False),
    instant("undone_at", nullable=True),
    Column("undone_by", Text, nullable=False),
    CheckConstraint("member_id <> absorbed_member_id", name="self"),
    Index("ux_merges_absorbed_member_id", "absorbed_member_id", unique=True, postgresql_where=text("state = 'merged'")),
    Index(None, "member_id", "merged_at"),
)

merge_moves = Table(
    "merge_moves",
    metadata,
    Column("merge_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("wallet", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="lot, pending, debt"),
    Column("points", BigInteger, nullable=False),
    Column("out_sequence", BigInteger, nullable=False, comment="of the transfer out of the absorbed member"),
    Column("in_sequence", BigInteger, nullable=False, comment="of the transfer into the survivor"),
    instant("earned_at", nullable=True),
    instant("expires_at", nullable=True),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    instant("moved_at"),
    Column("gave_back", BigInteger, nullable=False),
    ForeignKeyConstraint(["merge_id"], ["merges.merge_id"]),
    CheckConstraint("points > 0", name="points"),
    CheckConstraint("gave_back BETWEEN 0 AND points", name="gave_back"),
)
