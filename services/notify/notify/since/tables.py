"""The latest state of things and the latest balance of wallets that are known."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text, Uuid

from common.storage.tables import instant
from notify.database import metadata

things = Table(
    "things",
    metadata,
    Column("kind", Text, primary_key=True, comment="coupon, reward_order, badge"),
    Column("key", Text, primary_key=True),
    Column("state", Text, nullable=False, comment="the latest that is known"),
    instant("at"),
    Column("rank", Integer, nullable=False, comment="of two of the same instant the higher is later"),
)

balances = Table(
    "balances",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="of the latest movement that is known"),
    Column("balance", BigInteger, nullable=False),
    Column("debt", BigInteger, nullable=False),
)
