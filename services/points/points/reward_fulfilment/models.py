"""What is sent and answered on the way of an order."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StrictBool

from common.http import RequestBody, ResponseBody
from common.http.fields import Key, ShortText, Text
from points.ledger.domain import GivenBack
from points.reward_orders import domain
from points.reward_orders.domain import Order
from points.reward_orders.models import AddressBody, OrderSummary
from points.rewards.models import RewardKey


class PaymentBody(RequestBody):
    """The money part came; the reference is of who took it."""

    payment_reference: Key


class NoteBody(RequestBody):
    note: Text = ""


class ShipBody(NoteBody):
    """A parcel went out."""

    carrier: ShortText
    tracking: ShortText = ""


class AddressCorrectionBody(NoteBody):
    """The goods go to this address instead."""

    address: AddressBody


class CancelBody(RequestBody):
    reason: Text = ""


class ReturnBody(RequestBody):
    """Goods came back. Broken ones are not put into the stock again."""

    reason: Text = ""
    restock: StrictBool = True


class CheckInBody(RequestBody):
    """A ticket is shown at the door. With `reward` only its tickets are let in."""

    code: Annotated[str, Field(min_length=1, max_length=64, pattern="^[0-9A-Za-z -]+$")]
    reward: RewardKey | None = None


class GivenBackResponse(ResponseBody):
    """`restored` points are in their lots with their old expiry, `renewed` had expired and live until `grace_until`;
    of all of them `repaid` went into debt.
    """

    points: int
    restored: int
    renewed: int
    grace_until: datetime | None
    repaid: int


class UndoneResponse(ResponseBody):
    """A cancelled or returned order. `points` null: it had cost none."""

    order: OrderSummary
    points: GivenBackResponse | None
    refund: int = Field(description="Money to be given back by who took it, minor units.")

    @classmethod
    def of(cls, order: Order, back: GivenBack | None) -> Self:
        points = None
        if back is not None:
            points = GivenBackResponse(
                points=back.points,
                restored=back.restored,
                renewed=back.renewed,
                grace_until=back.grace_until,
                repaid=back.repaid,
            )
        refund = order.money if domain.payment_state(order) == domain.TO_REFUND else 0
        return cls(order=OrderSummary.of(order), points=points, refund=refund)


class CheckInResponse(ResponseBody):
    """The ticket was valid, and is used now."""

    ticket_id: UUID
    number: int
    used_at: datetime
    order_id: UUID
    reward: str
    name_zh: str
    name_en: str
    order_state: str
