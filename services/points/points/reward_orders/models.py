"""What is sent and answered at the door of orders."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field

from common.http import RequestBody, ResponseBody
from common.http.fields import ShortText
from points.reward_orders import domain
from points.reward_orders.domain import Order, Wanted
from points.reward_tickets.domain import Ticket, masked, written
from points.rewards.models import Option, RewardKey

MAX_QUANTITY = 100

OrderState = Literal[
    "awaiting_payment", "accepted", "picking", "shipped", "delivered", "fulfilled", "cancelled", "returned"
]
Line = Annotated[ShortText, Field(max_length=200)]


class AddressBody(RequestBody):
    """Where goods go. Kept sealed with the member's own key."""

    name: Annotated[Line, Field(min_length=1, max_length=100)]
    phone: Annotated[Line, Field(min_length=1, max_length=40)]
    country: Annotated[Line, Field(max_length=100)] = ""
    region: Line = ""
    city: Line = ""
    street: Annotated[Line, Field(min_length=1, max_length=200)]
    postal_code: Annotated[Line, Field(max_length=20)] = ""
    note: Line = ""


class OrderBody(RequestBody):
    """A member wants a reward. `request_id` is the caller's own id of it: the same again gives the same order."""

    member_id: UUID
    reward: RewardKey
    quantity: int = Field(default=1, ge=1, le=MAX_QUANTITY, strict=True)
    option: Annotated[Option | None, Field(description="How it is paid; null is the first there is.")] = None
    address: Annotated[AddressBody | None, Field(description="For goods, and for nothing else.")] = None
    payment_reference: Annotated[ShortText, Field(description="When the money part was paid before.")] = ""
    request_id: ShortText = ""
    grant: Annotated[
        str | None, Field(max_length=4_000, pattern="^[!-~]+$", description="Of members, for the member's PIN.")
    ] = None

    def wanted(self) -> Wanted:
        return Wanted(
            member_id=self.member_id,
            reward=self.reward,
            quantity=self.quantity,
            option=self.option or "",
            address=self.address.model_dump() if self.address else None,
            payment_reference=self.payment_reference,
            request_id=self.request_id,
        )


class PaymentResponse(ResponseBody):
    """`state`: none, due, paid, not_needed_any_more, to_refund. Minor units."""

    state: str
    amount: int
    currency: str
    reference: str
    pay_until: datetime | None
    paid_at: datetime | None


class TicketResponse(ResponseBody):
    """`state`: valid, used, revoked. The code is readable for systems that order, and for staff when it is revealed."""

    ticket_id: UUID
    number: int
    code: str
    state: str
    used_at: datetime | None

    @classmethod
    def of(cls, ticket: Ticket, *, readable: bool) -> Self:
        code = written(ticket.code) if readable else masked(ticket.code)
        return cls(
            ticket_id=ticket.ticket_id, number=ticket.number, code=code, state=ticket.state, used_at=ticket.used_at
        )


class OrderSummary(ResponseBody):
    """One order. Of the points `given_back` are back; `renewed` of those had expired and live until `grace_until`."""

    order_id: UUID
    revision: int
    member_id: UUID
    reward: str
    kind: str
    name_zh: str
    name_en: str
    price_option: str
    quantity: int
    points: int
    state: str
    next_states: list[str]
    carrier: str
    tracking: str
    payment: PaymentResponse
    coupon_ids: list[UUID]
    given_back: int
    renewed: int
    grace_until: datetime | None
    ordered_by: str
    request_id: str
    ordered_at: datetime
    changed_at: datetime

    @classmethod
    def fields_of(cls, order: Order) -> dict[str, Any]:
        plain = {name: getattr(order, name) for name in OrderSummary.model_fields if hasattr(order, name)}
        payment = PaymentResponse(
            state=domain.payment_state(order),
            amount=order.money,
            currency=order.currency,
            reference=order.payment_reference,
            pay_until=order.pay_until,
            paid_at=order.paid_at,
        )
        return {
            **plain,
            "next_states": list(domain.allowed(order)),
            "coupon_ids": list(order.coupon_ids),
            "payment": payment,
        }

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(**cls.fields_of(order))


class OrderResponse(OrderSummary):
    """With where it goes (masked unless revealed) and the tickets. `address_erased`: nobody can read it any more."""

    address: dict[str, str] | None
    address_masked: bool
    address_erased: bool
    tickets: list[TicketResponse]

    @classmethod
    def whole(
        cls,
        order: Order,
        address: Mapping[str, str] | None,
        tickets: Sequence[Ticket],
        *,
        reveal: bool,
        codes: bool,
    ) -> Self:
        shown = None
        if address is not None:
            shown = {name: text if reveal else domain.mask(name, text) for name, text in address.items()}
        return cls(
            **cls.fields_of(order),
            address=shown,
            address_masked=shown is not None and not reveal,
            address_erased=order.address is not None and address is None,
            tickets=[TicketResponse.of(ticket, readable=codes) for ticket in tickets],
        )


class ChangeResponse(ResponseBody):
    """One step of an order: who, when, from where to where, why, and what was noted."""

    number: int
    previous_state: str
    state: str
    actor: str
    actor_kind: str
    reason: str
    facts: dict[str, Any]
    at: datetime
