"""Definitions of streaks, tasks, badges and draws: drafting, changing, making active, ending."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Body, Path, Query, Response

from common.http import (
    CurrentCaller,
    IfMatch,
    Page,
    Paging,
    ResponseBody,
    Router,
    Tx,
    allow,
    check_revision,
    etag,
    invalid,
    may_answer,
    page,
    paged,
)
from points.draws import handlers as draws
from points.incentives import handlers
from points.incentives.domain import DRAW, Incentive
from points.incentives.forms import IncentiveForm, Slug

router = Router(tags=["incentives"])

ByKindAndKey = paged(str, str)
Kind = Literal["streak", "task", "badge", "draw"]
KeyPath = Annotated[Slug, Path()]


class IncentiveResponse(ResponseBody):
    kind: str
    key: str
    revision: int
    state: str
    definition: dict[str, Any]
    active_from: datetime | None
    ended_at: datetime | None
    created_at: datetime
    changed_at: datetime
    changed_by: str


def incentive_of(one: Incentive) -> IncentiveResponse:
    return IncentiveResponse(
        kind=one.kind,
        key=one.key,
        revision=one.revision,
        state=one.state,
        definition=dict(one.definition),
        active_from=one.active_from,
        ended_at=one.ended_at,
        created_at=one.created_at,
        changed_at=one.changed_at,
        changed_by=one.changed_by,
    )


@router.get(
    "/v1/incentives",
    dependencies=[allow("incentives:read")],
    responses=may_answer(422),
    summary="All definitions, by kind and key",
)
async def some(
    tx: Tx,
    paging: Annotated[Paging[tuple[str, str]], ByKindAndKey],
    kind: Annotated[Kind | None, Query()] = None,
    state: Annotated[Literal["draft", "active", "ended"] | None, Query()] = None,
) -> Page[IncentiveResponse]:
    rows = await handlers.some(tx, kind=kind, state=state, after=paging.after, limit=paging.fetch)
    return page(rows, paging, key=lambda one: (one.kind, one.key), item=incentive_of)


@router.get(
    "/v1/incentives/{kind}/{key}",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="One definition; its `ETag` is its revision",
)
async def one(kind: Kind, key: KeyPath, tx: Tx, response: Response) -> IncentiveResponse:
    found = await handlers.one(tx, kind, key)
    response.headers["ETag"] = etag(found.revision)
    return incentive_of(found)


@router.post(
    "/v1/incentives/{kind}/{key}",
    dependencies=[allow("incentives:write")],
    responses=may_answer(409, 422),
    status_code=201,
    summary="Draft a new definition; nothing happens until it is made active",
)
async def draft(
    kind: Kind, key: KeyPath, body: Annotated[IncentiveForm, Body()], tx: Tx, caller: CurrentCaller
) -> IncentiveResponse:
    return incentive_of(await handlers.draft(tx, caller, kind, key, _definition(kind, body)))


@router.put(
    "/v1/incentives/{kind}/{key}",
    dependencies=[allow("incentives:write")],
    responses=may_answer(404, 409, 412, 422),
    summary="Change a draft; of what is active only its name and description",
)
async def change(
    kind: Kind,
    key: KeyPath,
    body: Annotated[IncentiveForm, Body()],
    tx: Tx,
    caller: CurrentCaller,
    seen: IfMatch = None,
) -> IncentiveResponse:
    """What an active one promises cannot change under those who take part: end it, and begin another."""
    before = await handlers.one(tx, kind, key, locked=True)
    check_revision(seen, before.revision)
    return incentive_of(await handlers.change(tx, caller, before, _definition(kind, body)))


@router.post(
    "/v1/incentives/{kind}/{key}/activate",
    dependencies=[allow("incentives:write")],
    responses=may_answer(404, 409, 422),
    summary="Make a draft active: what occurs from now on counts",
)
async def activate(kind: Kind, key: KeyPath, tx: Tx, caller: CurrentCaller) -> IncentiveResponse:
    """A draw opens its first epoch: the commitment to its seed is published before anybody plays."""
    activated = await handlers.activate(tx, caller, kind, key)
    if kind == DRAW:
        await draws.open_epoch(tx, activated)
    return incentive_of(activated)


@router.post(
    "/v1/incentives/{kind}/{key}/end",
    dependencies=[allow("incentives:write")],
    responses=may_answer(404, 409, 422),
    summary="End it: what occurs from now on does not count; a draw's seed is revealed",
)
async def end(kind: Kind, key: KeyPath, tx: Tx, caller: CurrentCaller) -> IncentiveResponse:
    """What occurred before, and is learned later, still counts."""
    ended = await handlers.end(tx, caller, kind, key)
    if kind == DRAW:
        await draws.close_epoch(tx, ended)
    return incentive_of(ended)


def _definition(kind: Kind, body: IncentiveForm) -> dict[str, Any]:
    if body.kind != kind:
        raise invalid("body.kind", f"is {body.kind}, the address says {kind}")
    return body.model_dump(mode="json", exclude={"kind"})
