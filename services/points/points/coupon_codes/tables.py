"""Wrong codes that were tried, counted in windows of time: the limit holds over all processes."""

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text

from points.database import metadata

coupon_tries = Table(
    "coupon_tries",
    metadata,
    Column("who", Text, primary_key=True, comment="caller:<subject>, device:<caller>:<device> or member:<id>"),
    Column("window_start", DateTime(timezone=True), primary_key=True),
    Column("wrong", Integer, nullable=False),
    Index(None, "window_start"),
)
