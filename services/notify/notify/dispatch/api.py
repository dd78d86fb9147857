"""HTTP door to notices: which were decided, what became of them and why, and the figures."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import Depends, Query
from pydantic import Field
from sqlalchemy import Row

from common.http import CurrentCaller, Page, Paging, ResponseBody, Router, Tx, allow, may_answer, page, paged
from common.http.fields import Instant, Key
from notify.channels import handlers as channels
from notify.dispatch import settling, store

router = Router(tags=["notices"])

ById = paged(UUID)
State = Literal["queued", "sent", "failed", "suppressed"]
Channel = Literal["inbox", "email"]


class NoticeSummary(ResponseBody):
    """One notice. `cause_source` and `cause_id` name the event that asked for it; `reason` is why it did not go out."""

    notice_id: UUID
    member_id: UUID
    template: str
    template_version: int = Field(description="0 when no template was published.")
    channel: str
    cause_source: str
    cause_id: str
    cause_type: str
    about: str
    state: str
    reason: str
    attempts: int
    decided_at: datetime
    settled_at: datetime | None
    read_at: datetime | None


class AttemptResponse(ResponseBody):
    """One try to hand a mail to the provider. `unknown`: nobody knows whether it arrived."""

    channel: str
    provider: str
    outcome: str
    code: int = Field(description="The mail server's answer, 0 when there was none.")
    answer: str
    started_at: datetime
    duration_ms: int


class NoticeResponse(NoticeSummary):
    """One notice with its facts and every attempt. Texts of e-mails are not kept: they hold personal data."""

    facts: dict[str, Any]
    subject: str | None
    text: str | None
    tried: list[AttemptResponse]


class NoticeCount(ResponseBody):
    template: str
    channel: str
    state: str
    reason: str
    notices: int


class AttemptCount(ResponseBody):
    channel: str
    outcome: str
    attempts: int


class DuplicateCount(ResponseBody):
    """How often this sender sent an event of this type that had been taken in before."""

    source: str
    type: str
    count: int


class Figures(ResponseBody):
    """What this service did, at `as_of`. A notice is one template, cause and channel."""

    as_of: datetime
    notices: list[NoticeCount]
    attempts: list[AttemptCount]
    mails_waiting: int
    duplicates: list[DuplicateCount]


class _Filters:
    """All given filters must hold."""

    def __init__(
        self,
        member_id: UUID | None = None,
        cause_id: Annotated[Key | None, Query(description="Id of the event that asked for it.")] = None,
        cause_source: Key | None = None,
        about: Annotated[Key | None, Query(description="The order it speaks of.")] = None,
        state: State | None = None,
        channel: Channel | None = None,
        template: Key | None = None,
        decided_from: Annotated[Instant | None, Query(alias="from", description="Decided at or after.")] = None,
        decided_to: Annotated[Instant | None, Query(alias="to", description="Decided before.")] = None,
    ) -> None:
        self.values: Mapping[str, Any] = {name: value for name, value in locals().items() if name != "self"}


@router.get("/v1/notices", dependencies=[allow("notices:read")])
async def notices(
    filters: Annotated[_Filters, Depends()], paging: Annotated[Paging[tuple[UUID]], ById], tx: Tx
) -> Page[NoticeSummary]:
    """The newest first."""
    after = paging.after[0] if paging.after else None
    rows = await store.page(tx, filters.values, after, paging.fetch)
    return page(rows, paging, key=lambda row: (row.notice_id,), item=_summary)


@router.get("/v1/notices/{notice_id}", dependencies=[allow("notices:read")], responses=may_answer(404))
async def notice(notice_id: UUID, tx: Tx) -> NoticeResponse:
    return await _whole(tx, await settling.read(tx, notice_id))


@router.post(
    "/v1/notices/{notice_id}/resend",
    dependencies=[allow("notices:write")],
    responses=may_answer(404, 409),
    status_code=202,
)
async def resend(notice_id: UUID, tx: Tx, caller: CurrentCaller) -> NoticeResponse:
    """Give a failed notice a new round of attempts. It is judged again before it leaves."""
    return await _whole(tx, await settling.resend(tx, caller, notice_id))


@router.get("/v1/figures", dependencies=[allow("notices:read")])
async def figures(tx: Tx) -> Figures:
    return Figures(
        as_of=tx.now,
        notices=[NoticeCount(**_fields(row)) for row in await store.figures(tx)],
        attempts=[AttemptCount(**_fields(row)) for row in await channels.figures(tx)],
        mails_waiting=(await channels.waiting(tx)).waiting,
        duplicates=[DuplicateCount(**_fields(row)) for row in await store.duplicates(tx)],
    )


async def _whole(tx: Tx, row: Row[Any]) -> NoticeResponse:
    tried = [AttemptResponse(**_fields(attempt)) for attempt in await channels.attempts(tx, row.notice_id)]
    return NoticeResponse(**_fields(row), tried=tried)


def _summary(row: Row[Any]) -> NoticeSummary:
    return NoticeSummary(**_fields(row))


def _fields(row: Row[Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", row._mapping)
