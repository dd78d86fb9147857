"""What points tells of a member's ledger. `balance` is the spendable balance of the wallet afterwards, less debt."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from common.events.contract import Contract, Instant, Key, Money, Part, Points, Text


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


class RuleShare(Part):
    """What one rule version gave of a credit."""

    rule: Key
    version: int
    points: int


class PointsEarned(PointsMoved):
    """Points were earned and can be spent at once. `basis` is in minor units; `rule` gave the most, `rules` are all.

    `reason` says by what: `purchase`, `activity`, `streak`, `task`, `badge`, `draw`.
    """

    TYPE: ClassVar[str] = "points.earned.v1"

    basis: int = 0
    currency: Text = ""
    rule: Key
    rule_version: int
    tier: Key = "base"
    expires_at: Instant | None = None
    reason: Key = "purchase"
    rules: tuple[RuleShare, ...] = ()


class PointsClawedBack(PointsMoved):
    """A return took points back. `shortfall` is what was not there any more: debt, or written off, by policy.

    `pending` of the points were still waiting: `balance` never had them. `unexpired` of them had been told as expired
    already (`points.expired`), and are taken by the return instead: they change no balance a second time. `reason` says
    what had earned them, as of `points.earned`: the order's purchase itself, or what followed it.
    """

    TYPE: ClassVar[str] = "points.clawed_back.v1"

    return_id: Key
    shortfall: Points = 0
    policy: Key = "allow_negative"
    pending: Points = 0
    unexpired: Points = 0
    reason: Key = "purchase"


class PointsRepriced(Contract):
    """A late fact (a tier) changed what a purchase should have earned; `points` is the signed difference.

    `shortfall` is what of a lowering was not there any more: debt, or written off, by policy. `pending`, signed as
    `points`, is the part that waits. `unexpired`, less than 0, is the part of a lowering that had been told as expired
    already.
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
    pending: int = 0
    unexpired: int = Field(default=0, le=0)

    def subject(self) -> str:
        return self.order_id


class PointsPending(PointsMoved):
    """Points were earned that wait until `available_at` (None: for an event). `balance` is without them."""

    TYPE: ClassVar[str] = "points.pending.v1"

    rule: Key
    rule_version: int
    reason: Key = "purchase"
    available_at: Instant | None = None
    expires_at: Instant | None = None
    rules: tuple[RuleShare, ...] = ()


class PointsReleased(PointsMoved):
    """Points that waited can be spent now. `reason`: `time`, or the event's word."""

    TYPE: ClassVar[str] = "points.released.v1"

    reason: Key = "time"


class PointsAsMoney(PointsMoved):
    """Where points pay for an order: it is the order, and what these points are worth of it, `value` minor units of
    `currency`. None and "" where they are not used as money.
    """

    value: Money | None = None
    currency: Text = ""


class PointsHeld(PointsAsMoney):
    """Points were reserved for a redemption that is to be confirmed until `expires_at`."""

    TYPE: ClassVar[str] = "points.held.v1"

    hold_id: UUID
    expires_at: Instant


class PointsHoldEnded(PointsMoved):
    """A reservation ended, and what of it was not redeemed is back.

    `outcome`: `cancelled`, `expired`, `confirmed_in_part` (the rest of what was held).
    """

    TYPE: ClassVar[str] = "points.hold_ended.v1"

    hold_id: UUID
    outcome: Key


class PointsRedeemed(PointsAsMoney):
    """Points were spent. `reason`: `checkout`, `reward`, `draw`; `reference` names what for."""

    TYPE: ClassVar[str] = "points.redeemed.v1"

    redemption_id: Key
    reason: Key = "checkout"
    reference: Text = ""


class PointsGivenBack(PointsAsMoney):
    """A redemption was taken back. `renewed` of the points had expired meanwhile and live until `grace_until`."""

    TYPE: ClassVar[str] = "points.given_back.v1"

    redemption_id: Key
    reason: Key = "checkout"
    renewed: Points = 0
    grace_until: Instant | None = None


class PointsExpiring(Contract):
    """Points are going to expire: a notice ahead, once per member, wallet and instant."""

    TYPE: ClassVar[str] = "points.expiring.v1"

    member_id: UUID
    wallet: Key = "points"
    points: Points
    expires_at: Instant
    balance: int

    def subject(self) -> str:
        return str(self.member_id)


class PointsExpired(PointsMoved):
    """Points expired at `occurred_at` and the sweep wrote it down. `pending` of them had never ceased to wait."""

    TYPE: ClassVar[str] = "points.expired.v1"

    lots: int = 0
    pending: Points = 0


class PointsAdjusted(Contract):
    """People corrected a wallet; `points` is signed. `reason` is a code, `note` what they wrote."""

    TYPE: ClassVar[str] = "points.adjusted.v1"

    member_id: UUID
    wallet: Key = "points"
    sequence: int = Field(ge=1)
    points: int
    balance: int
    debt: Points = 0
    occurred_at: Instant
    adjustment_id: UUID
    reason: Key
    note: Text = ""

    def subject(self) -> str:
        return str(self.member_id)


class PointsTransferred(Contract):
    """Points went from one member to another: one event for each side. `points` is signed and without what still waits.

    `reason`: `gift`, `gift_undone`, `merge`, `merge_undone`.
    """

    TYPE: ClassVar[str] = "points.transferred.v1"

    member_id: UUID
    other_member_id: UUID
    wallet: Key = "points"
    sequence: int = Field(ge=1)
    points: int
    balance: int
    debt: Points = 0
    occurred_at: Instant
    transfer_id: UUID
    reason: Key = "gift"

    def subject(self) -> str:
        return str(self.member_id)
