"""Epochs of draws with their sealed seeds, prizes in stock, and every play."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

draw_epochs = Table(
    "draw_epochs",
    metadata,
    Column("draw", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("commitment", Text, nullable=False, comment="SHA-256 of the server seed and the table, hexadecimal"),
    Column("sealed_seed", LargeBinary, nullable=False, comment="under the master key"),
    Column("seed", Text, comment="hexadecimal, revealed when closed"),
    Column("prizes", JSONB, nullable=False),
    Column("plays", BigInteger, nullable=False, comment="number of the newest play"),
    instant("opened_at"),
    instant("closed_at", nullable=True),
    CheckConstraint("(seed IS NULL) = (closed_at IS NULL)", name="revealed"),
    Index("ix_draw_epochs_open", "draw", unique=True, postgresql_where=text("closed_at IS NULL")),
)

draw_stocks = Table(
    "draw_stocks",
    metadata,
    Column("draw", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("prize", Text, primary_key=True),
    Column("stock", BigInteger, comment="at the opening; null: without end"),
    Column("given", BigInteger, nullable=False),
    CheckConstraint("given >= 0 AND (stock IS NULL OR given <= stock)", name="given"),
)

draw_plays = Table(
    "draw_plays",
    metadata,
    Column("draw", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("play_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("commitment", Text, nullable=False, comment="of its epoch, as the member was told"),
    Column("pseudonym", Text, nullable=False),
    Column("client_seed", Text, nullable=False),
    Column("ticket", BigInteger, nullable=False),
    Column("drawn", Text, nullable=False, comment="by its ticket"),
    Column("prize", Text, nullable=False, comment="what was given: the fallback when the drawn one had run out"),
    Column("prize_kind", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("coupon_id", Uuid),
    Column("reward", Text, nullable=False),
    Column("free", Boolean, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("cost_sequence", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    instant("played_at"),
    instant("handed_over_at", nullable=True),
    instant("undone_at", nullable=True),
    UniqueConstraint("play_id"),
    Index("ix_draw_plays_member_id_draw", "member_id", "draw"),
    Index(
        "ix_draw_plays_owed",
        "played_at",
        "play_id",
        postgresql_where=text(
            "handed_over_at IS NULL AND undone_at IS NULL"
            " AND (prize_kind = 'goods' OR (prize_kind = 'coupon' AND coupon_id IS NULL))"
        ),
    ),
)
