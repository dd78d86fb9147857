"""What each comparison of a roll-up with its facts found."""

from sqlalchemy import BigInteger, Column, Identity, Table, Text

from analytics.database import metadata
from common.storage.tables import instant

proofs = Table(
    "proofs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    instant("proved_at"),
    Column("rollup", Text, nullable=False),
    Column("keys", BigInteger, nullable=False, comment="roll-up keys compared"),
    Column("drifted", BigInteger, nullable=False, comment="keys that differed and were repaired"),
    Column("examples", Text, nullable=False, comment="the first of them, for people"),
)
