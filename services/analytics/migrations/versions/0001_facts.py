"""Facts, their roll-ups, rebuilds and proofs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from common.storage import framework

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def bigint(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def total(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Numeric(38, 0), nullable=False)


def row_id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False)


def upgrade() -> None:
    framework.create(op)
    _purchases()
    _returns()
    _people()
    _movements()
    _happenings()
    _notices()
    _rollups()
    _work()


def _purchases() -> None:
    op.create_table(
        "purchases",
        text("source"),
        text("order_id"),
        sa.Column("member_id", sa.Uuid, nullable=False),
        instant("occurred_at"),
        instant("recorded_at"),
        sa.Column("day", sa.Date, nullable=False),
        text("zone"),
        text("currency"),
        bigint("amount"),
        bigint("discount"),
        bigint("tax"),
        bigint("delivery"),
        sa.Column(
            "basis",
            sa.BigInteger,
            nullable=False,
            comment="what can come back: net goods, tax and delivery by switch",
        ),
        text("channel"),
        text("shop"),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("source", "order_id", name="pk_purchases"),
        sa.CheckConstraint("discount >= 0 AND discount <= amount", name="ck_purchases_discount"),
        postgresql_with={"autovacuum_vacuum_insert_scale_factor": "0.05"},
    )
    op.create_index(
        "ix_purchases_member_day", "purchases", ["member_id", "day"], postgresql_include=["amount", "discount"]
    )
    op.create_index("ix_purchases_day", "purchases", ["day"], postgresql_using="brin")


def _returns() -> None:
    op.create_table(
        "returns",
        text("source"),
        text("return_id"),
        text("order_source"),
        text("order_id"),
        sa.Column("member_id", sa.Uuid, comment="the purchase's member; NULL while the return waits for its purchase"),
        sa.Column("channel", sa.Text, comment="the purchase's channel"),
        instant("occurred_at"),
        instant("recorded_at"),
        sa.Column("day", sa.Date, nullable=False),
        text("zone"),
        text("currency"),
        bigint("amount"),
        text("state"),
        sa.Column("reason", sa.Text, nullable=False, comment="why it was refused"),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("source", "return_id", name="pk_returns"),
        sa.CheckConstraint("amount > 0", name="ck_returns_amount"),
        sa.CheckConstraint("state IN ('waiting', 'applied', 'refused')", name="ck_returns_state"),
        sa.CheckConstraint("(member_id IS NULL) = (channel IS NULL)", name="ck_returns_matched"),
        sa.CheckConstraint("(member_id IS NULL) = (state = 'waiting')", name="ck_returns_waiting"),
    )
    order = ["order_source", "order_id"]
    op.create_index("ix_returns_order", "returns", order)
    op.create_index("ix_returns_waiting", "returns", order, postgresql_where=sa.text("state = 'waiting'"))
    op.create_index(
        "ix_returns_member_day",
        "returns",
        ["member_id", "day"],
        postgresql_include=["amount"],
        postgresql_where=sa.text("state = 'applied'"),
    )
    op.create_index("ix_returns_day", "returns", ["day"], postgresql_using="brin")


def _people() -> None:
    op.create_table(
        "members",
        sa.Column("member_id", sa.Uuid, nullable=False),
        bigint("revision"),
        text("status"),
        instant("registered_at"),
        instant("recorded_at"),
        text("channel"),
        text("region"),
        text("gender"),
        text("tier"),
        sa.PrimaryKeyConstraint("member_id", name="pk_members"),
    )
    op.create_table(
        "tier_histories",
        sa.Column("member_id", sa.Uuid, nullable=False),
        bigint("revision"),
        text("tier"),
        instant("recorded_at"),
        sa.PrimaryKeyConstraint("member_id", name="pk_tier_histories"),
    )
    op.create_table(
        "tier_spans",
        sa.Column("member_id", sa.Uuid, nullable=False),
        instant("since"),
        text("tier"),
        instant("until", nullable=True),
        sa.PrimaryKeyConstraint("member_id", "since", name="pk_tier_spans"),
    )


def _movements() -> None:
    op.create_table(
        "movements",
        sa.Column("member_id", sa.Uuid, nullable=False),
        text("wallet"),
        bigint("sequence"),
        sa.Column("kind", sa.Text, nullable=False, comment="earned, pending, redeemed, … (domain.SIGNS)"),
        sa.Column("points", sa.BigInteger, nullable=False, comment="signed for repriced, else a size"),
        sa.Column(
            "written_off",
            sa.BigInteger,
            nullable=False,
            comment="of what was to be taken and was not there: what nobody owes",
        ),
        sa.Column("waiting", sa.BigInteger, nullable=False, comment="of the points: what could not be spent yet"),
        sa.Column(
            "unexpired", sa.BigInteger, nullable=False, comment="of what was taken: what had been told as expired"
        ),
        bigint("balance"),
        bigint("debt"),
        instant("occurred_at"),
        instant("recorded_at"),
        sa.Column("day", sa.Date, nullable=False),
        text("zone"),
        text("order_source"),
        text("order_id"),
        sa.Column(
            "shares", postgresql.JSONB, nullable=True, comment="of a credit: [rule, version, points] of each rule"
        ),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("member_id", "wallet", "sequence", name="pk_movements"),
    )


def _happenings() -> None:
    op.create_table(
        "happenings",
        text("source"),
        text("event_id"),
        sa.Column("about", sa.Text, nullable=False, comment="coupon, reward, streak, task, badge, draw, rule, return"),
        sa.Column("kind", sa.Text, nullable=False, comment="issued, used, ordered, …"),
        sa.Column("subject", sa.Text, nullable=False, comment="the coupon's template, the reward, the rule …"),
        text("name"),
        sa.Column("member_id", sa.Uuid, nullable=True),
        instant("occurred_at"),
        instant("recorded_at"),
        sa.Column("day", sa.Date, nullable=False),
        text("zone"),
        bigint("quantity"),
        bigint("points"),
        sa.Column("money", sa.BigInteger, nullable=False, comment="minor units: a coupon's discount, a reward's price"),
        sa.PrimaryKeyConstraint("source", "event_id", name="pk_happenings"),
    )
    op.create_index("ix_happenings_about_day", "happenings", ["about", "day"])


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="sent, failed, suppressed"),
        sa.Column("member_id", sa.Uuid, nullable=False),
        text("template"),
        text("channel"),
        text("reason"),
        instant("occurred_at"),
        instant("recorded_at"),
        sa.Column("day", sa.Date, nullable=False),
        text("zone"),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("notice_id", "state", name="pk_notices"),
    )


def _rollups() -> None:
    op.create_table(
        "spend_days",
        row_id(),
        sa.Column("day", sa.Date, nullable=False),
        text("channel"),
        bigint("orders"),
        total("gross"),
        total("discount"),
        bigint("returns"),
        total("returned"),
        instant("recorded_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_spend_days"),
    )
    op.create_table(
        "points_days",
        row_id(),
        sa.Column("day", sa.Date, nullable=False),
        text("wallet"),
        text("kind"),
        bigint("movements"),
        total("points"),
        total("written_off"),
        total("waiting"),
        instant("recorded_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_points_days"),
    )
    op.create_table(
        "rule_days",
        row_id(),
        sa.Column("day", sa.Date, nullable=False),
        text("wallet"),
        text("rule"),
        sa.Column("version", sa.Integer, nullable=False),
        bigint("credits"),
        total("points"),
        sa.PrimaryKeyConstraint("id", name="pk_rule_days"),
    )
    op.create_table(
        "notice_days",
        row_id(),
        sa.Column("day", sa.Date, nullable=False),
        text("template"),
        text("channel"),
        text("state"),
        bigint("notices"),
        instant("recorded_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notice_days"),
    )
    for table in ("spend_days", "points_days", "rule_days", "notice_days"):
        op.create_index(f"ix_{table}_day", table, ["day"])


def _work() -> None:
    op.create_table(
        "rebuilds",
        row_id(),
        text("zone"),
        instant("requested_at"),
        instant("finished_at", nullable=True),
        sa.Column("moved", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_rebuilds"),
    )
    op.create_table(
        "proofs",
        row_id(),
        instant("proved_at"),
        text("rollup"),
        sa.Column("keys", sa.BigInteger, nullable=False, comment="roll-up keys compared"),
        sa.Column("drifted", sa.BigInteger, nullable=False, comment="keys that differed and were repaired"),
        sa.Column("examples", sa.Text, nullable=False, comment="the first of them, for people"),
        sa.PrimaryKeyConstraint("id", name="pk_proofs"),
    )
