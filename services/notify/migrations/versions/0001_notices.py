"""Templates, contacts, notices, their queue and attempts."""

from alembic import op

from common.storage import framework

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE templates (
    template_id uuid CONSTRAINT pk_templates PRIMARY KEY,
    key text NOT NULL,
    channel text NOT NULL,
    locale text NOT NULL,
    version integer NOT NULL CONSTRAINT ck_templates_version CHECK (version >= 1),
    state text NOT NULL CONSTRAINT ck_templates_state CHECK (state IN ('draft', 'published')),
    revision integer NOT NULL DEFAULT 1,
    subject text NOT NULL,
    text text NOT NULL,
    html text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    published_at timestamptz,
    published_by text,
    CONSTRAINT ck_templates_published CHECK ((state = 'published') = (published_at IS NOT NULL))
);
CREATE UNIQUE INDEX uq_templates_place_version ON templates (key, channel, locale, version);
CREATE UNIQUE INDEX uq_templates_one_draft ON templates (key, channel, locale) WHERE state = 'draft';

CREATE TABLE contacts (
    member_id uuid CONSTRAINT pk_contacts PRIMARY KEY,
    revision bigint NOT NULL,
    status text NOT NULL,
    locale text NOT NULL,
    time_zone text NOT NULL,
    inbox boolean NOT NULL,
    email boolean NOT NULL,
    sms boolean NOT NULL,
    wechat boolean NOT NULL,
    marketing boolean NOT NULL,
    box bytea,
    tier text NOT NULL DEFAULT '',
    tier_revision bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL
);

CREATE TABLE notices (
    notice_id uuid NOT NULL,
    member_id uuid NOT NULL,
    template text NOT NULL,
    template_id uuid,
    template_version integer NOT NULL,
    channel text NOT NULL,
    cause_source text NOT NULL,
    cause_id text NOT NULL,
    cause_type text NOT NULL,
    cause_time timestamptz NOT NULL,
    about text NOT NULL,
    facts jsonb NOT NULL,
    subject text,
    text text,
    state text NOT NULL CONSTRAINT ck_notices_state CHECK (state IN ('queued', 'sent', 'failed', 'suppressed')),
    reason text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    traceparent text NOT NULL,
    decided_at timestamptz NOT NULL,
    settled_at timestamptz,
    read_at timestamptz,
    CONSTRAINT pk_notices PRIMARY KEY (notice_id, member_id),
    CONSTRAINT ck_notices_settled CHECK ((state = 'queued') = (settled_at IS NULL))
);
CREATE UNIQUE INDEX uq_notices_cause ON notices (cause_id, cause_source, member_id, template, channel);
CREATE INDEX ix_notices_member ON notices (member_id, notice_id);
CREATE INDEX ix_notices_failed ON notices (notice_id) WHERE state = 'failed';

CREATE TABLE corrections (
    member_id uuid NOT NULL,
    wallet text NOT NULL,
    sequence bigint NOT NULL,
    order_source text NOT NULL,
    order_id text NOT NULL,
    clawed_back bigint NOT NULL,
    repriced bigint NOT NULL,
    balance bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_corrections PRIMARY KEY (member_id, wallet, sequence)
);
CREATE INDEX ix_corrections_order ON corrections (member_id, order_source, order_id);

CREATE TABLE things (
    kind text NOT NULL,
    key text NOT NULL,
    state text NOT NULL,
    at timestamptz NOT NULL,
    rank integer NOT NULL,
    CONSTRAINT pk_things PRIMARY KEY (kind, key)
);

CREATE TABLE balances (
    member_id uuid NOT NULL,
    wallet text NOT NULL,
    sequence bigint NOT NULL,
    balance bigint NOT NULL,
    debt bigint NOT NULL,
    CONSTRAINT pk_balances PRIMARY KEY (member_id, wallet)
) WITH (fillfactor = 80);

CREATE TABLE deliveries (
    notice_id uuid NOT NULL,
    member_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    lease uuid,
    tries integer NOT NULL DEFAULT 0,
    CONSTRAINT pk_deliveries PRIMARY KEY (notice_id, member_id)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ix_deliveries_due_at ON deliveries (due_at);

CREATE TABLE attempts (
    attempt_id uuid NOT NULL,
    member_id uuid NOT NULL,
    notice_id uuid NOT NULL,
    channel text NOT NULL,
    provider text NOT NULL,
    outcome text NOT NULL
        CONSTRAINT ck_attempts_outcome CHECK (outcome IN ('sent', 'temporary', 'permanent', 'unknown')),
    code integer NOT NULL,
    answer text NOT NULL,
    started_at timestamptz NOT NULL,
    duration_ms integer NOT NULL,
    CONSTRAINT pk_attempts PRIMARY KEY (attempt_id, member_id),
    CONSTRAINT fk_attempts_notice_id FOREIGN KEY (notice_id, member_id) REFERENCES notices (notice_id, member_id)
);
CREATE INDEX ix_attempts_notice_id ON attempts (notice_id);
"""

COMMENTS = {
    "deliveries.lease": "who is sending it now; until due_at",
    "deliveries.tries": "in this round",
    "attempts.provider": "host and port of the mail server",
    "attempts.outcome": "sent, temporary, permanent, unknown",
    "attempts.code": "answer of the provider, 0 for none",
    "notices.template_id": "NULL when none was published",
    "notices.about": "order or other thing it speaks of",
    "notices.subject": "as shown in the inbox; NULL for e-mail, which holds personal data",
    "notices.state": "queued, sent, failed, suppressed",
    "notices.reason": "why it was suppressed or failed",
    "corrections.sequence": "place in the ledger of the member",
    "things.kind": "coupon, reward_order, badge",
    "things.state": "the latest that is known",
    "things.rank": "of two of the same instant the higher is later",
    "balances.sequence": "of the latest movement that is known",
    "contacts.revision": "of the member; the highest one is kept",
    "contacts.box": "sealed contact",
    "contacts.tier": "of the highest tier revision known",
    "templates.key": "the occasion",
    "templates.state": "draft, published",
    "templates.revision": "edits of the draft",
}

GUARD = """
CREATE FUNCTION refuse_change_of_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'published' THEN
        RAISE EXCEPTION 'version % of template %/%/% is published: % refused',
            OLD.version, OLD.key, OLD.channel, OLD.locale, TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$
"""


def upgrade() -> None:
    framework.create(op)
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER templates_published BEFORE UPDATE OR DELETE ON templates "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change_of_published()"
    )
    framework.append_only(op, "attempts")


def downgrade() -> None:
    raise NotImplementedError("a database goes forward only; restore a backup")
