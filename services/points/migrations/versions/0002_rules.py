"""Earning rules: drafts, published versions, and what became of each rule; with the first one."""

from alembic import op

from common.storage import framework

revision = "0002"
down_revision = "0001"

RULES = (
    """
    CREATE TABLE rule_drafts (
        rule text CONSTRAINT pk_rule_drafts PRIMARY KEY,
        revision bigint NOT NULL,
        definition jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        updated_at timestamptz NOT NULL,
        updated_by text NOT NULL
    )
    """,
    """
    CREATE TABLE earning_rules (
        rule text,
        version integer,
        wallet text NOT NULL,
        definition jsonb NOT NULL,
        effective_from timestamptz NOT NULL,
        published_at timestamptz NOT NULL,
        published_by text NOT NULL,
        CONSTRAINT pk_earning_rules PRIMARY KEY (rule, version)
    )
    """,
    """
    CREATE TABLE rule_changes (
        number bigint CONSTRAINT pk_rule_changes PRIMARY KEY,
        change uuid NOT NULL,
        rule text NOT NULL,
        version integer NOT NULL,
        action text NOT NULL CONSTRAINT ck_rule_changes_action CHECK (action IN ('published', 'retired')),
        effective_at timestamptz NOT NULL,
        reason text NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL
    )
    """,
    "CREATE INDEX ix_rule_changes_rule_number ON rule_changes (rule, number)",
    # One point per 1.00 for everybody, from long before any purchase.
    """
    INSERT INTO earning_rules (rule, version, wallet, definition, effective_from, published_at, published_by)
    VALUES (
        'purchase_rate', 1, 'points',
        '{"names": {"zh-CN": "消费积分", "en": "Points for purchases"},
          "effect": {"kind": "rate", "points": 1, "per_minor_units": 100}}',
        '1800-01-01 00:00+00', now(), 'migrate'
    )
    """,
    """
    INSERT INTO rule_changes (
        number, change, rule, version, action, effective_at, reason, recorded_at, recorded_by
    )
    SELECT 1, gen_random_uuid(), rule, version, 'published', effective_from, '', published_at, published_by
    FROM earning_rules
    """,
)

COMMENTS = {
    "rule_changes.number": "1, 2, 3 … over all rules",
    "rule_changes.change": "the newest one names the state of the whole book",
    "rule_changes.version": "the newest one then",
}

APPEND_ONLY = ("earning_rules", "rule_changes")


def upgrade() -> None:
    for statement in RULES:
        # a colon of JSON begins no parameter
        op.execute(statement.replace('": ', '"\\: '))
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for table in APPEND_ONLY:
        framework.append_only(op, table)
