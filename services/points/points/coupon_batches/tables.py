"""Coupons for many members at once: the job, its list of members if it has one, and whom it failed."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Table, Text, Uuid, text

from common.storage.tables import instant
from points.database import metadata

coupon_batches = Table(
    "coupon_batches",
    metadata,
    Column("batch_id", Uuid, primary_key=True),
    Column("template", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("chosen", Text, nullable=False, comment="the tier or segment"),
    Column("state", Text, nullable=False),
    Column("total", BigInteger, nullable=False, comment="members of the audience when it began"),
    Column("issued", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("reached", Uuid, comment="the last member that was looked at"),
    Column("why", Text, nullable=False),
    instant("created_at"),
    Column("created_by", Text, nullable=False),
    instant("changed_at"),
    CheckConstraint("audience IN ('members', 'all', 'tier', 'segment')", name="audience"),
    CheckConstraint("state IN ('collecting', 'running', 'paused', 'cancelled', 'done', 'failed')", name="state"),
    Index("ix_coupon_batches_running", "created_at", "batch_id", postgresql_where=text("state = 'running'")),
    Index(None, "created_at", "batch_id"),
)

coupon_batch_members = Table(
    "coupon_batch_members",
    metadata,
    Column("batch_id", Uuid, primary_key=True),
    Column("member_id", Uuid, primary_key=True),
    ForeignKeyConstraint(["batch_id"], ["coupon_batches.batch_id"]),
)

coupon_batch_errors = Table(
    "coupon_batch_errors",
    metadata,
    Column("batch_id", Uuid, primary_key=True),
    Column("member_id", Uuid, primary_key=True),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    ForeignKeyConstraint(["batch_id"], ["coupon_batches.batch_id"]),
)
