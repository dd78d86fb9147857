"""What is sent to and from the redemption routes."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import Field, model_validator

from common.http import RequestBody, ResponseBody
from common.http.fields import Currency, Key, Money, PositiveMoney, PositivePoints, ShortText
from common.security.callers import Caller
from points.ledger.handlers import FIRST_WALLET
from points.policies.handlers import Kept
from points.redemption.domain import Line, Redemption
from points.redemption.giving_back import Cancellation, Returned
from points.redemption.handlers import Order, Wish
from points.redemption.money import Policy, worth

MAX_LINES = 500
MAX_HOLD_SECONDS = 86_400 * 7


class PolicyBody(RequestBody):
    """`points` points are worth `minor_units`; null is no limit."""

    points: int = Field(default=100, gt=0, le=10**9, strict=True)
    minor_units: int = Field(default=100, gt=0, le=10**9, strict=True)
    step: int = Field(default=1, gt=0, le=10**9, strict=True, description="Points are used in multiples of it.")
    minimum: int = Field(default=1, gt=0, le=10**12, strict=True, description="Fewer points cannot be used.")
    max_share_percent: int = Field(default=100, ge=1, le=100, strict=True, description="Of the order's amount.")
    pin_above_points: int | None = Field(
        default=None, ge=0, le=10**15, strict=True, description="More points at once need a grant of the member."
    )
    daily_points: int | None = Field(default=None, gt=0, le=10**15, strict=True, description="Of one member.")
    daily_times: int | None = Field(default=None, gt=0, le=10**6, strict=True, description="Of one member.")
    hold_seconds: int = Field(default=900, ge=5, le=MAX_HOLD_SECONDS, strict=True, description="Life of a hold.")


class PolicyResponse(PolicyBody):
    revision: int = Field(description="0: nobody has set one, these are the defaults.")
    set_at: datetime | None
    set_by: str

    @classmethod
    def of(cls, kept: Kept) -> "PolicyResponse":
        return cls(**kept.settings, revision=kept.revision, set_at=kept.set_at, set_by=kept.set_by)


class OrderLine(RequestBody):
    sku: Key
    amount: Money


class OrderBody(RequestBody):
    """What the points pay for. The lines' amounts add up to `amount`; without lines nothing is split.

    The order is known by the redemption's `source` and `order_id`: points that are on it already count for its share.
    """

    order_id: Key
    amount: PositiveMoney
    currency: Currency
    lines: list[OrderLine] = Field(default=[], max_length=MAX_LINES)


class QuoteOrder(OrderBody):
    order_id: Key = "quote"


class QuoteBody(RequestBody):
    member_id: UUID
    wallet: Key = FIRST_WALLET
    source: Key | None = Field(default=None, description="Whose order it is (default: you).")
    order: QuoteOrder


class RedeemBody(RequestBody):
    """`reference` is your own key for this redemption; `source` says whose key (default: you)."""

    member_id: UUID
    points: PositivePoints
    wallet: Key = FIRST_WALLET
    source: Key | None = None
    reference: Key | None = None
    order: OrderBody | None = None
    grant: str | None = Field(
        default=None, min_length=1, max_length=8_192, description="A grant that members gave for the member's PIN."
    )


class HoldBody(RedeemBody):
    hold_seconds: int | None = Field(
        default=None, ge=5, le=MAX_HOLD_SECONDS, strict=True, description="Default: as the policy says."
    )


class ConfirmBody(RequestBody):
    points: PositivePoints | None = Field(default=None, description="Default: all that is held.")


class CancelBody(RequestBody):
    """Everything that is left, or only `points`, or only what these lines hold. `reference` is your key for it."""

    points: PositivePoints | None = None
    lines: list[int] = Field(default=[], max_length=MAX_LINES, description="Numbers of lines, from 1.")
    reason: ShortText = ""
    reference: Key | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "CancelBody":
        if self.points is not None and self.lines:
            raise ValueError("say points or lines, not both")
        if len(set(self.lines)) != len(self.lines) or any(not 1 <= number <= MAX_LINES for number in self.lines):
            raise ValueError(f"lines are different numbers from 1 to {MAX_LINES}")
        return self


class QuoteLine(ResponseBody):
    number: int
    sku: str
    amount: int
    points: int
    value: int = Field(description="Minor units.")


class LineResponse(QuoteLine):
    given_back: int


class CapResponse(ResponseBody):
    rule: str = Field(description="balance, share_of_order, daily_points, daily_times")
    points: int


class QuoteResponse(ResponseBody):
    member_id: UUID
    wallet: str
    points: int = Field(description="The most that may be used.")
    value: int = Field(description="Minor units.")
    currency: str
    binding: str = Field(description="The rule that allows no more: one of the caps, step or minimum.")
    caps: list[CapResponse]
    step: int
    minimum: int
    grant_needed: bool = Field(description="So many points need a grant of the member.")
    rounding: str = Field(description="How points become money.")
    lines: list[QuoteLine]


class ReturnResponse(ResponseBody):
    number: int
    reference: str | None
    points: int
    restored: int = Field(description="Points that went into their lots again, with their own expiry.")
    renewed: int = Field(description="Points that had expired meanwhile and live until `grace_until`.")
    repaid: int = Field(description="Points of them all that paid debt at once, and cannot be spent.")
    grace_until: datetime | None
    lines: dict[int, int] = Field(description="Points by the number of the line.")
    reason: str
    sequence: int
    created_at: datetime
    created_by: str


class RedemptionResponse(ResponseBody):
    redemption_id: UUID
    member_id: UUID
    wallet: str
    state: str = Field(description="held, cancelled, expired, confirmed, given_back")
    held: int = Field(description="Points that were asked for.")
    points: int = Field(description="Points that were redeemed.")
    given_back: int
    source: str
    reference: str | None
    order_id: str | None
    currency: str | None
    order_amount: int | None
    value: int | None = Field(description="Minor units the points are worth in the order.")
    lines: list[LineResponse]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    settled_at: datetime | None
    returns: list[ReturnResponse] = Field(description="What was given back; lists leave it out.")


def order_of(body: OrderBody) -> Order:
    lines = tuple(
        Line(number=number, sku=line.sku, amount=line.amount) for number, line in enumerate(body.lines, start=1)
    )
    return Order(order_id=body.order_id, amount=body.amount, currency=body.currency, lines=lines)


def wish_of(body: RedeemBody, caller: Caller, *, hold_seconds: int | None, hold: bool) -> Wish:
    """A grant serves once and is no part of what the caller's key stands for."""
    told = {"hold": hold, **body.model_dump(mode="json", exclude={"grant", "source", "reference"})}
    return Wish(
        member_id=body.member_id,
        wallet=body.wallet,
        points=body.points,
        source=body.source or caller.subject,
        reference=body.reference or "",
        body_hash=hashed(told),
        order=order_of(body.order) if body.order else None,
        hold=hold,
        hold_seconds=hold_seconds,
    )


def hashed(told: object) -> bytes:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).digest()


def cancellation_of(body: CancelBody) -> Cancellation:
    told = {"points": body.points, "lines": sorted(body.lines)}
    return Cancellation(
        points=body.points,
        lines=tuple(sorted(body.lines)),
        reason=body.reason,
        reference=body.reference or "",
        body_hash=hashed(told),
    )


def rounding_of(policy: Policy, points: int) -> str:
    """A sentence for people about how these points become money."""
    exact = f"{points} × {policy.minor_units} ÷ {policy.points}"
    sentence = f"{policy.points} points are worth {policy.minor_units} minor units; {exact} = {worth(policy, points)}"
    return sentence + (", rounded down." if points * policy.minor_units % policy.points else " exactly.")


def answer_of(found: Redemption, returns: Sequence[Returned]) -> RedemptionResponse:
    return RedemptionResponse(
        redemption_id=found.redemption_id,
        member_id=found.member_id,
        wallet=found.wallet,
        state=found.state,
        held=found.held,
        points=found.points,
        given_back=found.given_back,
        source=found.source,
        reference=found.reference or None,
        order_id=found.order_id or None,
        currency=found.currency or None,
        order_amount=found.order_amount,
        value=found.value,
        lines=[
            LineResponse(
                number=line.number,
                sku=line.sku,
                amount=line.amount,
                points=line.points,
                value=line.value,
                given_back=line.given_back,
            )
            for line in found.lines
        ],
        created_at=found.created_at,
        created_by=found.created_by,
        expires_at=found.expires_at,
        settled_at=found.settled_at,
        returns=[
            ReturnResponse(
                number=one.number,
                reference=one.reference or None,
                points=one.points,
                restored=one.restored,
                renewed=one.renewed,
                repaid=one.repaid,
                grace_until=one.grace_until,
                lines=one.lines,
                reason=one.reason,
                sequence=one.sequence,
                created_at=one.created_at,
                created_by=one.created_by,
            )
            for one in returns
        ],
    )
