"""What points tells of rewards that members order."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from common.events.contract import Contract, Instant, Key, Money, Points, Text


class RewardOrder(Contract):
    """What both contracts say. `kind`: `goods`, `service`, `coupon`, `ticket`, `donation`; money in minor units."""

    reward_order_id: UUID
    member_id: UUID
    reward: Key
    name: Text = ""
    kind: Key
    quantity: int = Field(default=1, ge=1)
    points: Points = 0
    money: Money = 0
    currency: Text = ""
    occurred_at: Instant

    def subject(self) -> str:
        return str(self.reward_order_id)


class RewardOrdered(RewardOrder):
    """A member ordered a reward; its points are spent. `state`: `awaiting_payment` (of `money`, before `pay_until`),
    `accepted`, `fulfilled`.
    """

    TYPE: ClassVar[str] = "reward.ordered.v1"

    state: Text = ""
    pay_until: Instant | None = None


class RewardOrderChanged(RewardOrder):
    """Fulfilment went on. `state`: `awaiting_payment`, `accepted`, `picking`, `shipped`, `delivered`, `fulfilled`,
    `cancelled`, `returned`; the same as `previous_state` where only carrier or tracking were corrected. `to_refund` is
    money that was paid for what was cancelled or returned.
    """

    TYPE: ClassVar[str] = "reward.order_changed.v1"

    state: Key
    previous_state: Key
    carrier: Text = ""
    tracking: Text = ""
    reason: Text = ""
    to_refund: Money = 0
