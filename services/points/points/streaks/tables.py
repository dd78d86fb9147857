"""The days members came."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Integer, Table, Text, Uuid

from common.storage.tables import instant
from points.database import metadata

streak_days = Table(
    "streak_days",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("plan", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("run", Integer, nullable=False, comment="the how manieth day in a row"),
    Column("points", BigInteger, nullable=False, comment="paid for this day up to now"),
    instant("occurred_at"),
    Column("made_up_on", Date, comment="the local day it was made up; null: signed in"),
    Column("cost", BigInteger, nullable=False),
    Column("cost_sequence", BigInteger, nullable=False),
    CheckConstraint("run > 0", name="run"),
    CheckConstraint("points >= 0", name="points"),
)
