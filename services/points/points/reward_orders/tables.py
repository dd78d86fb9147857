"""What members ordered, each change of it, and the tickets that belong to it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from common.storage.tables import instant
from points.database import metadata
from points.rewards import tables as rewards

reward_orders = Table(
    "reward_orders",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("reward", Text, ForeignKey(rewards.rewards.c.reward), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("price_option", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False, comment="of the whole order"),
    Column("money", BigInteger, nullable=False, comment="of the whole order, minor units"),
    Column("currency", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False, comment="of the debit in the wallet of points; 0 for none"),
    Column("state", Text, nullable=False),
    Column("address", Text, comment="sealed with the member's data key"),
    Column("carrier", Text, nullable=False),
    Column("tracking", Text, nullable=False),
    instant("pay_until", nullable=True),
    instant("paid_at", nullable=True),
    Column("payment_reference", Text, nullable=False),
    Column("coupon_template", Text, nullable=False, comment="what its coupons are issued by, or empty"),
    Column("coupon_ids", ARRAY(Uuid), nullable=False),
    Column("given_back", BigInteger, nullable=False),
    Column("renewed", BigInteger, nullable=False),
    instant("grace_until", nullable=True),
    Column("ordered_by", Text, nullable=False),
    Column("request_id", Text, nullable=False, comment="the caller's own id of the order, or empty"),
    instant("ordered_at"),
    instant("changed_at"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("points >= 0", name="points"),
    CheckConstraint("money >= 0", name="money"),
    CheckConstraint("given_back BETWEEN 0 AND points", name="given_back"),
    CheckConstraint(
        "state IN ('awaiting_payment', 'accepted', 'picking', 'shipped', 'delivered', 'fulfilled', 'cancelled', "
        "'returned')",
        name="state",
    ),
    Index(None, "member_id", "reward", "ordered_at"),
    Index(None, "ordered_at", "order_id"),
    Index(None, "reward", "ordered_at"),
    Index(None, "state", "ordered_at"),
    Index("ix_reward_orders_unpaid", "pay_until", postgresql_where=text("state = 'awaiting_payment'")),
    Index(
        "uq_reward_orders_request",
        "ordered_by",
        "request_id",
        unique=True,
        postgresql_where=text("request_id <> ''"),
    ),
    postgresql_with={"fillfactor": "80"},
)

reward_order_changes = Table(
    "reward_order_changes",
    metadata,
    Column("order_id", Uuid, ForeignKey("reward_orders.order_id"), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("previous_state", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    instant("at"),
    Index(None, "at"),
)
