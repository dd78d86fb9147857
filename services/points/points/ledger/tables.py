"""Wallets, transfers, lots, and which lots each debit took from. The database refuses to change what is append-only."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)

from common.storage.tables import instant
from points.database import metadata

wallets = Table(
    "wallets",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="of the newest transfer"),
    Column("head", LargeBinary, nullable=False, comment="hash of the newest transfer"),
    Column("balance", BigInteger, nullable=False, comment="sum of the lots' remainders, without those that wait"),
    Column("debt", BigInteger, nullable=False),
    Column("pending", BigInteger, nullable=False, comment="sum of the remainders of lots that wait"),
    Column("held", BigInteger, nullable=False, comment="reserved, in no lot"),
    instant("earliest_expiry", nullable=True),
    instant("earliest_release", nullable=True),
    CheckConstraint("balance >= 0", name="balance"),
    CheckConstraint("debt >= 0", name="debt"),
    CheckConstraint("pending >= 0", name="pending"),
    CheckConstraint("held >= 0", name="held"),
    Index("ix_wallets_earliest_expiry", "earliest_expiry", postgresql_where=text("earliest_expiry IS NOT NULL")),
    Index("ix_wallets_earliest_release", "earliest_release", postgresql_where=text("earliest_release IS NOT NULL")),
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
    Column("pending", BigInteger, nullable=False, comment="of the member afterwards"),
    Column("held", BigInteger, nullable=False, comment="of the member afterwards"),
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
    instant("available_at", nullable=True),
    Column("pending", Boolean, nullable=False, comment="it waits"),
    Column("released", BigInteger, nullable=True, comment="sequence of the transfer that ended its waiting"),
    CheckConstraint("points > 0", name="points"),
    Index(
        "ix_lots_open",
        "member_id",
        "wallet",
        "expires_at",
        "earned_at",
        "sequence",
        postgresql_where=text("remaining > 0"),
    ),
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

lot_restorations = Table(
    "lot_restorations",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, comment="of the transfer that gave back"),
    Column("lot_sequence", BigInteger, primary_key=True),
    Column("undone", BigInteger, nullable=False, comment="sequence of the debit"),
    Column("points", BigInteger, nullable=False),
    Column(
        "renewed",
        Boolean,
        nullable=False,
        comment="had expired meanwhile: the points are in the lot that was opened then",
    ),
    CheckConstraint("points > 0", name="points"),
    ForeignKeyConstraint(
        ["member_id", "wallet", "undone", "lot_sequence"],
        [
            "lot_consumptions.member_id",
            "lot_consumptions.wallet",
            "lot_consumptions.sequence",
            "lot_consumptions.lot_sequence",
        ],
        name="fk_lot_restorations_member_id_wallet_undone_lot_sequence",
    ),
    Index("ix_lot_restorations_undone", "member_id", "wallet", "undone"),
)
