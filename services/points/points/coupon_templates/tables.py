"""Coupon templates, and their versions: a version that was activated never changes."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

coupon_templates = Table(
    "coupon_templates",
    metadata,
    Column("template", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False, comment="the one that is issued; 0 before the first activation"),
    Column("revision", BigInteger, nullable=False),
    Column("draft", JSONB, comment="terms of the next version"),
    instant("created_at"),
    Column("created_by", Text, nullable=False),
    instant("changed_at"),
    CheckConstraint("state IN ('draft', 'active', 'archived')", name="state"),
    CheckConstraint("version > 0 OR state = 'draft'", name="version"),
)

coupon_template_versions = Table(
    "coupon_template_versions",
    metadata,
    Column("template", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("terms", JSONB, nullable=False),
    instant("activated_at"),
    Column("activated_by", Text, nullable=False),
)
