"""Statements and purchases: every movement with its reason."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field

from common.http import Page, Paging, ResponseBody, Router, Tx, allow, may_answer, page, paged
from common.http.fields import Instant, Key
from points.accruals.domain import Accrual
from points.ledger.domain import WALLET
from points.ledger.handlers import FIRST_WALLET, Chosen
from points.statement import handlers
from points.statement.domain import EN, ZH, Origin, text_of
from points.statement.handlers import Earned, Movement

router = Router(tags=["statement"])

BySequence = paged(int)
ByTime = paged(datetime, str, str)


class ShareOf(ResponseBody):
    """What one rule version gave of a credit: `numerator` ÷ `denominator`, of which `points` after rounding."""

    rule: str
    version: int
    points: int
    numerator: int
    denominator: int
    basis: int = Field(description="Minor units that its rate applied to.")
    factor: str | None = Field(default=None, description="The multiplier, as it was written.")
    cut: int = Field(default=0, description="Whole points that a limit took off.")
    limit: str | None = Field(default=None, description="Which limit.")


class CreditOf(ResponseBody):
    """What the purchase earned in one wallet; several where rules differ in when points can be spent or end."""

    wallet: str
    part: int
    earned: int
    taken_back: int
    expires_at: datetime | None
    available_at: datetime | None = Field(description="Points wait until then.")
    waits: str | None = Field(description="Points wait for this event.")
    shares: list[ShareOf]
    by_line: list[int] | None = Field(description="`earned`, spread over the purchase's lines.")


class Earning(ResponseBody):
    """What a purchase earned and every factor. `earned` and `taken_back` are of the first wallet."""

    source: str
    order_id: str
    member_id: UUID = Field(description="Who bought.")
    currency: str
    amount: int = Field(description="Minor units, goods before discount.")
    basis: int = Field(description="Minor units that points were earned on.")
    channel: str
    shop: str
    lines: list[tuple[str, str, int, int]] | None = Field(description="Sku, category, quantity, net in minor units.")
    tier: str = Field(description="The tier held strictly before the purchase.")
    is_first: bool = Field(description="Priced as the member's first purchase; told only where a rule asks for it.")
    rounding: str
    earned: int
    returned: int = Field(description="Minor units that came back.")
    taken_back: int
    occurred_at: datetime
    recorded_at: datetime
    credits: list[CreditOf]


class OriginOf(ResponseBody):
    """What `reference` is the id of: redemption, reward_order, draw_play, adjustment, gift, merge."""

    kind: str
    id: UUID
    member_id: UUID | None = Field(description="Who gave, or who stayed.")
    other_member_id: UUID | None = Field(description="Who received, or who was absorbed.")
    name: str | None = Field(description="The order, the reward or the draw.")
    reason: str | None
    note: str | None


class StatementEntry(ResponseBody):
    sequence: int
    kind: str = Field(description="earned, clawed_back, redeemed, reserved, adjusted, gift_given, merged_in, …")
    points: int = Field(description="What it did to the balance: positive in, negative out, 0 for debt and write-offs.")
    amount: int = Field(description="How many points moved.")
    from_account: str
    to_account: str
    balance: int = Field(description="Sum of the lots afterwards.")
    debt: int
    order_source: str | None
    order_id: str | None
    reference: str | None = Field(description="A return's id, or the id of what `origin` tells.")
    occurred_at: datetime
    recorded_at: datetime
    hash: str
    text: str = Field(description="The movement in a sentence, in the language that was asked for.")
    earning: Earning | None = Field(description="The member's own purchase that explains it; never somebody else's.")
    origin: OriginOf | None = Field(description="What else explains it.")


class ReturnOf(ResponseBody):
    source: str
    return_id: str
    currency: str
    amount: int
    points: int
    shortfall: int
    state: str
    reason: str
    occurred_at: datetime
    recorded_at: datetime


class RepricingOf(ResponseBody):
    wallet: str
    part: int
    number: int
    previous_tier: str
    tier: str
    was_first: bool
    is_first: bool
    previous_earned: int
    earned: int
    points: int
    reason: str
    recorded_at: datetime


class ExplanationResponse(ResponseBody):
    earning: Earning
    repricings: list[RepricingOf]
    returns: list[ReturnOf]


def earning_of(found: Earned) -> Earning:
    first = [one for one in found.credits if one.wallet == FIRST_WALLET]
    return Earning.model_validate(
        {
            **found.purchase._asdict(),
            "earned": sum(one.earned for one in first),
            "taken_back": sum(one.taken_back for one in first),
            "credits": [_credit_of(one) for one in found.credits],
        }
    )


def _credit_of(one: Accrual) -> dict[str, Any]:
    shares = [{**share._asdict(), "factor": share.factor or None, "limit": share.limit or None} for share in one.shares]
    return {**one._asdict(), "waits": one.waits or None, "shares": shares}


def origin_of(found: Origin, locale: str) -> OriginOf:
    return OriginOf(
        kind=found.kind,
        id=found.id,
        member_id=found.member,
        other_member_id=found.other,
        name=(found.name_zh if locale == ZH else found.name_en) or None,
        reason=found.reason or None,
        note=found.note or None,
    )


def entry_of(movement: Movement, locale: str) -> StatementEntry:
    one = movement.transfer
    signs = {one.to_account: 1, one.from_account: -1}
    return StatementEntry(
        sequence=one.sequence,
        kind=one.kind,
        points=signs.get(WALLET, 0) * one.points,
        amount=one.points,
        from_account=one.from_account,
        to_account=one.to_account,
        balance=one.balance,
        debt=one.debt,
        order_source=one.order_source or None,
        order_id=one.order_id or None,
        reference=one.reference or None,
        occurred_at=one.occurred_at,
        recorded_at=one.recorded_at,
        hash=one.hash.hex(),
        text=text_of(one, movement.origin, locale, movement.incentive),
        earning=None if movement.earned is None else earning_of(movement.earned),
        origin=None if movement.origin is None else origin_of(movement.origin, locale),
    )


@router.get(
    "/v1/members/{member_id}/statement",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="Every movement of a member's points, the newest first",
)
async def statement(
    member_id: UUID,
    tx: Tx,
    paging: Annotated[Paging[tuple[int]], BySequence],
    wallet: Annotated[Key, Query()] = FIRST_WALLET,
    kind: Annotated[Key | None, Query(description="Only movements of this kind.")] = None,
    occurred_from: Annotated[Instant | None, Query(description="Included.")] = None,
    occurred_until: Annotated[Instant | None, Query(description="Not included.")] = None,
    locale: Annotated[Literal["zh-CN", "en"], Query(description="Of `text` and of names.")] = EN,
) -> Page[StatementEntry]:
    chosen = Chosen(since=occurred_from, until=occurred_until, kind=kind)
    before = paging.after[0] if paging.after else None
    rows = await handlers.statement(tx, member_id, wallet, chosen, before=before, limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.transfer.sequence,), item=lambda row: entry_of(row, locale))


@router.get(
    "/v1/purchases",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="What a member's purchases earned, the latest first",
)
async def purchases(
    member_id: Annotated[UUID, Query()],
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, str, str]], ByTime],
    occurred_from: Annotated[Instant | None, Query(description="Included.")] = None,
    occurred_until: Annotated[Instant | None, Query(description="Not included.")] = None,
) -> Page[Earning]:
    rows = await handlers.purchases(
        tx,
        member_id,
        occurred_from=occurred_from,
        occurred_until=occurred_until,
        before=paging.after,
        limit=paging.fetch,
    )
    return page(rows, paging, key=lambda row: row.purchase.place, item=earning_of)


@router.get(
    "/v1/purchases/lookup",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="One purchase: what it earned, how it was corrected, what came back",
)
async def lookup(source: Annotated[Key, Query()], order_id: Annotated[Key, Query()], tx: Tx) -> ExplanationResponse:
    """A purchase is known by the sender's `source` and its `order_id`."""
    found = await handlers.explain(tx, source, order_id)
    return ExplanationResponse(
        earning=earning_of(found.earned),
        repricings=[RepricingOf.model_validate(one._asdict()) for one in found.repricings],
        returns=[ReturnOf.model_validate(one._asdict()) for one in found.returns],
    )
