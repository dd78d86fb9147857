"""Purchases and activities, what they earned, corrections of it, and returns."""

from alembic import op

from common.storage import framework

revision = "0003"
down_revision = "0002"

ACCRUALS = (
    """
    CREATE TABLE purchases (
        source text,
        order_id text,
        member_id uuid NOT NULL,
        currency text NOT NULL,
        amount bigint NOT NULL,
        basis bigint NOT NULL,
        channel text NOT NULL,
        shop text NOT NULL,
        lines jsonb,
        tier text NOT NULL,
        is_first boolean NOT NULL,
        rounding text NOT NULL,
        returned bigint NOT NULL,
        returned_lines jsonb,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        body_hash bytea NOT NULL,
        CONSTRAINT pk_purchases PRIMARY KEY (source, order_id),
        CONSTRAINT ck_purchases_returned CHECK (returned BETWEEN 0 AND basis)
    ) WITH (fillfactor = 90)
    """,
    "CREATE INDEX ix_purchases_member_id_occurred_at ON purchases (member_id, occurred_at)",
    """
    CREATE TABLE accruals (
        kind text,
        source text,
        occasion_id text,
        wallet text,
        part integer,
        earned bigint NOT NULL,
        taken_back bigint NOT NULL,
        expires_at timestamptz,
        available_at timestamptz,
        waits text NOT NULL,
        shares json NOT NULL,
        by_line bigint[],
        CONSTRAINT pk_accruals PRIMARY KEY (kind, source, occasion_id, wallet, part),
        CONSTRAINT ck_accruals_taken_back CHECK (taken_back BETWEEN 0 AND earned)
    ) WITH (fillfactor = 90)
    """,
    """
    CREATE TABLE repricings (
        kind text,
        source text,
        occasion_id text,
        wallet text,
        part integer,
        number integer,
        reason text NOT NULL,
        previous_tier text NOT NULL,
        tier text NOT NULL,
        was_first boolean NOT NULL,
        is_first boolean NOT NULL,
        previous_earned bigint NOT NULL,
        earned bigint NOT NULL,
        points bigint NOT NULL,
        previous_shares json NOT NULL,
        recorded_at timestamptz NOT NULL,
        CONSTRAINT pk_repricings PRIMARY KEY (kind, source, occasion_id, wallet, part, number)
    )
    """,
)

ACTIVITIES = (
    """
    CREATE TABLE activities (
        source text,
        activity_id text,
        member_id uuid NOT NULL,
        activity text NOT NULL,
        fields jsonb NOT NULL,
        order_source text NOT NULL,
        order_id text NOT NULL,
        tier text NOT NULL,
        rounding text NOT NULL,
        taken_back boolean NOT NULL,
        unmet boolean NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        body_hash bytea NOT NULL,
        CONSTRAINT pk_activities PRIMARY KEY (source, activity_id)
    )
    """,
    "CREATE INDEX ix_activities_member_id_occurred_at ON activities (member_id, occurred_at)",
    "CREATE INDEX ix_activities_order ON activities (order_source, order_id) WHERE order_id <> ''",
    "CREATE INDEX ix_activities_unmet ON activities (recorded_at) WHERE unmet",
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
        lines jsonb,
        points bigint NOT NULL,
        shortfall bigint NOT NULL,
        state text NOT NULL
            CONSTRAINT ck_returns_state CHECK (state IN ('waiting', 'applied', 'review', 'refused', 'rejected')),
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
    """
    CREATE TABLE return_effects (
        source text,
        return_id text,
        number integer,
        member_id uuid NOT NULL,
        subject text NOT NULL,
        what text NOT NULL,
        before text NOT NULL,
        after text NOT NULL,
        recorded_at timestamptz NOT NULL,
        CONSTRAINT pk_return_effects PRIMARY KEY (source, return_id, number)
    )
    """,
)

# How rows travel into the database. A type is never altered: another shape of row is another type.
ROWS = (
    """
    CREATE TYPE purchase_row AS (
        source text, order_id text, member_id uuid, currency text, amount bigint, basis bigint, channel text, shop text,
        lines jsonb, tier text, is_first boolean, rounding text, returned bigint, returned_lines jsonb,
        occurred_at timestamptz, recorded_at timestamptz, body_hash bytea
    )
    """,
    """
    CREATE TYPE accrual_row AS (
        kind text, source text, occasion_id text, wallet text, part integer, earned bigint,
        taken_back bigint, expires_at timestamptz, available_at timestamptz, waits text, shares json, by_line bigint[]
    )
    """,
)

COMMENTS = {
    "purchases.member_id": "who bought; a merge does not change it",
    "purchases.amount": "minor units, goods before discount",
    "purchases.basis": "minor units",
    "purchases.lines": "[sku, category, quantity, net], NULL when not told",
    "purchases.tier": "that it was priced by",
    "purchases.is_first": "priced as the first purchase",
    "purchases.returned": "minor units",
    "purchases.returned_lines": "sku: [quantity, minor units]",
    "accruals.kind": "purchase or activity",
    "accruals.occasion_id": "order id or activity id",
    "accruals.part": "rules that wait and expire alike share one",
    "accruals.waits": "for which event, before it can be spent; or empty",
    "accruals.shares": "what each rule version gave, and why",
    "accruals.by_line": "earned, spread over the purchase's lines",
    "repricings.reason": "which fact changed",
    "repricings.points": "signed change of the net",
    "activities.member_id": "who did it; a merge does not change it",
    "activities.order_source": "the purchase it follows when that comes back, or empty",
    "activities.tier": "that it was priced by",
    "activities.taken_back": "its order came back wholly",
    "activities.unmet": "its order was not known when it came, and was not met by it since",
    "returns.member_id": "who bought; known once its purchase is",
    "returns.amount": "minor units",
    "returns.lines": "[sku, quantity, minor units], NULL when not told",
    "returns.points": "taken back of all wallets, shortfall included",
    "return_effects.subject": "wallet, debt, limit, badge, coupon, activity, purchase …",
}

APPEND_ONLY = ("repricings", "return_effects")


def upgrade() -> None:
    for statement in (*ACCRUALS, *ACTIVITIES, *RETURNS, *ROWS):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for table in APPEND_ONLY:
        framework.append_only(op, table)
