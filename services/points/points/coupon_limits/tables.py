"""How many coupons of a template were issued and used, by member; and in total, where a total is limited."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text, Uuid

from points.database import metadata

coupon_counts = Table(
    "coupon_counts",
    metadata,
    Column("template", Text, primary_key=True),
    Column("member_id", Uuid, primary_key=True, comment="all zeros: the total, if limited; all ones: nobody known"),
    Column("issued", BigInteger, nullable=False, comment="less those taken back"),
    Column("used", BigInteger, nullable=False, comment="locked or used, less those given back"),
    CheckConstraint("issued >= 0", name="issued"),
    CheckConstraint("used >= 0", name="used"),
    postgresql_with={"fillfactor": "50"},
)
