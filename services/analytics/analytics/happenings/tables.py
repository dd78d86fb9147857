"""What happened to coupons, rewards, streaks, tasks, badges, draws and rules: one row per event."""

from sqlalchemy import BigInteger, Column, Date, Index, Table, Text, Uuid

from analytics.database import metadata
from common.storage.tables import instant

happenings = Table(
    "happenings",
    metadata,
    Column("source", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("about", Text, nullable=False, comment="coupon, reward, streak, task, badge, draw, rule, return"),
    Column("kind", Text, nullable=False, comment="issued, used, ordered, …"),
    Column("subject", Text, nullable=False, comment="the coupon's template, the reward, the rule …"),
    Column("name", Text, nullable=False),
    Column("member_id", Uuid, nullable=True),
    instant("occurred_at"),
    instant("recorded_at"),
    Column("day", Date, nullable=False),
    Column("zone", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("money", BigInteger, nullable=False, comment="minor units: a coupon's discount, a reward's price"),
    Index("ix_happenings_about_day", "about", "day"),
)
