"""Earning rules, with the first one."""

from alembic import op

from common.storage import framework

revision = "0002"
down_revision = "0001"

RULES = (
    """
    CREATE TABLE earning_rules (
        rule text,
        version integer,
        wallet text NOT NULL,
        points bigint NOT NULL CONSTRAINT ck_earning_rules_points CHECK (points >= 0),
        per_minor_units bigint NOT NULL CONSTRAINT ck_earning_rules_per_minor_units CHECK (per_minor_units > 0),
        multipliers jsonb NOT NULL,
        effective_from timestamptz NOT NULL,
        published_at timestamptz NOT NULL,
        published_by text NOT NULL,
        CONSTRAINT pk_earning_rules PRIMARY KEY (rule, version)
    )
    """,
    # One point per 1.00 for everybody, from long before any purchase.
    """
    INSERT INTO earning_rules (
        rule, version, wallet, points, per_minor_units, multipliers, effective_from, published_at, published_by
    ) VALUES ('purchase_rate', 1, 'points', 1, 100, '{}', '1800-01-01 00:00+00', now(), 'migrate')
    """,
)

COMMENTS = {
    "earning_rules.multipliers": "decimal numbers as text, by tier",
}

APPEND_ONLY = ("earning_rules",)


def upgrade() -> None:
    for statement in RULES:
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for table in APPEND_ONLY:
        framework.append_only(op, table)
