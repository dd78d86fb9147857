"""What limits and budgets of rules have been used."""

from alembic import op

revision = "0004"
down_revision = "0003"

LIMITS = (
    """
    CREATE TABLE limit_usage (
        rule text,
        holder uuid,
        period text,
        points bigint NOT NULL,
        uses bigint NOT NULL,
        CONSTRAINT pk_limit_usage PRIMARY KEY (rule, holder, period),
        CONSTRAINT ck_limit_usage_used CHECK (points >= 0 AND uses >= 0)
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE TABLE limit_takings (
        kind text,
        source text,
        key text,
        rule text,
        holder uuid,
        period text,
        points bigint NOT NULL,
        uses bigint NOT NULL,
        points_back bigint NOT NULL,
        uses_back bigint NOT NULL,
        by_line bigint[],
        CONSTRAINT pk_limit_takings PRIMARY KEY (kind, source, key, rule, holder, period),
        CONSTRAINT ck_limit_takings_points_back CHECK (points_back BETWEEN 0 AND points),
        CONSTRAINT ck_limit_takings_uses_back CHECK (uses_back BETWEEN 0 AND uses)
    )
    """,
)

COMMENTS = {
    "limit_usage.holder": "a member; all zeros for the budget of all",
    "limit_usage.period": "ever, or like day:2026-11-22, month:2026-11",
    "limit_takings.kind": "purchase or activity",
    "limit_takings.key": "order id or activity id",
    "limit_takings.by_line": "points, spread over the purchase's lines; null: by their nets",
}


def upgrade() -> None:
    for statement in LIMITS:
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
