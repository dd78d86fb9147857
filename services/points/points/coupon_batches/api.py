"""Coupons for many members at once: a job with progress that can be paused, resumed, cancelled."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import Body, Query
from pydantic import Field, model_validator

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
from common.http.fields import Key, ShortText
from points.coupon_batches import handlers
from points.coupon_batches.domain import MEMBERS, SEGMENT, TIER, Batch
from points.coupon_templates.forms import Slug

router = Router(tags=["coupon batches"])

MAX_LISTED = 20_000
ByCreated = paged(datetime, UUID)
ByMember = paged(UUID)
NEWEST = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
FIRST = UUID(int=0)

State = Literal["collecting", "running", "paused", "cancelled", "done", "failed"]


class NewBatch(RequestBody):
    """Who gets a coupon: a list of members, all, those of a tier, or those of a segment."""

    template: Slug
    audience: Literal["members", "all", "tier", "segment"]
    chosen: ShortText = Field(default="", description="The tier or the segment.")
    members: list[UUID] = Field(default=[], max_length=MAX_LISTED, description="More can be added before the start.")
    start: bool = Field(default=True, description="Begin at once; else it collects members until it is started.")

    @model_validator(mode="after")
    def _fits_audience(self) -> Self:
        if (self.audience in (TIER, SEGMENT)) != bool(self.chosen):
            raise ValueError("chosen names the tier or segment, and nothing else")
        if self.members and self.audience != MEMBERS:
            raise ValueError("members are listed only for the audience members")
        if self.audience == MEMBERS and self.start and not self.members:
            raise ValueError("a list without members cannot start")
        return self


class Members(RequestBody):
    members: list[UUID] = Field(min_length=1, max_length=MAX_LISTED)


class ListedResponse(ResponseBody):
    batch_id: UUID
    new: int = Field(description="Members that were not in the list before.")
    listed: int


class BatchResponse(ResponseBody):
    batch_id: UUID
    template: str
    audience: str
    chosen: str
    state: State
    total: int = Field(description="Members of the audience when it began.")
    issued: int
    failed: int
    why: str = Field(description="Why it failed: what would hold for all further members too.")
    created_at: datetime
    created_by: str
    changed_at: datetime


class BatchError(ResponseBody):
    """A member who got no coupon, and why."""

    member_id: UUID
    code: str
    message: str


def _batch(batch: Batch) -> BatchResponse:
    return BatchResponse.model_validate(batch._asdict())


@router.get(
    "/v1/coupon-batches",
    dependencies=[allow("coupons:read")],
    responses=may_answer(422),
    summary="Jobs, the newest first",
)
async def batches(
    tx: Tx, paging: Annotated[Paging[tuple[datetime, UUID]], ByCreated], state: Annotated[State | None, Query()] = None
) -> Page[BatchResponse]:
    rows = await handlers.batches(tx, state, before=paging.after or NEWEST, limit=paging.fetch)
    return page(rows, paging, key=lambda one: (one.created_at, one.batch_id), item=_batch)


@router.post(
    "/v1/coupon-batches",
    dependencies=[allow("coupons:issue")],
    responses=may_answer(404, 409, 422),
    status_code=202,
    summary="Give many members a coupon each, in the background",
)
async def create(body: Annotated[NewBatch, Body()], tx: Tx, caller: CurrentCaller) -> BatchResponse:
    """Each member gets exactly one coupon of this job, however often it is interrupted."""
    batch = await handlers.create(
        tx, caller, template=body.template, audience=body.audience, chosen=body.chosen, members=body.members
    )
    return _batch(await handlers.move(tx, caller, batch.batch_id, "start") if body.start else batch)


@router.get(
    "/v1/coupon-batches/{batch_id}",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="One job and how far it is",
)
async def batch(batch_id: UUID, tx: Tx) -> BatchResponse:
    return _batch(await handlers.find(tx, batch_id))


@router.post(
    "/v1/coupon-batches/{batch_id}/members",
    dependencies=[allow("coupons:issue")],
    responses=may_answer(404, 409, 422),
    summary="Further members, while the list is collected",
)
async def add_members(batch_id: UUID, body: Annotated[Members, Body()], tx: Tx) -> ListedResponse:
    new, listed = await handlers.add_members(tx, batch_id, body.members)
    return ListedResponse(batch_id=batch_id, new=new, listed=listed)


@router.post(
    "/v1/coupon-batches/{batch_id}/{move}",
    dependencies=[allow("coupons:issue")],
    responses=may_answer(404, 409, 422),
    summary="Start, pause, resume or cancel a job",
)
async def move(
    batch_id: UUID, move: Literal["start", "pause", "resume", "cancel"], tx: Tx, caller: CurrentCaller
) -> BatchResponse:
    """What was issued stays issued."""
    return _batch(await handlers.move(tx, caller, batch_id, move))


@router.get(
    "/v1/coupon-batches/{batch_id}/errors",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="Members who got no coupon, and why",
)
async def errors(
    batch_id: UUID,
    tx: Tx,
    paging: Annotated[Paging[tuple[UUID]], ByMember],
    code: Annotated[Key | None, Query()] = None,
) -> Page[BatchError]:
    after = paging.after[0] if paging.after else FIRST
    rows = await handlers.errors(tx, batch_id, code, after=after, limit=paging.fetch)
    return page(
        rows, paging, key=lambda row: (row.member_id,), item=lambda row: BatchError.model_validate(row._asdict())
    )
