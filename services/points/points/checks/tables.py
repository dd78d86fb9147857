"""What the ledger check has folded so far, and what each check found."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Identity, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from common.storage.tables import instant
from points.database import metadata

wallet_checks = Table(
    "wallet_checks",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="of the last transfer that was folded"),
    Column("balance", BigInteger, nullable=False, comment="folded from transfers"),
    Column("debt", BigInteger, nullable=False, comment="folded from transfers"),
    Column("pending", BigInteger, nullable=False, comment="folded from transfers"),
    Column("held", BigInteger, nullable=False, comment="folded from transfers"),
    postgresql_with={"fillfactor": "70"},
)

account_totals = Table(
    "account_totals",
    metadata,
    Column("wallet", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="local day of what occurred, in the programme's zone"),
    Column("from_account", Text, primary_key=True),
    Column("to_account", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("transfers", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
)

ledger_checks = Table(
    "ledger_checks",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    instant("checked_at"),
    Column("complete", Boolean, nullable=False, comment="every transfer was read again"),
    Column("wallet", Text, nullable=False),
    Column("transfers", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False, comment="of all wallets"),
    Column("debt", BigInteger, nullable=False),
    Column("pending", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("lots", BigInteger, nullable=False, comment="remainders of all lots, those that wait included"),
    Column("issued", BigInteger, nullable=False, comment="less what repricing took"),
    Column("clawed_back", BigInteger, nullable=False),
    Column("written_off", BigInteger, nullable=False),
    Column("expired", BigInteger, nullable=False),
    Column("redeemed", BigInteger, nullable=False),
    Column("difference", BigInteger, nullable=False, comment="sum over all accounts: 0"),
    Column("problems", JSONB, nullable=False),
    Index(None, "wallet", "checked_at"),
)
