"""Purchases and returns, published by other systems (shops, tills, the web shop), and by members for those it resolved.

A purchase is known by (CloudEvents `source`, `order_id`), a return by (`source`, `return_id`). All amounts are integers
in minor units of `currency`. `amount` is the goods before discount; what is paid by which instrument does not matter.
"""

from typing import ClassVar, Self
from uuid import UUID

from pydantic import Field, model_validator

from common.events.contract import Contract, Currency, Instant, Key, Money, Part, Text


class PurchaseLine(Part):
    """One line of an order. `amount` is the line's total before discount, `discount` its share of the discount."""

    sku: Key
    name: Text = ""
    category: Text = ""
    quantity: int = Field(default=1, ge=1, le=1_000_000)
    amount: Money
    discount: Money = 0


class Purchase(Contract):
    """What both purchase contracts say of the order."""

    order_id: Key
    occurred_at: Instant
    currency: Currency
    amount: Money
    discount: Money = 0
    tax: Money = 0
    delivery: Money = 0
    channel: Text = ""
    shop: Text = ""
    lines: tuple[PurchaseLine, ...] = Field(default=(), max_length=500)

    def subject(self) -> str:
        return self.order_id

    @model_validator(mode="after")
    def _sums_agree(self) -> Self:
        if self.discount > self.amount:
            raise ValueError("discount is more than amount")
        if self.lines:
            if sum(line.amount for line in self.lines) != self.amount:
                raise ValueError("the lines' amounts do not add up to amount")
            if any(line.discount > line.amount for line in self.lines):
                raise ValueError("a line's discount is more than its amount")
            if sum(line.discount for line in self.lines) > self.discount:
                raise ValueError("the lines' discounts are more than discount")
        return self


class PurchaseCompleted(Purchase):
    """A member bought something; the sender knows the member."""

    TYPE: ClassVar[str] = "purchase.completed.v1"

    member_id: UUID


class CustomerReference(Part):
    """How the sender knows its customer: exactly one of these. `external_id` is the sender's own customer number."""

    card_number: Key | None = None
    phone: Key | None = None
    openid: Key | None = None
    external_id: Key | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in ("card_number", "phone", "openid", "external_id") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("exactly one of card_number, phone, openid, external_id is needed")
        return self


class PurchaseSubmitted(Purchase):
    """A customer bought something; members finds out who, and publishes `purchase.completed.v1`."""

    TYPE: ClassVar[str] = "purchase.submitted.v1"

    customer: CustomerReference


class RefundLine(Part):
    """One returned line; `amount` is what is given back for it."""

    sku: Key
    quantity: int = Field(default=1, ge=1, le=1_000_000)
    amount: Money


class PurchaseRefunded(Contract):
    """All or part of a purchase was returned. `amount` is what was given back for goods, after discount, more than 0.

    `order_source` names the purchase's source when the return comes from another one. The return may come before its
    purchase: it waits.
    """

    TYPE: ClassVar[str] = "purchase.refunded.v1"

    return_id: Key
    order_id: Key
    order_source: Key | None = None
    occurred_at: Instant
    currency: Currency
    amount: Money = Field(gt=0)
    reason: Text = ""
    lines: tuple[RefundLine, ...] = Field(default=(), max_length=500)

    def subject(self) -> str:
        return self.order_id
