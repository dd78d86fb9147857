"""A second version of a contract, as it would be written one day: a field has another name."""

from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from common.events import Contract, Event
from common.events.contract import Currency, Instant, Key, Money
from common.events.purchases import PurchaseCompleted


class PurchaseCompletedV2(Contract):
    """A member bought something; what was `order_id` is `order_number`."""

    TYPE: ClassVar[str] = "purchase.completed.v2"

    order_number: Key
    member_id: UUID
    occurred_at: Instant
    currency: Currency
    amount: Money

    def subject(self) -> str:
        return self.order_number


def as_v1(event: Event[PurchaseCompletedV2]) -> Event[Any]:
    """The same purchase in the words of the first version."""
    whole: Event[Any] = event
    fields = event.data.model_dump()
    data = PurchaseCompleted(order_id=fields.pop("order_number"), **fields)
    return replace(whole, data=data)
