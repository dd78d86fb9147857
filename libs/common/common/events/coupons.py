"""What points tells of coupons. The code itself stays out: who has it can use it."""

from typing import ClassVar
from uuid import UUID

from common.events.contract import Contract, Instant, Key, Money, Text


class Coupon(Contract):
    """What all coupon contracts say. `kind`: `amount`, `percent`, `gift`, `shipping`."""

    coupon_id: UUID
    template: Key
    name: Text = ""
    kind: Key = "amount"
    member_id: UUID | None = None
    occurred_at: Instant
    expires_at: Instant | None = None

    def subject(self) -> str:
        return str(self.coupon_id)


class CouponIssued(Coupon):
    """A member was given a coupon. `reason`: `manual`, `rule`, `reward`, `bulk`, `draw`."""

    TYPE: ClassVar[str] = "coupon.issued.v1"

    reason: Key = "manual"
    reference: Text = ""


class CouponUsed(Coupon):
    """A coupon was used on an order; `discount` in minor units."""

    TYPE: ClassVar[str] = "coupon.used.v1"

    order_source: Key
    order_id: Key
    discount: Money = 0
    currency: Text = ""


class CouponReturned(Coupon):
    """A used coupon can be used again, since its order came back or was cancelled."""

    TYPE: ClassVar[str] = "coupon.returned.v1"

    order_source: Key
    order_id: Key
    reason: Key = "order_returned"


class CouponRevoked(Coupon):
    """A coupon was taken back before it was used."""

    TYPE: ClassVar[str] = "coupon.revoked.v1"

    reason: Key = "manual"


class CouponExpiring(Coupon):
    """A member's coupon is going to expire: a notice ahead, once."""

    TYPE: ClassVar[str] = "coupon.expiring.v1"


class CouponExpired(Coupon):
    """A member's coupon expired unused."""

    TYPE: ClassVar[str] = "coupon.expired.v1"
