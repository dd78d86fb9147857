"""What everybody may see of a draw: commitments, revealed seeds, pseudonymous plays, the odds as they turned out."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import Path

from common.http import CurrentCaller, Page, Paging, ResponseBody, Router, Tx, allow, may_answer, page, paged
from points.draws import epochs
from points.draws.domain import Epoch, Play
from points.incentives.forms import Slug

router = Router(tags=["draws"])

ByNumber = paged(int)
SlugPath = Annotated[Slug, Path()]
EpochPath = Annotated[int, Path(ge=1, le=2**31 - 1)]


class EpochResponse(ResponseBody):
    """`commitment` is the SHA-256 of the seed and the table; `seed` is null until the epoch is closed."""

    draw: str
    epoch: int
    commitment: str
    seed: str | None
    plays: int
    opened_at: datetime
    closed_at: datetime | None


def epoch_of(one: Epoch) -> EpochResponse:
    facts = one._asdict()
    return EpochResponse(**{name: facts[name] for name in EpochResponse.model_fields})


@router.get(
    "/v1/draws/{draw}/epochs",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="A draw's epochs, the newest first",
)
async def some(draw: SlugPath, tx: Tx, paging: Annotated[Paging[tuple[int]], ByNumber]) -> Page[EpochResponse]:
    rows = await epochs.some(tx, draw, before=paging.after[0] if paging.after else None, limit=paging.fetch)
    return page(rows, paging, key=lambda one: (one.epoch,), item=epoch_of)


class RenewedResponse(ResponseBody):
    revealed: EpochResponse
    opened: EpochResponse


@router.post(
    "/v1/draws/{draw}/epochs",
    dependencies=[allow("incentives:write")],
    responses=may_answer(404, 409, 422, 503),
    status_code=201,
    summary="Reveal the seed of the open epoch and begin the next one",
)
async def renew(draw: SlugPath, tx: Tx, caller: CurrentCaller) -> RenewedResponse:
    revealed, opened = await epochs.renew(tx, caller, draw)
    return RenewedResponse(revealed=epoch_of(revealed), opened=epoch_of(opened))


class PlaceResponse(ResponseBody):
    """A prize, drawn with `weight` of the total. `stock` at the opening of the epoch, null: without end."""

    key: str
    weight: int
    stock: int | None
    kind: str
    points: int
    coupon: str | None
    reward: str | None


class TableResponse(EpochResponse):
    """All that is needed to play the epoch again, beside the list of plays. The prizes are in their order."""

    total: int
    fallback: str
    prizes: list[PlaceResponse]


@router.get(
    "/v1/draws/{draw}/epochs/{epoch}",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="One epoch with its table of prizes",
)
async def one(draw: SlugPath, epoch: EpochPath, tx: Tx) -> TableResponse:
    found = await epochs.one(tx, draw, epoch)
    promise = await epochs.table(tx, found)
    return TableResponse(
        **epoch_of(found).model_dump(),
        total=promise.total,
        fallback=promise.fallback,
        prizes=[PlaceResponse(**asdict(place)) for place in promise.prizes],
    )


class PlayedResponse(ResponseBody):
    number: int
    pseudonym: str
    client_seed: str
    ticket: int
    drawn: str
    prize: str


def played_of(row: Play) -> PlayedResponse:
    public = epochs.public(row)
    return PlayedResponse(
        number=public.number,
        pseudonym=public.pseudonym,
        client_seed=public.client_seed,
        ticket=public.ticket,
        drawn=public.drawn,
        prize=public.prize,
    )


@router.get(
    "/v1/draws/{draw}/epochs/{epoch}/plays",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="The list of plays, without members: who knows a member's id can tell its pseudonym",
)
async def plays(
    draw: SlugPath, epoch: EpochPath, tx: Tx, paging: Annotated[Paging[tuple[int]], ByNumber]
) -> Page[PlayedResponse]:
    after = paging.after[0] if paging.after else None
    rows = await epochs.plays(tx, draw, epoch, after=after, limit=paging.fetch)
    return page(rows, paging, key=lambda one: (one.number,), item=played_of)


class DifferenceResponse(ResponseBody):
    number: int
    problem: str


class VerificationResponse(ResponseBody):
    draw: str
    epoch: int
    holds: bool
    plays: int
    differences: list[DifferenceResponse]


@router.get(
    "/v1/draws/{draw}/epochs/{epoch}/verification",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 409, 422),
    summary="Play a revealed epoch again and compare",
)
async def verify(draw: SlugPath, epoch: EpochPath, tx: Tx) -> VerificationResponse:
    """`loyalty verify-draw` does the same without trusting this service."""
    verified = await epochs.verify(tx, draw, epoch)
    differences = [DifferenceResponse(number=one.number, problem=one.problem) for one in verified.differences]
    return VerificationResponse(
        draw=draw, epoch=epoch, holds=not differences, plays=verified.plays, differences=differences[:1_000]
    )


class ShareResponse(ResponseBody):
    """`expected`: plays × weight ÷ total. `given` differs from `drawn` where prizes ran out."""

    prize: str
    weight: int
    expected: float
    drawn: int
    given: int
    undone: int
    left: int | None


class StatisticsResponse(ResponseBody):
    draw: str
    total: int
    plays: int
    prizes: list[ShareResponse]


@router.get(
    "/v1/draws/{draw}/statistics",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="How often each prize was drawn and given, beside its odds",
)
async def statistics(draw: SlugPath, tx: Tx) -> StatisticsResponse:
    of_draw, shares = await epochs.statistics(tx, draw)
    total_plays = sum(share.drawn for share in shares)
    prizes = [
        ShareResponse(
            prize=share.prize,
            weight=share.weight,
            expected=total_plays * share.weight / of_draw.total,
            drawn=share.drawn,
            given=share.given,
            undone=share.undone,
            left=share.left,
        )
        for share in shares
    ]
    return StatisticsResponse(draw=draw, total=of_draw.total, plays=total_plays, prizes=prizes)
