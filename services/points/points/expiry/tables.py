"""Which notices of points that are going to expire were sent."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text, Uuid

from common.storage.tables import instant
from points.database import metadata

expiry_notices = Table(
    "expiry_notices",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("expires_at", instant("expires_at").type, primary_key=True),
    Column("days", Integer, primary_key=True, autoincrement=False),
    Column("points", BigInteger, nullable=False),
    instant("noticed_at"),
)
