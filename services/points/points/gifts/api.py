"""Members give points to one another."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Body, Query, Response
from pydantic import Field

from common.http import (
    CurrentCaller,
    Page,
    Paging,
    RequestBody,
    ResponseBody,
    Router,
    Tx,
    allow,
    may_answer,
    page,
    paged,
)
from common.http.fields import Instant, Key, PositivePoints, ShortText
from common.http.revision import IfMatch
from points.gifts import handlers, store
from points.gifts.domain import Gift
from points.ledger.handlers import FIRST_WALLET
from points.policies import api as policy_doors
from points.policies.handlers import GIFT, Kept
from points.redemption.handlers import EARLIEST, LAST_ID, LATEST

router = Router(tags=["gifts"])

ByCreated = paged(datetime, UUID)


class PolicyBody(RequestBody):
    """What members may give one another; null is no limit. Days are the programme's."""

    open: bool = Field(default=True, strict=True, description="Whether members may give at all.")
    minimum: int = Field(default=1, gt=0, le=10**15, strict=True, description="Points at once.")
    maximum: int | None = Field(default=None, gt=0, le=10**15, strict=True, description="Points at once.")
    daily_points: int | None = Field(default=None, gt=0, le=10**15, strict=True, description="Of one giver.")
    daily_times: int | None = Field(default=None, gt=0, le=10**6, strict=True, description="Of one giver.")


class PolicyResponse(PolicyBody):
    revision: int = Field(description="0: nobody has set one, these are the defaults.")
    set_at: datetime | None
    set_by: str

    @classmethod
    def of(cls, kept: Kept) -> "PolicyResponse":
        return cls(**kept.settings, revision=kept.revision, set_at=kept.set_at, set_by=kept.set_by)


class NewGift(RequestBody):
    """`member_id` gives `points` to `recipient_id`."""

    member_id: UUID
    recipient_id: UUID
    points: PositivePoints
    wallet: Key = FIRST_WALLET
    message: ShortText = ""


class GiftResponse(ResponseBody):
    gift_id: UUID
    member_id: UUID
    recipient_id: UUID
    wallet: str
    points: int
    message: str
    state: str = Field(description="given, undone, undone_in_part")
    taken_back: int
    created_at: datetime
    created_by: str
    undone_at: datetime | None
    undone_by: str | None


def answer_of(gift: Gift) -> GiftResponse:
    return GiftResponse(
        gift_id=gift.gift_id,
        member_id=gift.member_id,
        recipient_id=gift.recipient_id,
        wallet=gift.wallet,
        points=gift.points,
        message=gift.message,
        state=gift.state,
        taken_back=gift.taken_back,
        created_at=gift.created_at,
        created_by=gift.created_by,
        undone_at=gift.undone_at,
        undone_by=gift.undone_by or None,
    )


@router.get("/v1/gift-policy", dependencies=[allow("points:read")], summary="What members may give one another")
async def read_policy(tx: Tx, response: Response) -> PolicyResponse:
    return PolicyResponse.of(await policy_doors.shown(tx, response, GIFT))


@router.put(
    "/v1/gift-policy",
    dependencies=[allow("programme:write")],
    responses=may_answer(409, 412, 422),
    summary="Change what members may give one another",
)
async def change_policy(
    body: Annotated[PolicyBody, Body()], tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> PolicyResponse:
    settings = body.model_dump(mode="json")
    return PolicyResponse.of(await policy_doors.replaced(tx, caller, response, GIFT, settings, seen))


@router.post(
    "/v1/gifts",
    dependencies=[allow("points:transfer")],
    responses=may_answer(404, 409, 422),
    status_code=201,
    summary="Give points of one member to another",
)
async def give(body: Annotated[NewGift, Body()], tx: Tx, caller: CurrentCaller) -> GiftResponse:
    """The points keep their expiry. Send an Idempotency-Key: the same request twice would be two gifts."""
    gift = await handlers.give(tx, caller, body.member_id, body.recipient_id, body.wallet, body.points, body.message)
    return answer_of(gift)


@router.post(
    "/v1/gifts/{gift_id}/undo",
    dependencies=[allow("points:transfer")],
    responses=may_answer(404, 409, 422),
    summary="Take back what the recipient still has of a gift",
)
async def undo(gift_id: UUID, tx: Tx, caller: CurrentCaller) -> GiftResponse:
    return answer_of(await handlers.undo(tx, caller, gift_id))


@router.get(
    "/v1/gifts/{gift_id}",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="One gift",
)
async def read(gift_id: UUID, tx: Tx) -> GiftResponse:
    return answer_of(await handlers.get(tx, gift_id))


@router.get(
    "/v1/members/{member_id}/gifts",
    dependencies=[allow("points:read")],
    responses=may_answer(422),
    summary="Gifts of and to a member, the latest first",
)
async def of_member(
    member_id: UUID,
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, UUID]], ByCreated],
    direction: Annotated[Literal["given", "received"] | None, Query(description="Default: both.")] = None,
    since: Annotated[Instant | None, Query(alias="from", description="Created then or later.")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="Created before.")] = None,
) -> Page[GiftResponse]:
    rows = await store.page(
        tx,
        member_id,
        direction=direction or "",
        since=since or EARLIEST,
        until=until or LATEST,
        before=paging.after or (LATEST, LAST_ID),
        limit=paging.fetch,
    )
    return page(rows, paging, key=lambda row: (row.created_at, row.gift_id), item=answer_of)
