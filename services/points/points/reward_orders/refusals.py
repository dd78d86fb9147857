"""What cannot be done with an order. Attributes are facts that may be shown."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID


class OrderUnknownError(Exception):
    """No such order."""

    def __init__(self, order_id: UUID) -> None:
        super().__init__(f"No order {order_id} of a reward is known.")
        self.order_id = order_id


class RequestIdReusedError(Exception):
    """The caller used this id for another order."""

    def __init__(self, request_id: str, order_id: UUID) -> None:
        super().__init__(f"request_id {request_id} was used for order {order_id}, which is another one.")
        self.request_id = request_id
        self.order_id = order_id


class AddressNeededError(Exception):
    """Goods go somewhere."""

    def __init__(self, reward: str) -> None:
        super().__init__(f"Reward {reward} is sent to the member: an address is needed.")
        self.reward = reward


class AddressNotNeededError(Exception):
    """Personal data that nobody needs is not kept."""

    def __init__(self, reward: str) -> None:
        super().__init__(f"Reward {reward} is not sent to anybody: leave the address out.")
        self.reward = reward


class PaymentTooLateError(Exception):
    """The time to pay was over; what was paid is to be given back by who took it."""

    def __init__(self, order_id: UUID, pay_until: datetime) -> None:
        super().__init__(f"Order {order_id} was to be paid before {pay_until.isoformat()}.")
        self.order_id = order_id
        self.pay_until = pay_until


class NotCorrectableError(Exception):
    """In this `state` of the order `what` (its address, or its shipment) cannot be corrected; in `allowed` it can."""

    def __init__(self, order_id: UUID, what: str, state: str, allowed: Sequence[str]) -> None:
        ways = ", ".join(allowed)
        super().__init__(f"Order {order_id} is {state}: its {what} can only be corrected while it is one of {ways}.")
        self.order_id = order_id
        self.what = what
        self.state = state
        self.allowed = list(allowed)


class AlreadyUsedError(Exception):
    """`what` (a coupon or ticket of the order) was used or is gone, so the order cannot be cancelled."""

    def __init__(self, order_id: UUID, kind: str, what: UUID, state: str) -> None:
        super().__init__(f"Order {order_id} cannot be cancelled: its {kind} {what} is {state}.")
        self.order_id = order_id
        self.kind = kind
        self.what = what
        self.state = state
