"""Movements of points, one row per fact, and their daily roll-ups (rows are only added, see `spend/tables.py`)."""

from sqlalchemy import BigInteger, Column, Date, Identity, Index, Integer, LargeBinary, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from analytics.database import metadata
from common.storage.tables import instant

movements = Table(
    "movements",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False, comment="earned, pending, redeemed, … (domain.SIGNS)"),
    Column("points", BigInteger, nullable=False, comment="signed for repriced, else a size"),
    Column(
        "written_off", BigInteger, nullable=False, comment="of what was to be taken and was not there: what nobody owes"
    ),
    Column("waiting", BigInteger, nullable=False, comment="of the points: what could not be spent yet"),
    Column("unexpired", BigInteger, nullable=False, comment="of what was taken: what had been told as expired"),
    Column("balance", BigInteger, nullable=False),
    Column("debt", BigInteger, nullable=False),
    instant("occurred_at"),
    instant("recorded_at"),
    Column("day", Date, nullable=False),
    Column("zone", Text, nullable=False),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("shares", JSONB, nullable=True, comment="of a credit: [rule, version, points] of each rule"),
    Column("body_hash", LargeBinary, nullable=False),
)

points_days = Table(
    "points_days",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("day", Date, nullable=False),
    Column("wallet", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("movements", BigInteger, nullable=False),
    Column("points", Numeric(38, 0), nullable=False),
    Column("written_off", Numeric(38, 0), nullable=False),
    Column("waiting", Numeric(38, 0), nullable=False),
    instant("recorded_at", nullable=True),
    Index("ix_points_days_day", "day"),
)

rule_days = Table(
    "rule_days",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("day", Date, nullable=False),
    Column("wallet", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("credits", BigInteger, nullable=False),
    Column("points", Numeric(38, 0), nullable=False),
    Index("ix_rule_days_day", "day"),
)
