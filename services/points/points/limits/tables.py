"""What of rules' limits has been used, and by which occasion."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from points.database import metadata

limit_usage = Table(
    "limit_usage",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("holder", Uuid, primary_key=True, comment="a member; all zeros for the budget of all"),
    Column("period", Text, primary_key=True, comment="ever, or like day:2026-11-22, month:2026-11"),
    Column("points", BigInteger, nullable=False),
    Column("uses", BigInteger, nullable=False),
    CheckConstraint("points >= 0 AND uses >= 0", name="used"),
    postgresql_with={"fillfactor": "70"},
)

limit_takings = Table(
    "limit_takings",
    metadata,
    Column("kind", Text, primary_key=True, comment="purchase or activity"),
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True, comment="order id or activity id"),
    Column("rule", Text, primary_key=True),
    Column("holder", Uuid, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("points", BigInteger, nullable=False),
    Column("uses", BigInteger, nullable=False),
    Column("points_back", BigInteger, nullable=False),
    Column("uses_back", BigInteger, nullable=False),
    Column(
        "by_line",
        ARRAY(BigInteger),
        nullable=True,
        comment="points, spread over the purchase's lines; null: by their nets",
    ),
    CheckConstraint("points_back BETWEEN 0 AND points", name="points_back"),
    CheckConstraint("uses_back BETWEEN 0 AND uses", name="uses_back"),
)
