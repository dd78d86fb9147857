"""What staff defined: streaks, tasks, badges, draws."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

incentives = Table(
    "incentives",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("definition", JSONB, nullable=False),
    instant("active_from", nullable=True),
    instant("ended_at", nullable=True),
    instant("created_at"),
    instant("changed_at"),
    Column("changed_by", Text, nullable=False),
    CheckConstraint("state IN ('draft', 'active', 'ended')", name="state"),
    CheckConstraint(
        "(state = 'draft') = (active_from IS NULL) AND (state = 'ended') = (ended_at IS NOT NULL)", name="times"
    ),
)
incentives.c.active_from.comment = "what occurred from then on counts"
incentives.c.ended_at.comment = "what occurred from then on does not count"
