"""Members' facts, the ledger, and what checks it."""

from alembic import op

from common.storage import framework

revision = "0001"
down_revision = None

FACTS = """
CREATE TABLE members (
    member_id uuid CONSTRAINT pk_members PRIMARY KEY,
    revision bigint NOT NULL,
    status text NOT NULL,
    registered_at timestamptz,
    tier_revision bigint NOT NULL,
    tier text NOT NULL,
    history_tiers text[] NOT NULL,
    history_since timestamptz[] NOT NULL
)
"""

LEDGER = (
    """
    CREATE TABLE wallets (
        member_id uuid,
        wallet text,
        sequence bigint NOT NULL,
        head bytea NOT NULL,
        balance bigint NOT NULL CONSTRAINT ck_wallets_balance CHECK (balance >= 0),
        debt bigint NOT NULL CONSTRAINT ck_wallets_debt CHECK (debt >= 0),
        earliest_expiry timestamptz,
        CONSTRAINT pk_wallets PRIMARY KEY (member_id, wallet)
    ) WITH (fillfactor = 70)
    """,
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
        CONSTRAINT pk_lots PRIMARY KEY (member_id, wallet, sequence),
        CONSTRAINT ck_lots_remaining CHECK (remaining BETWEEN 0 AND points)
    )
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
)

CHECKS = (
    """
    CREATE TABLE wallet_checks (
        member_id uuid,
        wallet text,
        sequence bigint NOT NULL,
        balance bigint NOT NULL,
        debt bigint NOT NULL,
        CONSTRAINT pk_wallet_checks PRIMARY KEY (member_id, wallet)
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE TABLE account_totals (
        wallet text,
        from_account text,
        to_account text,
        kind text,
        transfers bigint NOT NULL,
        points bigint NOT NULL,
        CONSTRAINT pk_account_totals PRIMARY KEY (wallet, from_account, to_account, kind)
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
        lots bigint NOT NULL,
        issued bigint NOT NULL,
        clawed_back bigint NOT NULL,
        written_off bigint NOT NULL,
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
        debt bigint, kind text, order_source text, order_id text, reference text, occurred_at timestamptz,
        recorded_at timestamptz, previous_hash bytea, hash bytea
    )
    """,
    """
    CREATE TYPE lot_row AS (
        member_id uuid, wallet text, sequence bigint, points bigint, remaining bigint, earned_at timestamptz,
        expires_at timestamptz, order_source text, order_id text
    )
    """,
    """
    CREATE TYPE wallet_row AS (
        member_id uuid, wallet text, sequence bigint, head bytea, balance bigint, debt bigint,
        earliest_expiry timestamptz
    )
    """,
)

COMMENTS = {
    "members.revision": "of the member; 0 while only its tier is known",
    "members.tier_revision": "of the tier history; 0 while there is none",
    "wallets.sequence": "of the newest transfer",
    "wallets.head": "hash of the newest transfer",
    "wallets.balance": "sum of the lots' remainders",
    "transfers.balance": "of the member's wallet afterwards",
    "transfers.debt": "of the member afterwards",
    "transfers.reference": "a return's id, or empty",
    "lot_consumptions.sequence": "of the debit",
    "lots.sequence": "of the credit that opened it",
    "wallet_checks.sequence": "of the last transfer that was folded",
    "wallet_checks.balance": "folded from transfers",
    "wallet_checks.debt": "folded from transfers",
    "ledger_checks.complete": "every transfer was read again",
    "ledger_checks.balance": "of all wallets",
    "ledger_checks.lots": "remainders of all lots",
    "ledger_checks.issued": "less what repricing took",
    "ledger_checks.difference": "sum over all accounts: 0",
}

APPEND_ONLY = ("transfers", "lot_consumptions")


def upgrade() -> None:
    framework.create(op)
    for statement in (FACTS, *LEDGER, *CHECKS, *ROWS):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for table in APPEND_ONLY:
        framework.append_only(op, table)
