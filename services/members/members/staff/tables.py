"""People who work with the platform, and how often somebody tried to be one of them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, Uuid

from common.storage.tables import instant
from members.database import metadata

staff_accounts = Table(
    "staff_accounts",
    metadata,
    Column("staff_id", Uuid, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password_hash", Text, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    instant("last_login_at", nullable=True),
    Index("uq_staff_accounts_email", "email", unique=True),
)

login_attempts = Table(
    "login_attempts",
    metadata,
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the e-mail address, known or not"),
    Column("failures", Integer, nullable=False),
    instant("expires_at"),
    Index(None, "expires_at"),
)
