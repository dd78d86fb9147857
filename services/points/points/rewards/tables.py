"""The catalogue, and the stock of each reward with every change of it."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, ForeignKey, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from common.storage.tables import instant
from points.database import metadata

rewards = Table(
    "rewards",
    metadata,
    Column("reward", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("limited_edition", Boolean, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("description_zh", Text, nullable=False),
    Column("description_en", Text, nullable=False),
    Column("image_url", Text, nullable=False),
    Column("sort", Integer, nullable=False),
    Column("prices", JSONB, nullable=False),
    Column("limits", JSONB, nullable=False),
    Column("tiers", ARRAY(Text), nullable=False),
    Column("segments", ARRAY(Text), nullable=False),
    Column("valid_from", DateTime(timezone=False), comment="local time of the programme"),
    Column("valid_until", DateTime(timezone=False), comment="local time of the programme, exclusive"),
    Column("coupon_template", Text, nullable=False),
    Column("pay_within_minutes", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    Column("updated_by", Text, nullable=False),
    CheckConstraint("kind IN ('goods', 'service', 'coupon', 'ticket', 'donation')", name="kind"),
    CheckConstraint("state IN ('hidden', 'published', 'archived')", name="state"),
    Index(None, "sort", "reward"),
)

reward_stocks = Table(
    "reward_stocks",
    metadata,
    Column("reward", Text, ForeignKey("rewards.reward"), primary_key=True),
    Column("stock", BigInteger, comment="what can still be ordered; null is unlimited"),
    Column("number", BigInteger, nullable=False, comment="of the newest change"),
    CheckConstraint("stock >= 0", name="stock"),
    postgresql_with={"fillfactor": "50"},
)

reward_stock_changes = Table(
    "reward_stock_changes",
    metadata,
    Column("reward", Text, ForeignKey("reward_stocks.reward"), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("change", BigInteger, nullable=False),
    Column("stock", BigInteger, comment="afterwards"),
    Column("reason", Text, nullable=False),
    Column("reference", Text, nullable=False, comment="an order's id, or empty"),
    Column("note", Text, nullable=False),
    Column("actor", Text, nullable=False),
    instant("at"),
)
