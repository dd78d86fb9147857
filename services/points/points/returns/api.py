"""Returns that did not simply take effect, what people decide about them, and the receipt of a return."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
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
from common.http.fields import Key
from points.returns import deciding, handlers
from points.returns.domain import Return

router = Router(tags=["returns"])

ByRecorded = paged(datetime, str, str)
START = (datetime(1, 1, 1, tzinfo=UTC), "", "")


class OpenReturn(ResponseBody):
    source: str
    return_id: str
    order_source: str
    order_id: str
    member_id: UUID | None
    currency: str
    amount: int
    state: str
    reason: str
    occurred_at: datetime
    recorded_at: datetime


@router.get(
    "/v1/returns",
    dependencies=[allow("points:read")],
    responses=may_answer(422),
    summary="Returns that wait for their purchase, are in review, or were refused",
)
async def open_returns(
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, str, str]], ByRecorded],
    state: Annotated[Literal["waiting", "review", "refused", "rejected"], Query()] = "waiting",
) -> Page[OpenReturn]:
    """The oldest first."""
    rows = await handlers.open_returns(tx, state, after=paging.after or START, limit=paging.fetch)
    return page(rows, paging, key=_key, item=lambda row: OpenReturn.model_validate(row._asdict()))


def _key(row: Return) -> tuple[datetime, str, str]:
    return (row.recorded_at, row.source, row.return_id)


class ReturnResponse(OpenReturn):
    points: int = Field(description="Taken back of all wallets, shortfall included.")
    shortfall: int = Field(description="Points that were not there: debt, or written off.")
    settled_at: datetime | None


class EffectOf(ResponseBody):
    """One thing that the return changed."""

    member_id: UUID
    subject: str = Field(
        description="purchase, wallet, pending, debt, limit, coupon, badge, streak, activity, first_purchase … What "
        "the return itself took of a wallet comes first, what all that followed moved there comes last."
    )
    what: str
    before: str
    after: str


class ReceiptResponse(ResponseBody):
    returned: ReturnResponse
    effects: list[EffectOf] = Field(description="In the order in which they happened.")


@router.get(
    "/v1/returns/receipt",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="A return and everything it changed, before and after",
)
async def receipt(source: Annotated[Key, Query()], return_id: Annotated[Key, Query()], tx: Tx) -> ReceiptResponse:
    """A return is known by the sender's `source` and its `return_id`. Nothing changes before it is applied."""
    found = await handlers.receipt(tx, source, return_id)
    return ReceiptResponse(
        returned=_shown(found.returned),
        effects=[
            EffectOf(member_id=one.member_id, subject=one.subject, what=one.what, before=one.before, after=one.after)
            for one in found.effects
        ],
    )


class AcceptBody(RequestBody):
    source: Key
    return_id: Key
    force: Literal["debt", "write_off"] = Field(description="What becomes of points that are not there.")
    reason: Key


class RejectBody(RequestBody):
    source: Key
    return_id: Key
    reason: Key


@router.post(
    "/v1/returns/accept",
    dependencies=[allow("returns:decide")],
    responses=may_answer(404, 409, 422),
    summary="Apply a return that is in review",
)
async def accept(body: AcceptBody, tx: Tx, caller: CurrentCaller) -> ReturnResponse:
    """Its points are taken back; what is not there any more becomes the member's debt or is written off."""
    applied = await deciding.accept(tx, caller, body.source, body.return_id, force=body.force, reason=body.reason)
    return _shown(applied)


@router.post(
    "/v1/returns/reject",
    dependencies=[allow("returns:decide")],
    responses=may_answer(404, 409, 422),
    summary="Leave the points of a return that is in review with the member",
)
async def reject(body: RejectBody, tx: Tx, caller: CurrentCaller) -> ReturnResponse:
    return _shown(await deciding.reject(tx, caller, body.source, body.return_id, reason=body.reason))


def _shown(row: Return) -> ReturnResponse:
    return ReturnResponse.model_validate(row._asdict())
