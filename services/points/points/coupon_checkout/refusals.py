"""Why an order's coupons cannot be locked, used or released. Attributes are facts that may be shown. Pure."""

from datetime import datetime


class CartCurrencyError(Exception):
    """The cart is in another currency than the programme."""

    def __init__(self, currency: str, wanted: str) -> None:
        super().__init__(f"The cart is in {currency}, the programme in {wanted}.")
        self.currency = currency
        self.wanted = wanted


class OrderUsedError(Exception):
    """Coupons were used on this order: that is final, until the order comes back."""

    def __init__(self, order_source: str, order_id: str) -> None:
        super().__init__(f"Coupons were used on order {order_id}.")
        self.order_source = order_source
        self.order_id = order_id


class OrderWithoutCouponsError(Exception):
    """No coupon is locked for this order or was used on it."""

    def __init__(self, order_source: str, order_id: str) -> None:
        super().__init__(f"No coupon is on order {order_id}.")
        self.order_source = order_source
        self.order_id = order_id


class LockEndedError(Exception):
    """The order's lock has ended; the coupons may be somebody else's by now."""

    def __init__(self, order_source: str, order_id: str, ended_at: datetime) -> None:
        super().__init__(f"The coupons of order {order_id} were reserved until {ended_at.isoformat()}.")
        self.order_source = order_source
        self.order_id = order_id
        self.ended_at = ended_at
