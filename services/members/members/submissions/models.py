"""Purchases and returns as they are handed in over HTTP."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, ValidationError, model_validator

from common.events.purchases import PurchaseCompleted, PurchaseRefunded, PurchaseSubmitted
from common.http import RequestBody, ResponseBody
from common.http.fields import Currency, Instant, Key, Money, PositiveMoney, Quantity, Text

MAX_LINES = 500


class LineBody(RequestBody):
    """One line of an order; `amount` before discount, `discount` its share of it."""

    sku: Key
    name: Text = ""
    category: Text = ""
    quantity: Quantity = 1
    amount: Money
    discount: Money = 0


class CustomerBody(RequestBody):
    """How the sender knows its customer: exactly one. `external_id` is the source's own customer number."""

    card_number: Key | None = None
    phone: Key | None = None
    openid: Key | None = None
    external_id: Key | None = None


class PurchaseBody(RequestBody):
    """A purchase of a member (`member_id`) or of somebody members is to recognise (`customer`). Minor units."""

    source: Annotated[Key | None, Field(description="Whose order it is; the client's own source if not given.")] = None
    order_id: Key
    occurred_at: Instant
    currency: Currency
    amount: Annotated[Money, Field(description="Goods before discount.")]
    discount: Money = 0
    tax: Money = 0
    delivery: Money = 0
    channel: Text = ""
    shop: Text = ""
    lines: Annotated[tuple[LineBody, ...], Field(max_length=MAX_LINES)] = ()
    member_id: UUID | None = None
    customer: CustomerBody | None = None

    @model_validator(mode="after")
    def _is_a_purchase(self) -> Self:
        if (self.member_id is None) == (self.customer is None):
            raise ValueError("exactly one of member_id and customer is needed")
        try:
            self.contract()
        except ValidationError as error:
            raise ValueError(_words(error)) from None
        return self

    def contract(self) -> PurchaseCompleted | PurchaseSubmitted:
        given = self.model_dump(exclude_unset=True, exclude={"source"}, exclude_none=True)
        kind = PurchaseSubmitted if self.member_id is None else PurchaseCompleted
        return kind.model_validate(given)


class ReturnLineBody(RequestBody):
    """One returned line; `amount` is what is given back for it."""

    sku: Key
    quantity: Quantity = 1
    amount: Money


class ReturnBody(RequestBody):
    """All or part of a purchase is given back; it may be handed in before its purchase."""

    source: Annotated[Key | None, Field(description="Whose return it is; the client's own source if not given.")] = None
    return_id: Key
    order_id: Key
    order_source: Annotated[Key | None, Field(description="The purchase's source, if it is another.")] = None
    occurred_at: Instant
    currency: Currency
    amount: Annotated[PositiveMoney, Field(description="Given back for goods, after discount.")]
    reason: Text = ""
    lines: Annotated[tuple[ReturnLineBody, ...], Field(max_length=MAX_LINES)] = ()

    def contract(self) -> PurchaseRefunded:
        return PurchaseRefunded.model_validate(self.model_dump(exclude_unset=True, exclude={"source"}))


class SubmissionResponse(ResponseBody):
    """What became of it. `accepted` and `duplicate` will be in members' records shortly; follow it by `trace_id`."""

    id: Annotated[str | None, Field(description="order_id or return_id.")]
    source: str | None
    outcome: Literal["accepted", "duplicate", "conflict", "invalid"]
    reason: str | None = None
    detail: str | None = None
    event_id: str | None = None
    trace_id: str


class SubmissionsResponse(ResponseBody):
    """Each in the order it was handed in, and how many of each outcome."""

    accepted: int
    duplicate: int
    conflict: int
    invalid: int
    items: list[SubmissionResponse]


def _words(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return str(first["msg"]).removeprefix("Value error, ")
