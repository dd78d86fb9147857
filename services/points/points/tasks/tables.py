"""Tasks that members completed."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Integer, Table, Text, Uuid

from common.storage.tables import instant
from points.database import metadata

task_completions = Table(
    "task_completions",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("window_start", Date, primary_key=True),
    Column("state", Text, nullable=False),
    instant("reached_at"),
    instant("recorded_at"),
    instant("rewarded_at", nullable=True),
    instant("taken_back_at", nullable=True),
    Column("rewards", Integer, nullable=False, comment="how often it was rewarded"),
    Column("points", BigInteger, nullable=False, comment="paid up to now, 0 when taken back"),
    Column("coupon_id", Uuid),
    CheckConstraint("state IN ('completed', 'rewarded', 'taken_back')", name="state"),
    CheckConstraint("points >= 0", name="points"),
)
