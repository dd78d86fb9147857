"""Reports for those who run the programme, and for those who publish to it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from common.http import Page, Paging, ResponseBody, Router, Tx, allow, may_answer, page, paged
from common.http.fields import Instant, Key
from points.reports import store

router = Router(tags=["reports"])

BySender = paged(str, str)
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)


class SenderDuplicates(ResponseBody):
    """What one sender sent more than once, by type of event."""

    source: str
    type: str
    duplicates: int = Field(description="Messages that repeated what was known, with the same body: no further effect.")
    days: int = Field(description="On how many days (UTC) that happened.")
    reused: int = Field(
        description="Messages that used a known id (an order) for another body: set aside, nothing posted."
    )
    first: datetime
    last: datetime


@router.get(
    "/v1/reports/duplicates",
    dependencies=[allow("points:read")],
    responses=may_answer(422),
    summary="Who sends what twice",
)
async def duplicates(
    tx: Tx,
    paging: Annotated[Paging[tuple[str, str]], BySender],
    source: Annotated[Key | None, Query(description="One sender alone.")] = None,
    since: Annotated[Instant | None, Query(description="Included; repeats are counted by the day (UTC).")] = None,
    until: Annotated[Instant | None, Query(description="Not included.")] = None,
) -> Page[SenderDuplicates]:
    """Ordered by sender and type. Every effect happens once, whatever is sent twice; this tells senders of it."""
    rows = await store.duplicates(
        tx,
        source=source,
        since=since or EARLIEST,
        until=until or LATEST,
        after=paging.after or ("", ""),
        limit=paging.fetch,
    )
    return page(
        rows,
        paging,
        key=lambda row: (row.source, row.type),
        item=lambda row: SenderDuplicates.model_validate(row, from_attributes=True),
    )
