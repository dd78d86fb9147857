"""Members' facts, the ledger, and what checks it."""

from alembic import op

from common.storage import framework

revision = "0001"
down_revision = None

FACTS = (
    """
    CREATE TABLE members (
        member_id uuid CONSTRAINT pk_members PRIMARY KEY,
        revision bigint NOT NULL,
        status text NOT NULL,
        registered_at timestamptz,
        birthday text,
        tier_revision bigint NOT NULL,
        tier text NOT NULL,
        history_tiers text[] NOT NULL,
        history_since timestamptz[] NOT NULL,
        merged_into uuid,
        merged_at timestamptz
    )
    """,
    "CREATE INDEX ix_members_merged_into ON members (merged_into) WHERE merged_into IS NOT NULL",
    """
    CREATE TABLE segment_changes (
        member_id uuid,
        segment text,
        revision bigint,
        entered boolean NOT NULL,
        occurred_at timestamptz NOT NULL,
        CONSTRAINT pk_segment_changes PRIMARY KEY (member_id, segment, revision)
    )
    """,
)

LEDGER = (
    """
    CREATE TABLE wallets (
        member_id uuid,
        wallet text,
        sequence bigint NOT NULL,
        head bytea NOT NULL,
        balance bigint NOT NULL CONSTRAINT ck_wallets_balance CHECK (balance >= 0),
        debt bigint NOT NULL CONSTRAINT ck_wallets_debt CHECK (debt >= 0),
        pending bigint NOT NULL CONSTRAINT ck_wallets_pending CHECK (pending >= 0),
        held bigint NOT NULL CONSTRAINT ck_wallets_held CHECK (held >= 0),
        earliest_expiry timestamptz,
        earliest_release timestamptz,
        CONSTRAINT pk_wallets PRIMARY KEY (member_id, wallet)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX ix_wallets_earliest_expiry ON wallets (earliest_expiry) WHERE earliest_expiry IS NOT NULL",
    "CREATE INDEX ix_wallets_earliest_release ON wallets (earliest_release) WHERE earliest_release IS NOT NULL",
    """
    CREATE TABLE transfers (
        member_id uuid,
        wallet text,
        sequence bigint,
        from_account text NOT NULL,
        to_account text NOT NULL,
        points bigint NOT NULL CONSTRAINT ck_transfers_points CHECK (points > 0),
        balance bigint NOT NULL,
        debt bigint NOT NULL,
        pending bigint NOT NULL,
        held bigint NOT NULL,
        kind text NOT NULL,
        order_source text NOT NULL,
        order_id text NOT NULL,
        reference text NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        previous_hash bytea NOT NULL,
        hash bytea NOT NULL,
        CONSTRAINT pk_transfers PRIMARY KEY (member_id, wallet, sequence),
        CONSTRAINT ck_transfers_accounts CHECK (from_account <> to_account)
    )
    """,
    """
    CREATE TABLE lots (
        member_id uuid,
        wallet text,
        sequence bigint,
        points bigint NOT NULL CONSTRAINT ck_lots_points CHECK (points > 0),
        remaining bigint NOT NULL,
        earned_at timestamptz NOT NULL,
        expires_at timestamptz,
        order_source text NOT NULL,
        order_id text NOT NULL,
        available_at timestamptz,
        pending boolean NOT NULL,
        released bigint,
        waits text,
        CONSTRAINT pk_lots PRIMARY KEY (member_id, wallet, sequence),
        CONSTRAINT ck_lots_remaining CHECK (remaining BETWEEN 0 AND points)
    )
    """,
    """
    CREATE INDEX ix_lots_open ON lots (member_id, wallet, expires_at, earned_at, sequence) WHERE remaining > 0
    """,
    """
    CREATE TABLE lot_consumptions (
        member_id uuid,
        wallet text,
        sequence bigint,
        lot_sequence bigint,
        points bigint NOT NULL CONSTRAINT ck_lot_consumptions_points CHECK (points > 0),
        CONSTRAINT pk_lot_consumptions PRIMARY KEY (member_id, wallet, sequence, lot_sequence),
        CONSTRAINT fk_lot_consumptions_member_id_wallet_lot_sequence FOREIGN KEY (member_id, wallet, lot_sequence)
            REFERENCES lots (member_id, wallet, sequence)
    )
    """,
    """
    CREATE TABLE lot_restorations (
        member_id uuid,
        wallet text,
        sequence bigint,
        lot_sequence bigint,
        undone bigint NOT NULL,
        points bigint NOT NULL CONSTRAINT ck_lot_restorations_points CHECK (points > 0),
        renewed boolean NOT NULL,
        CONSTRAINT pk_lot_restorations PRIMARY KEY (member_id, wallet, sequence, lot_sequence),
        CONSTRAINT fk_lot_restorations_member_id_wallet_undone_lot_sequence
            FOREIGN KEY (member_id, wallet, undone, lot_sequence)
            REFERENCES lot_consumptions (member_id, wallet, sequence, lot_sequence)
    )
    """,
    "CREATE INDEX ix_lot_restorations_undone ON lot_restorations (member_id, wallet, undone)",
)

WALLET_TYPES = (
    """
    CREATE TABLE wallet_types (
        key text CONSTRAINT pk_wallet_types PRIMARY KEY,
        revision bigint NOT NULL,
        settings jsonb NOT NULL,
        updated_at timestamptz NOT NULL,
        updated_by text NOT NULL
    )
    """,
    """
    CREATE TABLE expiry_notices (
        member_id uuid,
        wallet text,
        expires_at timestamptz,
        days integer,
        points bigint NOT NULL,
        noticed_at timestamptz NOT NULL,
        CONSTRAINT pk_expiry_notices PRIMARY KEY (member_id, wallet, expires_at, days)
    )
    """,
)

CHECKS = (
    """
    CREATE TABLE wallet_checks (
        member_id uuid,
        wallet text,
        sequence bigint NOT NULL,
        balance bigint NOT NULL,
        debt bigint NOT NULL,
        pending bigint NOT NULL,
        held bigint NOT NULL,
        CONSTRAINT pk_wallet_checks PRIMARY KEY (member_id, wallet)
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE TABLE account_totals (
        wallet text,
        from_account text,
        to_account text,
        kind text,
        day date,
        transfers bigint NOT NULL,
        points bigint NOT NULL,
        CONSTRAINT pk_account_totals PRIMARY KEY (wallet, day, from_account, to_account, kind)
    )
    """,
    """
    CREATE TABLE ledger_checks (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_ledger_checks PRIMARY KEY,
        checked_at timestamptz NOT NULL,
        complete boolean NOT NULL,
        wallet text NOT NULL,
        transfers bigint NOT NULL,
        balance bigint NOT NULL,
        debt bigint NOT NULL,
        pending bigint NOT NULL,
        held bigint NOT NULL,
        lots bigint NOT NULL,
        issued bigint NOT NULL,
        clawed_back bigint NOT NULL,
        written_off bigint NOT NULL,
        expired bigint NOT NULL,
        redeemed bigint NOT NULL,
        difference bigint NOT NULL,
        problems jsonb NOT NULL
    )
    """,
    "CREATE INDEX ix_ledger_checks_wallet_checked_at ON ledger_checks (wallet, checked_at)",
)

# How rows travel into the database. A type is never altered: another shape of row is another type.
ROWS = (
    "CREATE TYPE order_key AS (source text, order_id text)",
    """
    CREATE TYPE transfer_row AS (
        member_id uuid, wallet text, sequence bigint, from_account text, to_account text, points bigint, balance bigint,
        debt bigint, pending bigint, held bigint, kind text, order_source text, order_id text, reference text,
        occurred_at timestamptz, recorded_at timestamptz, previous_hash bytea, hash bytea
    )
    """,
    """
    CREATE TYPE lot_row AS (
        member_id uuid, wallet text, sequence bigint, points bigint, remaining bigint, earned_at timestamptz,
        expires_at timestamptz, order_source text, order_id text, available_at timestamptz, pending boolean,
        released bigint, waits text
    )
    """,
    """
    CREATE TYPE wallet_row AS (
        member_id uuid, wallet text, sequence bigint, head bytea, balance bigint, debt bigint, pending bigint,
        held bigint, earliest_expiry timestamptz, earliest_release timestamptz
    )
    """,
)

COMMENTS = {
    "members.revision": "of the member; 0 while only its tier is known",
    "members.birthday": "sealed box, base64url; the key is in data_keys",
    "members.merged_into": "who holds the points now; NULL: the member",
    "segment_changes.revision": "of the member and the segment",
    "segment_changes.entered": "false: left",
    "members.tier_revision": "of the tier history; 0 while there is none",
    "wallets.sequence": "of the newest transfer",
    "wallets.head": "hash of the newest transfer",
    "wallets.balance": "sum of the lots' remainders, without those that wait",
    "wallets.pending": "sum of the remainders of lots that wait",
    "wallets.held": "reserved, in no lot",
    "transfers.balance": "of the member's wallet afterwards",
    "transfers.debt": "of the member afterwards",
    "transfers.reference": "a return's id, or empty",
    "transfers.pending": "of the member afterwards",
    "transfers.held": "of the member afterwards",
    "lot_consumptions.sequence": "of the debit",
    "lot_restorations.sequence": "of the transfer that gave back",
    "lot_restorations.undone": "sequence of the debit",
    "lot_restorations.renewed": "had expired meanwhile: the points are in the lot that was opened then",
    "lots.pending": "it waits",
    "lots.released": "sequence of the transfer that ended its waiting",
    "lots.waits": "for which event, before it can be spent",
    "lots.sequence": "of the credit that opened it",
    "wallet_checks.sequence": "of the last transfer that was folded",
    "wallet_checks.balance": "folded from transfers",
    "wallet_checks.debt": "folded from transfers",
    "wallet_checks.pending": "folded from transfers",
    "wallet_checks.held": "folded from transfers",
    "account_totals.day": "local day of what occurred, in the programme's zone",
    "ledger_checks.complete": "every transfer was read again",
    "ledger_checks.balance": "of all wallets",
    "ledger_checks.lots": "remainders of all lots, those that wait included",
    "ledger_checks.issued": "less what repricing took",
    "ledger_checks.difference": "sum over all accounts: 0",
}

APPEND_ONLY = ("transfers", "lot_consumptions", "lot_restorations")


def upgrade() -> None:
    framework.create(op)
    for statement in (*FACTS, *LEDGER, *WALLET_TYPES, *CHECKS, *ROWS):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for table in APPEND_ONLY:
        framework.append_only(op, table)
