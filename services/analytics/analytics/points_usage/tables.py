"""Movements of points, one row per fact, and their daily roll-up (rows are only added, see `spend/tables.py`)."""

from sqlalchemy import BigInteger, Column, Date, Identity, Index, Integer, LargeBinary, Numeric, Table, Text, Uuid

from analytics.database import metadata
from common.storage.tables import instant

movements = Table(
    "movements",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False, comment="earned, clawed_back, repriced"),
    Column("points", BigInteger, nullable=False, comment="signed for repriced, else a size"),
    Column(
        "written_off", BigInteger, nullable=False, comment="of what was to be taken and was not there: what nobody owes"
    ),
    Column("balance", BigInteger, nullable=False),
    Column("debt", BigInteger, nullable=False),
    instant("occurred_at"),
    instant("recorded_at"),
    Column("day", Date, nullable=False),
    Column("zone", Text, nullable=False),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rule_version", Integer, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
)

points_days = Table(
    "points_days",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("day", Date, nullable=False),
    Column("wallet", Text, nullable=False),
    Column("movements", BigInteger, nullable=False),
    Column("earned", Numeric(38, 0), nullable=False),
    Column("clawed_back", Numeric(38, 0), nullable=False),
    Column("repriced", Numeric(38, 0), nullable=False),
    Column("written_off", Numeric(38, 0), nullable=False),
    instant("recorded_at", nullable=True),
    Index("ix_points_days_day", "day"),
)
