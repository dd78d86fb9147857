"""Coupon templates, pools, coupons."""

from alembic import op

from common.storage import framework

revision = "0007"
down_revision = "0006"

TEMPLATES = (
    """
    CREATE TABLE coupon_templates (
        template text CONSTRAINT pk_coupon_templates PRIMARY KEY,
        state text NOT NULL CONSTRAINT ck_coupon_templates_state CHECK (state IN ('draft', 'active', 'archived')),
        version integer NOT NULL,
        revision bigint NOT NULL,
        draft jsonb,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        CONSTRAINT ck_coupon_templates_version CHECK (version > 0 OR state = 'draft')
    )
    """,
    """
    CREATE TABLE coupon_template_versions (
        template text,
        version integer,
        terms jsonb NOT NULL,
        activated_at timestamptz NOT NULL,
        activated_by text NOT NULL,
        CONSTRAINT pk_coupon_template_versions PRIMARY KEY (template, version)
    )
    """,
)

POOLS = (
    """
    CREATE TABLE coupon_pools (
        pool text CONSTRAINT pk_coupon_pools PRIMARY KEY,
        name text NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL
    )
    """,
    """
    CREATE TABLE coupon_pool_batches (
        pool text,
        batch text,
        fingerprint bytea NOT NULL,
        codes integer NOT NULL,
        imported_at timestamptz NOT NULL,
        imported_by text NOT NULL,
        CONSTRAINT pk_coupon_pool_batches PRIMARY KEY (pool, batch)
    )
    """,
    """
    CREATE TABLE coupon_pool_codes (
        position bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_coupon_pool_codes PRIMARY KEY,
        pool text NOT NULL,
        batch text NOT NULL,
        code_index bytea NOT NULL,
        code_sealed bytea NOT NULL,
        key_id text NOT NULL,
        state text NOT NULL CONSTRAINT ck_coupon_pool_codes_state CHECK (state IN ('free', 'given', 'withdrawn')),
        coupon_id uuid,
        given_at timestamptz,
        CONSTRAINT ck_coupon_pool_codes_given CHECK ((state = 'given') = (coupon_id IS NOT NULL))
    )
    """,
    "CREATE UNIQUE INDEX uq_coupon_pool_codes_code_index ON coupon_pool_codes (code_index)",
    """
    CREATE UNIQUE INDEX uq_coupon_pool_codes_coupon_id ON coupon_pool_codes (coupon_id) WHERE coupon_id IS NOT NULL
    """,
    "CREATE INDEX ix_coupon_pool_codes_free ON coupon_pool_codes (pool, position) WHERE state = 'free'",
    "CREATE INDEX ix_coupon_pool_codes_pool_position ON coupon_pool_codes (pool, position)",
)

COUPONS = (
    """
    CREATE TABLE coupons (
        coupon_id uuid CONSTRAINT pk_coupons PRIMARY KEY,
        template text NOT NULL,
        version integer NOT NULL,
        kind text NOT NULL,
        name text NOT NULL,
        member_id uuid NOT NULL,
        state text NOT NULL
            CONSTRAINT ck_coupons_state CHECK (state IN ('active', 'locked', 'used', 'expired', 'revoked')),
        reason text NOT NULL,
        reference text NOT NULL,
        cause_source text NOT NULL,
        cause_order text NOT NULL,
        pool text NOT NULL,
        issued_at timestamptz NOT NULL,
        valid_from timestamptz NOT NULL,
        expires_at timestamptz,
        notice_at timestamptz,
        order_source text NOT NULL,
        order_id text NOT NULL,
        used_by uuid,
        locked_until timestamptz,
        used_at timestamptz,
        discount bigint NOT NULL CONSTRAINT ck_coupons_discount CHECK (discount >= 0),
        currency text NOT NULL,
        answer jsonb,
        code_index bytea NOT NULL,
        code_sealed bytea NOT NULL,
        key_id text NOT NULL,
        CONSTRAINT ck_coupons_on_order CHECK ((state IN ('locked', 'used')) = (order_id <> '')),
        CONSTRAINT ck_coupons_locked CHECK ((state = 'locked') = (locked_until IS NOT NULL)),
        CONSTRAINT ck_coupons_used CHECK ((state = 'used') = (used_at IS NOT NULL))
    ) WITH (fillfactor = 80)
    """,
    "CREATE UNIQUE INDEX uq_coupons_code_index ON coupons (code_index)",
    """
    CREATE UNIQUE INDEX uq_coupons_reference ON coupons (member_id, template, reason, reference) WHERE reference <> ''
    """,
    "CREATE INDEX ix_coupons_member_id_issued_at_coupon_id ON coupons (member_id, issued_at, coupon_id)",
    "CREATE INDEX ix_coupons_template_coupon_id ON coupons (template, coupon_id)",
    "CREATE INDEX ix_coupons_on_order ON coupons (order_source, order_id) WHERE order_id <> ''",
    "CREATE INDEX ix_coupons_cause ON coupons (cause_source, cause_order) WHERE cause_order <> ''",
    "CREATE INDEX ix_coupons_expiring ON coupons (expires_at) WHERE state = 'active' AND expires_at IS NOT NULL",
    "CREATE INDEX ix_coupons_notices ON coupons (notice_at) WHERE state = 'active' AND notice_at IS NOT NULL",
    "CREATE INDEX ix_coupons_locks ON coupons (locked_until) WHERE state = 'locked'",
    "CREATE INDEX ix_coupons_key_id ON coupons (key_id)",
    """
    CREATE TABLE coupon_counts (
        template text,
        member_id uuid,
        issued bigint NOT NULL CONSTRAINT ck_coupon_counts_issued CHECK (issued >= 0),
        used bigint NOT NULL CONSTRAINT ck_coupon_counts_used CHECK (used >= 0),
        CONSTRAINT pk_coupon_counts PRIMARY KEY (template, member_id)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE coupon_history (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_coupon_history PRIMARY KEY,
        coupon_id uuid NOT NULL,
        at timestamptz NOT NULL,
        what text NOT NULL,
        order_source text NOT NULL,
        order_id text NOT NULL,
        discount bigint NOT NULL,
        why text NOT NULL
    )
    """,
    "CREATE INDEX ix_coupon_history_coupon_id_id ON coupon_history (coupon_id, id)",
    """
    CREATE TABLE coupon_tries (
        who text,
        window_start timestamptz,
        wrong integer NOT NULL,
        CONSTRAINT pk_coupon_tries PRIMARY KEY (who, window_start)
    )
    """,
    "CREATE INDEX ix_coupon_tries_window_start ON coupon_tries (window_start)",
)

BATCHES = (
    """
    CREATE TABLE coupon_batches (
        batch_id uuid CONSTRAINT pk_coupon_batches PRIMARY KEY,
        template text NOT NULL,
        audience text NOT NULL
            CONSTRAINT ck_coupon_batches_audience CHECK (audience IN ('members', 'all', 'tier', 'segment')),
        chosen text NOT NULL,
        state text NOT NULL CONSTRAINT ck_coupon_batches_state
            CHECK (state IN ('collecting', 'running', 'paused', 'cancelled', 'done', 'failed')),
        total bigint NOT NULL,
        issued bigint NOT NULL,
        failed bigint NOT NULL,
        reached uuid,
        why text NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        changed_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX ix_coupon_batches_running ON coupon_batches (created_at, batch_id) WHERE state = 'running'",
    "CREATE INDEX ix_coupon_batches_created_at_batch_id ON coupon_batches (created_at, batch_id)",
    """
    CREATE TABLE coupon_batch_members (
        batch_id uuid CONSTRAINT fk_coupon_batch_members_batch_id REFERENCES coupon_batches,
        member_id uuid,
        CONSTRAINT pk_coupon_batch_members PRIMARY KEY (batch_id, member_id)
    )
    """,
    """
    CREATE TABLE coupon_batch_errors (
        batch_id uuid CONSTRAINT fk_coupon_batch_errors_batch_id REFERENCES coupon_batches,
        member_id uuid,
        code text NOT NULL,
        message text NOT NULL,
        CONSTRAINT pk_coupon_batch_errors PRIMARY KEY (batch_id, member_id)
    )
    """,
)

COMMENTS = {
    "coupon_templates.version": "the one that is issued; 0 before the first activation",
    "coupon_templates.draft": "terms of the next version",
    "coupon_pool_batches.fingerprint": "keyed hash of its codes",
    "coupon_pool_codes.code_index": "keyed hash of the code",
    "coupon_pool_codes.key_id": "master key that seals it",
    "coupons.cause_source": "the purchase it was given for, or empty",
    "coupons.pool": "where its code is from; empty: an own code",
    "coupons.order_source": "the order it is locked for or was used on",
    "coupons.used_by": "the member who holds the order, if known",
    "coupons.discount": "minor units",
    "coupons.answer": "its part of the order: discount per line, gifts",
    "coupons.code_index": "keyed hash of the code",
    "coupons.key_id": "master key that seals the code",
    "coupon_counts.member_id": "all zeros: the total, if limited; all ones: nobody known",
    "coupon_counts.issued": "less those taken back",
    "coupon_counts.used": "locked or used, less those given back",
    "coupon_history.what": "issued, locked, released, used, returned, revoked, expired",
    "coupon_history.discount": "minor units",
    "coupon_tries.who": "caller:<subject>, device:<caller>:<device> or member:<id>",
    "coupon_batches.chosen": "the tier or segment",
    "coupon_batches.total": "members of the audience when it began",
    "coupon_batches.reached": "the last member that was looked at",
}


def upgrade() -> None:
    for statement in (*TEMPLATES, *POOLS, *COUPONS, *BATCHES):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''").replace(":", "\\:")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for table in ("coupon_template_versions", "coupon_history"):
        framework.append_only(op, table)
