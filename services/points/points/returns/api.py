"""Returns that did not simply take effect."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query

from common.http import Page, Paging, ResponseBody, Router, Tx, allow, may_answer, page, paged
from points.returns import handlers
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
    state: Annotated[Literal["waiting", "review", "refused"], Query()] = "waiting",
) -> Page[OpenReturn]:
    """The oldest first."""
    rows = await handlers.open_returns(tx, state, after=paging.after or START, limit=paging.fetch)
    return page(rows, paging, key=_key, item=lambda row: OpenReturn.model_validate(row._asdict()))


def _key(row: Return) -> tuple[datetime, str, str]:
    return (row.recorded_at, row.source, row.return_id)
