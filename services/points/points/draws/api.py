"""Playing draws, and checking that they were fair."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Body, Path, Query, Request
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
from common.http.fields import Text
from points.draws import handlers, reading
from points.draws.domain import Play
from points.draws.reading import Entitled
from points.incentives.forms import Grant, Slug
from points.redemption.grants import grant_in

router = Router(tags=["draws"])

ByTime = paged(datetime, UUID)
SlugPath = Annotated[Slug, Path()]


class PlayResponse(ResponseBody):
    """`prize` was given; it differs from `drawn` when that had run out. `owed`: goods, or a coupon, yet to be given.

    Who keeps this answer can check the draw later: `commitment` is what its epoch promised, see `loyalty verify-draw`.
    """

    play_id: UUID
    member_id: UUID
    draw: str
    epoch: int
    number: int
    commitment: str
    pseudonym: str
    client_seed: str
    ticket: int
    drawn: str
    prize: str
    prize_kind: str
    points: int
    coupon_id: UUID | None
    reward: str
    owed: bool
    free: bool
    cost: int
    played_at: datetime
    handed_over_at: datetime | None
    undone_at: datetime | None


def play_of(play: Play) -> PlayResponse:
    facts = play._asdict()
    settled = play.handed_over_at is not None or play.undone_at is not None
    owed = play.prize_kind == "goods" or (play.prize_kind == "coupon" and play.coupon_id is None)
    names = [name for name in PlayResponse.model_fields if name != "owed"]
    return PlayResponse(**{name: facts[name] for name in names}, owed=owed and not settled)


class NewPlay(RequestBody):
    client_seed: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_-]{0,64}$",
        max_length=64,
        description="Chosen by the player: whoever chooses it knows that nobody else decided the outcome.",
    )
    grant: Grant | None = None


@router.post(
    "/v1/members/{member_id}/draws/{draw}/plays",
    dependencies=[allow("incentives:play")],
    responses=may_answer(403, 404, 409, 422, 503),
    status_code=201,
    summary="Play once: pay, draw, win, in one step",
)
async def play(
    member_id: UUID, draw: SlugPath, body: Annotated[NewPlay, Body()], tx: Tx, request: Request
) -> PlayResponse:
    """Refused with the rule's name and facts: draw_closed, not_in_audience, limit_reached, insufficient_points."""
    grant = await grant_in(request, body.grant)
    return play_of(await handlers.play(tx, member_id, draw, body.client_seed, grant))


class DrawResponse(ResponseBody):
    """A draw for a member now. `limit` names the one that is used up, `resets_at` when it is not any more."""

    draw: str
    name: dict[str, str]
    open: bool
    closed_reason: str
    opens_at: datetime | None
    closes_at: datetime | None
    next_cost: int
    played_today: int
    played: int
    limit: str
    resets_at: datetime | None


def draw_of(one: Entitled) -> DrawResponse:
    return DrawResponse(
        draw=one.draw.key,
        name=one.draw.incentive.definition["name"],
        open=one.open,
        closed_reason=one.closed_reason,
        opens_at=one.draw.opens_at,
        closes_at=one.draw.closes_at,
        next_cost=one.next_cost,
        played_today=one.played_today,
        played=one.played,
        limit=one.limit,
        resets_at=one.resets_at,
    )


class DrawsResponse(ResponseBody):
    member_id: UUID
    draws: list[DrawResponse]


@router.get(
    "/v1/members/{member_id}/draws",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="The draws that are for the member now",
)
async def draws(member_id: UUID, tx: Tx) -> DrawsResponse:
    found = await reading.of_member(tx, member_id)
    return DrawsResponse(member_id=member_id, draws=[draw_of(one) for one in found])


@router.get(
    "/v1/members/{member_id}/draw-plays",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="The member's plays, the newest first",
)
async def plays(
    member_id: UUID,
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, UUID]], ByTime],
    draw: Annotated[Slug | None, Query()] = None,
) -> Page[PlayResponse]:
    rows = await reading.plays_of(tx, member_id, draw, before=paging.after, limit=paging.fetch)
    return page(rows, paging, key=lambda one: (one.played_at, one.play_id), item=play_of)


@router.get(
    "/v1/draw-plays/owed",
    dependencies=[allow("incentives:read")],
    responses=may_answer(422),
    summary="Plays whose goods or coupon are yet to be given, the oldest first",
)
async def owed(
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, UUID]], ByTime],
    draw: Annotated[Slug | None, Query()] = None,
) -> Page[PlayResponse]:
    rows = await reading.owed(tx, draw, after=paging.after, limit=paging.fetch)
    return page(rows, paging, key=lambda one: (one.played_at, one.play_id), item=play_of)


class Undoing(RequestBody):
    reason: Annotated[Text, Field(min_length=1)]


@router.post(
    "/v1/draw-plays/{play_id}/undo",
    dependencies=[allow("incentives:write")],
    responses=may_answer(404, 409, 422),
    summary="Take a play back: its cost comes back when its prize was not used",
)
async def undo(play_id: UUID, body: Annotated[Undoing, Body()], tx: Tx, caller: CurrentCaller) -> PlayResponse:
    """The points go back into the lots they came from; what expired meanwhile lives for the programme's grace."""
    return play_of(await handlers.undo(tx, caller, play_id, body.reason))


@router.post(
    "/v1/draw-plays/{play_id}/hand-over",
    dependencies=[allow("incentives:write")],
    responses=may_answer(404, 409, 422),
    summary="The goods were handed over; a coupon that is owed is issued",
)
async def hand_over(play_id: UUID, tx: Tx, caller: CurrentCaller) -> PlayResponse:
    return play_of(await handlers.hand_over(tx, caller, play_id))
