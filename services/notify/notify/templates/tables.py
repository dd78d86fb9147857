"""Template versions. The database refuses to change a published one."""

from sqlalchemy import Column, Index, Integer, Table, Text, Uuid, text

from common.storage.tables import instant
from notify.database import metadata

templates = Table(
    "templates",
    metadata,
    Column("template_id", Uuid, primary_key=True),
    Column("key", Text, nullable=False, comment="the occasion"),
    Column("channel", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="draft, published"),
    Column("revision", Integer, nullable=False, server_default=text("1"), comment="edits of the draft"),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False, server_default=""),
    instant("created_at"),
    Column("created_by", Text, nullable=False),
    instant("published_at", nullable=True),
    Column("published_by", Text),
    Index("uq_templates_place_version", "key", "channel", "locale", "version", unique=True),
    Index("uq_templates_one_draft", "key", "channel", "locale", unique=True, postgresql_where=text("state = 'draft'")),
)
