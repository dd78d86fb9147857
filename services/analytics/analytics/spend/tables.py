"""Daily roll-up of purchases and returns.

Rows are only added: each batch adds what it changed, a job folds the rows of one key into one, readers sum. So two
workers never wait for one another on today's row, and a correction is one more row.
"""

from sqlalchemy import BigInteger, Column, Date, Identity, Index, Numeric, Table, Text

from analytics.database import metadata
from common.storage.tables import instant

spend_days = Table(
    "spend_days",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("day", Date, nullable=False),
    Column("channel", Text, nullable=False),
    Column("orders", BigInteger, nullable=False),
    Column("gross", Numeric(38, 0), nullable=False),
    Column("discount", Numeric(38, 0), nullable=False),
    Column("returns", BigInteger, nullable=False),
    Column("returned", Numeric(38, 0), nullable=False),
    instant("recorded_at", nullable=True),
    Index("ix_spend_days_day", "day"),
)
