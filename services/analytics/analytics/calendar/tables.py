"""Rebuilds: after a change of the programme's zone, facts move to their new local days in the background."""

from sqlalchemy import BigInteger, Column, Identity, Table, Text, text

from analytics.database import metadata
from common.storage.tables import instant

rebuilds = Table(
    "rebuilds",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("zone", Text, nullable=False),
    instant("requested_at"),
    instant("finished_at", nullable=True),
    Column("moved", BigInteger, nullable=False, server_default=text("0")),
)
