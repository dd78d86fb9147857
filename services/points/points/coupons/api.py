"""A member's coupons: lists, issue, take back, search by code, reveal a code."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Body, Query
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
from common.http.fields import Key, ShortText
from points.coupon_templates.forms import Slug
from points.coupons import desk
from points.coupons.domain import Coupon

router = Router(tags=["coupons"])

ByIssued = paged(datetime, UUID)
ById = paged(UUID)
ByNumber = paged(int)
NEWEST = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
NONE = UUID(int=0)
MAX_NUMBER = 2**63 - 1

State = Literal["active", "locked", "used", "expired", "revoked"]


class CouponResponse(ResponseBody):
    """A coupon without its code."""

    coupon_id: UUID
    template: str
    version: int
    kind: str
    name: str
    member_id: UUID
    state: str = Field(description="As of now: what has ended is expired.")
    reason: str
    reference: str
    issued_at: datetime
    valid_from: datetime
    expires_at: datetime | None = Field(description="Exclusive.")
    order_source: str
    order_id: str
    used_by: UUID | None
    locked_until: datetime | None
    used_at: datetime | None
    discount: int = Field(description="Minor units, where it was locked or used.")
    currency: str


class CouponDetails(ResponseBody):
    coupon: CouponResponse
    name_zh: str
    name_en: str
    minimum_amount: int
    holder: str
    cause_source: str
    cause_order: str
    pool: str


class HistoryEntry(ResponseBody):
    id: int
    at: datetime
    what: str
    order_source: str
    order_id: str
    discount: int
    why: str


class CodeResponse(ResponseBody):
    coupon_id: UUID
    code: str


class IssueForm(RequestBody):
    template: Slug
    reference: ShortText = Field(
        default="", description="Your own id: the same again gives the same coupon. Empty: always another one."
    )
    why: ShortText = ""


class RevokeForm(RequestBody):
    reason: Key = "manual"


class SearchForm(RequestBody):
    code: Key = Field(repr=False)


def coupon_response(coupon: Coupon, now: datetime | None) -> CouponResponse:
    """As of `now`; None: as it is written down."""
    found = coupon._asdict()
    if now is not None:
        found["state"] = coupon.state_at(now)
    return CouponResponse.model_validate(found)


@router.get(
    "/v1/members/{member_id}/coupons",
    dependencies=[allow("coupons:read")],
    responses=may_answer(422),
    summary="A member's coupons, the newest first: the wallet's view",
)
async def of_member(
    member_id: UUID,
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, UUID]], ByIssued],
    state: Annotated[State | None, Query()] = None,
    template: Annotated[Slug | None, Query()] = None,
) -> Page[CouponResponse]:
    """`active` can be used now or later; what has ended is `expired` on time."""
    rows = await desk.of_member(
        tx, member_id, state=state, template=template, before=paging.after or NEWEST, limit=paging.fetch
    )
    return page(
        rows, paging, key=lambda one: (one.issued_at, one.coupon_id), item=lambda one: coupon_response(one, tx.now)
    )


@router.post(
    "/v1/members/{member_id}/coupons",
    dependencies=[allow("coupons:issue")],
    responses=may_answer(404, 409, 422),
    status_code=201,
    summary="Give a member a coupon",
)
async def issue(member_id: UUID, body: Annotated[IssueForm, Body()], tx: Tx, caller: CurrentCaller) -> CouponResponse:
    coupon = await desk.issue(
        tx, caller, template=body.template, member_id=member_id, reference=body.reference, why=body.why
    )
    return coupon_response(coupon, tx.now)


@router.get(
    "/v1/coupons",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="The coupons of a template",
)
async def of_template(
    tx: Tx,
    paging: Annotated[Paging[tuple[UUID]], ById],
    template: Annotated[Slug, Query()],
    state: Annotated[State | None, Query()] = None,
    reason: Annotated[Key | None, Query()] = None,
    reference: Annotated[Key | None, Query(description="A bulk job's id, a reward order's, a rule's.")] = None,
) -> Page[CouponResponse]:
    rows = await desk.of_template(
        tx,
        template,
        state=state,
        reason=reason,
        reference=reference,
        after=paging.after[0] if paging.after else NONE,
        limit=paging.fetch,
    )
    return page(rows, paging, key=lambda one: (one.coupon_id,), item=lambda one: coupon_response(one, tx.now))


@router.get(
    "/v1/coupons/{coupon_id}",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="One coupon and the terms it was issued by",
)
async def coupon(coupon_id: UUID, tx: Tx) -> CouponDetails:
    found, terms = await desk.find(tx, coupon_id)
    return CouponDetails(
        coupon=coupon_response(found, tx.now),
        name_zh=terms.name_zh,
        name_en=terms.name_en,
        minimum_amount=terms.minimum_amount,
        holder=terms.holder,
        cause_source=found.cause_source,
        cause_order=found.cause_order,
        pool=found.pool,
    )


@router.get(
    "/v1/coupons/{coupon_id}/history",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="What happened to a coupon, the newest first",
)
async def history(coupon_id: UUID, tx: Tx, paging: Annotated[Paging[tuple[int]], ByNumber]) -> Page[HistoryEntry]:
    before = paging.after[0] if paging.after else MAX_NUMBER
    rows = await desk.history(tx, coupon_id, before=before, limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.id,), item=lambda row: HistoryEntry.model_validate(row._asdict()))


@router.post(
    "/v1/coupons/{coupon_id}/revoke",
    dependencies=[allow("coupons:issue")],
    responses=may_answer(404, 409, 422),
    summary="Take back a coupon that was not used",
)
async def revoke(coupon_id: UUID, body: Annotated[RevokeForm, Body()], tx: Tx, caller: CurrentCaller) -> CouponResponse:
    return coupon_response(await desk.revoke(tx, caller, coupon_id, body.reason), tx.now)


@router.post(
    "/v1/coupons/{coupon_id}/reveal",
    dependencies=[allow("coupons:reveal")],
    responses=may_answer(404, 422),
    summary="The code, to be shown to its owner; who asked is written down",
)
async def reveal(coupon_id: UUID, tx: Tx, caller: CurrentCaller) -> CodeResponse:
    found, code = await desk.reveal(tx, caller, coupon_id)
    return CodeResponse(coupon_id=found.coupon_id, code=code)
