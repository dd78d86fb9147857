"""What points tells of returns that did not simply take points back."""

from typing import ClassVar
from uuid import UUID

from common.events.contract import Contract, Currency, Instant, Key, Money, Text


class ReturnSetAside(Contract):
    """What both contracts say: (`source`, `return_id`) is the return, `amount` its minor units. `member_id` is who
    bought. `reason` is a code, `message` a sentence with the figures.
    """

    source: Key
    return_id: Key
    order_source: Key
    order_id: Key
    member_id: UUID | None = None
    amount: Money
    currency: Currency
    reason: Key
    message: Text = ""
    occurred_at: Instant

    def subject(self) -> str:
        return self.return_id


class ReturnReferred(ReturnSetAside):
    """A return takes nothing until people decide: the member has fewer points than it takes back (`shortfall`)."""

    TYPE: ClassVar[str] = "return.referred.v1"


class ReturnRefused(ReturnSetAside):
    """A return that had waited for its purchase, or was in review, takes nothing: it contradicts the purchase
    (`returned_more_than_bought`, `currency_mismatch`), or people decided so (`rejected`).
    """

    TYPE: ClassVar[str] = "return.refused.v1"
