"""Holds and redemptions, adjustments, transfers between members, merges."""

from alembic import op

from common.storage import framework

revision = "0005"
down_revision = "0004"

POLICIES = """
CREATE TABLE movement_policies (
    kind text,
    revision bigint,
    settings jsonb NOT NULL,
    set_at timestamptz NOT NULL,
    set_by text NOT NULL,
    CONSTRAINT pk_movement_policies PRIMARY KEY (kind, revision)
)
"""

REDEMPTIONS = (
    """
    CREATE TABLE redemptions (
        redemption_id uuid CONSTRAINT pk_redemptions PRIMARY KEY,
        member_id uuid NOT NULL,
        wallet text NOT NULL,
        source text NOT NULL,
        reference text NOT NULL,
        body_hash bytea NOT NULL,
        state text NOT NULL,
        held bigint NOT NULL,
        points bigint NOT NULL,
        given_back bigint NOT NULL,
        order_id text NOT NULL,
        currency text NOT NULL,
        order_amount bigint,
        value bigint,
        policy_revision bigint NOT NULL,
        debit_sequence bigint NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        expires_at timestamptz,
        settled_at timestamptz,
        CONSTRAINT ck_redemptions_held CHECK (held > 0),
        CONSTRAINT ck_redemptions_points CHECK (points BETWEEN 0 AND held),
        CONSTRAINT ck_redemptions_given_back CHECK (given_back BETWEEN 0 AND points)
    )
    """,
    """
    CREATE UNIQUE INDEX ux_redemptions_source_reference ON redemptions (source, reference) WHERE reference <> ''
    """,
    "CREATE INDEX ix_redemptions_member_id_created_at ON redemptions (member_id, created_at)",
    "CREATE INDEX ix_redemptions_expires_at ON redemptions (expires_at) WHERE state = 'held'",
    "CREATE INDEX ix_redemptions_order ON redemptions (source, order_id) WHERE order_id <> ''",
    """
    CREATE TABLE redemption_lines (
        redemption_id uuid,
        number integer,
        sku text NOT NULL,
        amount bigint NOT NULL,
        points bigint NOT NULL,
        value bigint NOT NULL,
        given_back bigint NOT NULL,
        CONSTRAINT pk_redemption_lines PRIMARY KEY (redemption_id, number),
        CONSTRAINT fk_redemption_lines_redemption_id FOREIGN KEY (redemption_id)
            REFERENCES redemptions (redemption_id),
        CONSTRAINT ck_redemption_lines_given_back CHECK (given_back BETWEEN 0 AND points)
    )
    """,
    """
    CREATE TABLE redemption_returns (
        redemption_id uuid,
        number integer,
        reference text NOT NULL,
        body_hash bytea NOT NULL,
        points bigint NOT NULL,
        restored bigint NOT NULL,
        renewed bigint NOT NULL,
        repaid bigint NOT NULL,
        grace_until timestamptz,
        lines integer[] NOT NULL,
        line_points bigint[] NOT NULL,
        reason text NOT NULL,
        sequence bigint NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        CONSTRAINT pk_redemption_returns PRIMARY KEY (redemption_id, number),
        CONSTRAINT fk_redemption_returns_redemption_id FOREIGN KEY (redemption_id)
            REFERENCES redemptions (redemption_id),
        CONSTRAINT ck_redemption_returns_points CHECK (points > 0)
    )
    """,
    """
    CREATE UNIQUE INDEX ux_redemption_returns_redemption_id_reference ON redemption_returns (redemption_id, reference)
        WHERE reference <> ''
    """,
    """
    CREATE TABLE used_grants (
        grant_id text CONSTRAINT pk_used_grants PRIMARY KEY,
        member_id uuid NOT NULL,
        redemption_id uuid NOT NULL,
        max_points bigint NOT NULL,
        expires_at timestamptz NOT NULL,
        used_at timestamptz NOT NULL
    )
    """,
)

ADJUSTMENTS = (
    """
    CREATE TABLE adjustments (
        adjustment_id uuid CONSTRAINT pk_adjustments PRIMARY KEY,
        member_id uuid NOT NULL,
        wallet text NOT NULL,
        kind text NOT NULL,
        points bigint NOT NULL,
        reason text NOT NULL,
        note text NOT NULL,
        expires_at timestamptz,
        allow_debt boolean NOT NULL,
        reverses uuid,
        state text NOT NULL,
        sequence bigint NOT NULL,
        shortfall bigint NOT NULL,
        asked_at timestamptz NOT NULL,
        asked_by text NOT NULL,
        decided_at timestamptz,
        decided_by text NOT NULL,
        decision_note text NOT NULL,
        reversed_by uuid,
        CONSTRAINT ck_adjustments_points CHECK (points > 0)
    )
    """,
    "CREATE INDEX ix_adjustments_member_id_asked_at ON adjustments (member_id, asked_at)",
    "CREATE INDEX ix_adjustments_state_asked_at ON adjustments (state, asked_at)",
)

GIFTS = (
    """
    CREATE TABLE gifts (
        gift_id uuid CONSTRAINT pk_gifts PRIMARY KEY,
        member_id uuid NOT NULL,
        recipient_id uuid NOT NULL,
        wallet text NOT NULL,
        points bigint NOT NULL,
        message text NOT NULL,
        state text NOT NULL,
        debit_sequence bigint NOT NULL,
        credit_sequences bigint[] NOT NULL,
        taken_back bigint NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        undone_at timestamptz,
        undone_by text NOT NULL,
        CONSTRAINT ck_gifts_points CHECK (points > 0),
        CONSTRAINT ck_gifts_taken_back CHECK (taken_back BETWEEN 0 AND points),
        CONSTRAINT ck_gifts_self CHECK (member_id <> recipient_id)
    )
    """,
    "CREATE INDEX ix_gifts_member_id_created_at ON gifts (member_id, created_at)",
    "CREATE INDEX ix_gifts_recipient_id_created_at ON gifts (recipient_id, created_at)",
)

MERGES = (
    """
    CREATE TABLE merges (
        merge_id uuid CONSTRAINT pk_merges PRIMARY KEY,
        member_id uuid NOT NULL,
        absorbed_member_id uuid NOT NULL,
        state text NOT NULL,
        occurred_at timestamptz NOT NULL,
        merged_at timestamptz NOT NULL,
        merged_by text NOT NULL,
        undone_at timestamptz,
        undone_by text NOT NULL,
        CONSTRAINT ck_merges_self CHECK (member_id <> absorbed_member_id)
    )
    """,
    "CREATE UNIQUE INDEX ux_merges_absorbed_member_id ON merges (absorbed_member_id) WHERE state = 'merged'",
    "CREATE INDEX ix_merges_member_id_merged_at ON merges (member_id, merged_at)",
    """
    CREATE TABLE merge_moves (
        merge_id uuid,
        number integer,
        wallet text NOT NULL,
        kind text NOT NULL,
        points bigint NOT NULL,
        out_sequence bigint NOT NULL,
        in_sequence bigint NOT NULL,
        earned_at timestamptz,
        expires_at timestamptz,
        order_source text NOT NULL,
        order_id text NOT NULL,
        moved_at timestamptz NOT NULL,
        gave_back bigint NOT NULL,
        CONSTRAINT pk_merge_moves PRIMARY KEY (merge_id, number),
        CONSTRAINT fk_merge_moves_merge_id FOREIGN KEY (merge_id) REFERENCES merges (merge_id),
        CONSTRAINT ck_merge_moves_points CHECK (points > 0),
        CONSTRAINT ck_merge_moves_gave_back CHECK (gave_back BETWEEN 0 AND points)
    )
    """,
)

COMMENTS = {
    "movement_policies.kind": "redemption, adjustment, gift",
    "redemptions.source": "of the caller's natural key; its reference is empty where it gave none",
    "redemptions.state": "held, cancelled, expired, confirmed, given_back",
    "redemptions.held": "points that were asked for",
    "redemptions.points": "points that were redeemed",
    "redemptions.value": "minor units that the points are worth in the order",
    "redemptions.debit_sequence": "of the transfer that took the points out of the wallet",
    "redemption_lines.amount": "minor units",
    "redemption_returns.repaid": "of all points given back: went into debt at once",
    "adjustments.kind": "credit, debit, write_off, reversal",
    "adjustments.state": "pending, posted, rejected",
    "adjustments.sequence": "of its first transfer, 0 while there is none",
    "gifts.state": "given, undone, undone_in_part",
    "merges.state": "merged, undone",
    "merge_moves.kind": "lot, pending, debt",
    "merge_moves.out_sequence": "of the transfer out of the absorbed member",
    "merge_moves.in_sequence": "of the transfer into the survivor",
}

APPEND_ONLY = ("movement_policies", "redemption_returns", "used_grants")


def upgrade() -> None:
    for statement in (POLICIES, *REDEMPTIONS, *ADJUSTMENTS, *GIFTS, *MERGES):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for table in APPEND_ONLY:
        framework.append_only(op, table)
