"""Wallets, transfers, lots, and which lots each debit took from. The database refuses to change what is append-only."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, LargeBinary, Table, Text, Uuid

from common.storage.tables import instant
from points.database import metadata

wallets = Table(
    "wallets",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="of the newest transfer"),
    Column("head", LargeBinary, nullable=False, comment="hash of the newest transfer"),
    Column("balance", BigInteger, nullable=False, comment="sum of the lots' remainders"),
    Column("debt", BigInteger, nullable=False),
    instant("earliest_expiry", nullable=True),
    CheckConstraint("balance >= 0", name="balance"),
    CheckConstraint("debt >= 0", name="debt"),
    postgresql_with={"fillfactor": "70"},
)

transfers = Table(
    "transfers",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("from_account", Text, nullable=False),
    Column("to_account", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False, comment="of the member's wallet afterwards"),
    Column("debt", BigInteger, nullable=False, comment="of the member afterwards"),
    Column("kind", Text, nullable=False),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("reference", Text, nullable=False, comment="a return's id, or empty"),
    instant("occurred_at"),
    instant("recorded_at"),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    CheckConstraint("points > 0", name="points"),
    CheckConstraint("from_account <> to_account", name="accounts"),
)

lots = Table(
    "lots",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, comment="of the credit that opened it"),
    Column("points", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    instant("earned_at"),
    instant("expires_at", nullable=True),
    Column("order_source", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    CheckConstraint("points > 0", name="points"),
    CheckConstraint("remaining BETWEEN 0 AND points", name="remaining"),
)

lot_consumptions = Table(
    "lot_consumptions",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, comment="of the debit"),
    Column("lot_sequence", BigInteger, primary_key=True),
    Column("points", BigInteger, nullable=False),
    CheckConstraint("points > 0", name="points"),
    ForeignKeyConstraint(["member_id", "wallet", "lot_sequence"], ["lots.member_id", "lots.wallet", "lots.sequence"]),
)
