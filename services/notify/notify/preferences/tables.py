"""Members as far as a notice needs them. The contact is sealed; its key is in the framework's `data_keys`."""

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, Table, Text, Uuid, text

from common.storage.tables import instant
from notify.database import metadata

contacts = Table(
    "contacts",
    metadata,
    Column("member_id", Uuid, primary_key=True),
    Column("revision", BigInteger, nullable=False, comment="of the member; the highest one is kept"),
    Column("status", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("inbox", Boolean, nullable=False),
    Column("email", Boolean, nullable=False),
    Column("sms", Boolean, nullable=False),
    Column("wechat", Boolean, nullable=False),
    Column("marketing", Boolean, nullable=False),
    Column("box", LargeBinary, comment="sealed contact"),
    Column("tier", Text, nullable=False, server_default="", comment="of the highest tier revision known"),
    Column("tier_revision", BigInteger, nullable=False, server_default=text("0")),
    instant("updated_at"),
)
