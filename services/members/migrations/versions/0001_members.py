"""Members and what identifies them, their standings, purchases, the programme's history, staff, clients, keys."""

from alembic import op

from common.storage import framework

revision = "0001"
down_revision = None

REGISTRY = (
    """
    CREATE TABLE members (
        member_id uuid CONSTRAINT pk_members PRIMARY KEY,
        revision bigint NOT NULL,
        status text NOT NULL,
        registered_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        channel text NOT NULL,
        region text NOT NULL,
        gender text NOT NULL,
        preferences jsonb NOT NULL,
        profile text NOT NULL
    )
    """,
    "COMMENT ON COLUMN members.profile IS 'sealed: name, phone, email, birthday, address, numbers'",
    "CREATE INDEX ix_members_registered_at_member_id ON members (registered_at, member_id)",
    "CREATE INDEX ix_members_region_registered_at_member_id ON members (region, registered_at, member_id)",
    "CREATE INDEX ix_members_channel_registered_at_member_id ON members (channel, registered_at, member_id)",
    """
    CREATE TABLE member_changes (
        member_id uuid,
        revision bigint,
        at timestamptz NOT NULL,
        actor text NOT NULL,
        actor_kind text NOT NULL,
        action text NOT NULL,
        values text,
        CONSTRAINT pk_member_changes PRIMARY KEY (member_id, revision)
    )
    """,
    "COMMENT ON COLUMN member_changes.action IS 'registered, changed'",
    "COMMENT ON COLUMN member_changes.values IS 'sealed: field to before and after'",
    """
    CREATE TABLE identities (
        digest bytea CONSTRAINT pk_identities PRIMARY KEY,
        kind text NOT NULL,
        system text NOT NULL DEFAULT '',
        member_id uuid NOT NULL,
        claimed_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON COLUMN identities.digest IS 'blind index of kind, system and value'",
    "CREATE INDEX ix_identities_member_id ON identities (member_id)",
)

TIERS = (
    """
    CREATE TABLE standings (
        member_id uuid CONSTRAINT pk_standings PRIMARY KEY,
        joined_at timestamptz NOT NULL,
        tier text NOT NULL,
        since timestamptz NOT NULL,
        revision bigint NOT NULL,
        history text NOT NULL,
        rules_revision bigint NOT NULL,
        next_review_at timestamptz
    ) WITH (fillfactor = 80)
    """,
    "COMMENT ON COLUMN standings.revision IS 'counts the histories that were told'",
    "COMMENT ON COLUMN standings.history IS 'JSON: [tier, since, reason], in order'",
    "CREATE INDEX ix_standings_next_review_at ON standings (next_review_at)",
    "CREATE INDEX ix_standings_rules_revision ON standings (rules_revision)",
    "CREATE INDEX ix_standings_tier ON standings (tier)",
    """
    CREATE TABLE tier_rules (
        revision bigint CONSTRAINT pk_tier_rules PRIMARY KEY,
        since timestamptz,
        window_days integer NOT NULL,
        falls boolean NOT NULL,
        with_tax boolean NOT NULL,
        with_delivery boolean NOT NULL,
        tiers jsonb NOT NULL,
        decided_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON COLUMN tier_rules.revision IS 'of the programme'",
    "COMMENT ON COLUMN tier_rules.window_days IS '0 counts the whole life'",
    """
    CREATE TABLE reviews_wanted (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_reviews_wanted PRIMARY KEY,
        member_id uuid NOT NULL
    )
    """,
)

PURCHASES = (
    """
    CREATE TABLE purchases (
        source text,
        order_id text,
        member_id uuid NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        currency varchar(3) NOT NULL,
        amount bigint NOT NULL CONSTRAINT ck_purchases_amount CHECK (amount >= 0),
        discount bigint NOT NULL CONSTRAINT ck_purchases_discount CHECK (discount BETWEEN 0 AND amount),
        tax bigint NOT NULL,
        delivery bigint NOT NULL,
        basis bigint NOT NULL,
        channel text NOT NULL,
        shop text NOT NULL,
        lines jsonb NOT NULL,
        body_hash bytea NOT NULL,
        event_id text NOT NULL,
        trace_id varchar(32) NOT NULL,
        CONSTRAINT pk_purchases PRIMARY KEY (source, order_id)
    )
    """,
    "COMMENT ON COLUMN purchases.amount IS 'goods before discount, minor units'",
    "COMMENT ON COLUMN purchases.basis IS 'what can come back: net goods, tax and delivery by switch'",
    "CREATE INDEX ix_purchases_member_id_occurred_at ON purchases (member_id, occurred_at)",
    """
    CREATE TABLE returns (
        source text,
        return_id text,
        order_source text NOT NULL,
        order_id text NOT NULL,
        member_id uuid,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        settled_at timestamptz,
        currency varchar(3) NOT NULL,
        amount bigint NOT NULL CONSTRAINT ck_returns_amount CHECK (amount > 0),
        state text NOT NULL CONSTRAINT ck_returns_state CHECK (state IN ('waiting', 'applied', 'refused')),
        refusal text NOT NULL,
        reason text NOT NULL,
        lines jsonb NOT NULL,
        body_hash bytea NOT NULL,
        event_id text NOT NULL,
        trace_id varchar(32) NOT NULL,
        CONSTRAINT pk_returns PRIMARY KEY (source, return_id),
        CONSTRAINT ck_returns_waiting CHECK ((member_id IS NULL) = (state = 'waiting'))
    )
    """,
    "COMMENT ON COLUMN returns.member_id IS 'known once its purchase is'",
    "COMMENT ON COLUMN returns.refusal IS 'why it was refused'",
    "COMMENT ON COLUMN returns.reason IS 'why it was given back'",
    "CREATE INDEX ix_returns_order_source_order_id ON returns (order_source, order_id)",
    "CREATE INDEX ix_returns_member_id ON returns (member_id, occurred_at) WHERE state = 'applied'",
    "CREATE INDEX ix_returns_waiting ON returns (order_source, order_id) WHERE state = 'waiting'",
    """
    CREATE TABLE submissions (
        kind text,
        source text,
        key text,
        body_hash bytea NOT NULL,
        event_id text NOT NULL,
        submitted_by text NOT NULL,
        submitted_at timestamptz NOT NULL,
        CONSTRAINT pk_submissions PRIMARY KEY (kind, source, key)
    )
    """,
    "COMMENT ON COLUMN submissions.kind IS 'purchase or return'",
    "COMMENT ON COLUMN submissions.key IS 'order_id or return_id'",
    """
    CREATE TABLE resolutions (
        source text,
        order_id text,
        body_hash bytea NOT NULL,
        member_id uuid NOT NULL,
        resolved_at timestamptz NOT NULL,
        CONSTRAINT pk_resolutions PRIMARY KEY (source, order_id)
    )
    """,
)

PEOPLE = (
    """
    CREATE TABLE programme_history (
        revision bigint CONSTRAINT pk_programme_history PRIMARY KEY,
        at timestamptz NOT NULL,
        actor text NOT NULL,
        actor_kind text NOT NULL,
        changed text[] NOT NULL,
        before jsonb,
        after jsonb NOT NULL
    )
    """,
    """
    CREATE TABLE staff_accounts (
        staff_id uuid CONSTRAINT pk_staff_accounts PRIMARY KEY,
        revision bigint NOT NULL,
        email text NOT NULL,
        name text NOT NULL,
        role text NOT NULL,
        active boolean NOT NULL,
        password_hash text NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        last_login_at timestamptz
    )
    """,
    "CREATE UNIQUE INDEX uq_staff_accounts_email ON staff_accounts (email)",
    """
    CREATE TABLE login_attempts (
        digest bytea CONSTRAINT pk_login_attempts PRIMARY KEY,
        failures integer NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON COLUMN login_attempts.digest IS 'SHA-256 of the e-mail address, known or not'",
    "CREATE INDEX ix_login_attempts_expires_at ON login_attempts (expires_at)",
    """
    CREATE TABLE pins (
        member_id uuid CONSTRAINT pk_pins PRIMARY KEY,
        hash text NOT NULL,
        tries integer NOT NULL,
        locks integer NOT NULL,
        locked_until timestamptz,
        changed_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON COLUMN pins.hash IS 'argon2id'",
    "COMMENT ON COLUMN pins.tries IS 'since the last right one or lock'",
    "COMMENT ON COLUMN pins.locks IS 'in a row: each is twice as long as the one before'",
    """
    CREATE TABLE clients (
        client_id text CONSTRAINT pk_clients PRIMARY KEY,
        revision bigint NOT NULL,
        name text NOT NULL,
        roles text[] NOT NULL,
        permissions text[],
        source text,
        active boolean NOT NULL,
        secret_hash bytea NOT NULL,
        previous_secret_hash bytea,
        previous_valid_until timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON COLUMN clients.permissions IS 'narrows what the roles may do; null: everything'",
    "COMMENT ON COLUMN clients.source IS 'hands in purchases for this source, and what lies below it'",
    """
    CREATE TABLE signing_keys (
        kid text CONSTRAINT pk_signing_keys PRIMARY KEY,
        public jsonb NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL,
        signs_from timestamptz NOT NULL,
        retires_at timestamptz
    )
    """,
)


def upgrade() -> None:
    framework.create(op)
    for statement in (*REGISTRY, *TIERS, *PURCHASES, *PEOPLE):
        op.execute(statement)
    for table in ("member_changes", "programme_history"):
        framework.append_only(op, table)
