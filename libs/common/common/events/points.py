"""What points tells of a member's ledger. `balance` is the spendable balance of the wallet afterwards, less debt."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from common.events.contract import Contract, Instant, Key, Points, Text


class PointsMoved(Contract):
    """What all movements of points have in common. The order is the purchase that caused it."""

    member_id: UUID
    wallet: Key = "points"
    sequence: int = Field(ge=1, description="Place of the movement in the member's ledger.")
    points: Points
    balance: int
    debt: Points = 0
    occurred_at: Instant
    order_source: Key | None = None
    order_id: Key | None = None

    def subject(self) -> str:
        return self.order_id or str(self.member_id)


class PointsEarned(PointsMoved):
    """A purchase earned points by a rule. `basis` is in minor units."""

    TYPE: ClassVar[str] = "points.earned.v1"

    basis: int = 0
    currency: Text = ""
    rule: Key
    rule_version: int
    tier: Key = "base"
    expires_at: Instant | None = None


class PointsClawedBack(PointsMoved):
    """A return took points back. `shortfall` is what was not there any more: debt, or written off, by policy."""

    TYPE: ClassVar[str] = "points.clawed_back.v1"

    return_id: Key
    shortfall: Points = 0
    policy: Key = "allow_negative"


class PointsRepriced(Contract):
    """A late fact (a tier) changed what a purchase should have earned; `points` is the signed difference.

    `shortfall` is what of a lowering was not there any more: debt, or written off, by policy.
    """

    TYPE: ClassVar[str] = "points.repriced.v1"

    member_id: UUID
    wallet: Key = "points"
    sequence: int = Field(ge=1)
    points: int
    balance: int
    debt: Points = 0
    occurred_at: Instant
    order_source: Key
    order_id: Key
    reason: Key = "tier_history"
    shortfall: Points = 0
    policy: Key = "allow_negative"

    def subject(self) -> str:
        return self.order_id
