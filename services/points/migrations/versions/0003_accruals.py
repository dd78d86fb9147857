"""What purchases earned, corrections of it, and returns."""

from alembic import op

from common.storage import framework

revision = "0003"
down_revision = "0002"

ACCRUALS = (
    """
    CREATE TABLE accruals (
        source text,
        order_id text,
        member_id uuid NOT NULL,
        wallet text NOT NULL,
        currency text NOT NULL,
        basis bigint NOT NULL,
        rule text NOT NULL,
        rule_version integer NOT NULL,
        rate_points bigint NOT NULL,
        rate_per bigint NOT NULL,
        tier text NOT NULL,
        multiplier text NOT NULL,
        rounding text NOT NULL,
        earned bigint NOT NULL CONSTRAINT ck_accruals_earned CHECK (earned >= 0),
        returned bigint NOT NULL,
        taken_back bigint NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        expires_at timestamptz,
        body_hash bytea NOT NULL,
        CONSTRAINT pk_accruals PRIMARY KEY (source, order_id),
        CONSTRAINT ck_accruals_taken_back CHECK (taken_back BETWEEN 0 AND earned),
        CONSTRAINT ck_accruals_returned CHECK (returned BETWEEN 0 AND basis)
    ) WITH (fillfactor = 90)
    """,
    "CREATE INDEX ix_accruals_member_id_occurred_at ON accruals (member_id, occurred_at)",
    """
    CREATE TABLE repricings (
        source text,
        order_id text,
        number integer,
        previous_tier text NOT NULL,
        tier text NOT NULL,
        previous_earned bigint NOT NULL,
        earned bigint NOT NULL,
        points bigint NOT NULL,
        reason text NOT NULL,
        recorded_at timestamptz NOT NULL,
        CONSTRAINT pk_repricings PRIMARY KEY (source, order_id, number)
    )
    """,
)

RETURNS = (
    """
    CREATE TABLE returns (
        source text,
        return_id text,
        order_source text NOT NULL,
        order_id text NOT NULL,
        member_id uuid,
        currency text NOT NULL,
        amount bigint NOT NULL,
        points bigint NOT NULL,
        shortfall bigint NOT NULL,
        state text NOT NULL CONSTRAINT ck_returns_state CHECK (state IN ('waiting', 'applied', 'review', 'refused')),
        reason text NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        settled_at timestamptz,
        body_hash bytea NOT NULL,
        CONSTRAINT pk_returns PRIMARY KEY (source, return_id),
        CONSTRAINT ck_returns_shortfall CHECK (shortfall BETWEEN 0 AND points)
    )
    """,
    "CREATE INDEX ix_returns_order_source_order_id ON returns (order_source, order_id)",
    "CREATE INDEX ix_returns_open ON returns (state, recorded_at) WHERE state <> 'applied'",
)

# How rows travel into the database. A type is never altered: another shape of row is another type.
ROWS = (
    """
    CREATE TYPE accrual_row AS (
        source text, order_id text, member_id uuid, wallet text, currency text, basis bigint, rule text,
        rule_version integer, rate_points bigint, rate_per bigint, tier text, multiplier text, rounding text,
        earned bigint, returned bigint, taken_back bigint, occurred_at timestamptz, recorded_at timestamptz,
        expires_at timestamptz, body_hash bytea
    )
    """,
)

COMMENTS = {
    "accruals.basis": "minor units",
    "accruals.rate_per": "minor units",
    "accruals.returned": "minor units",
    "repricings.points": "signed change of the net",
    "returns.member_id": "known once its purchase is",
    "returns.amount": "minor units",
    "returns.points": "taken back, shortfall included",
}

APPEND_ONLY = ("repricings",)


def upgrade() -> None:
    for statement in (*ACCRUALS, *RETURNS, *ROWS):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for table in APPEND_ONLY:
        framework.append_only(op, table)
