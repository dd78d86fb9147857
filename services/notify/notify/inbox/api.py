"""HTTP door to members' inboxes."""

from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import Field
from sqlalchemy import Row

from common.http import Page, Paging, ResponseBody, Router, Tx, allow, may_answer, page, paged
from notify.inbox import handlers

router = Router(tags=["inbox"])

ByUnread = paged(int, UUID)


class InboxNotice(ResponseBody):
    """A notice as the member sees it. `about` is the order it speaks of; `facts` are what it was made from."""

    notice_id: UUID
    template: str
    subject: str
    text: str
    about: str
    facts: dict[str, Any]
    decided_at: datetime
    read_at: datetime | None


class Inbox(Page[InboxNotice]):
    """A part of the inbox, unread first."""

    unread: int = Field(description="Unread ones in all.")


class MarkedRead(ResponseBody):
    marked: int


@router.get("/v1/members/{member_id}/inbox", dependencies=[allow("notices:read")], responses=may_answer(404))
async def inbox(member_id: UUID, paging: Annotated[Paging[tuple[int, UUID]], ByUnread], tx: Tx) -> Inbox:
    """What the member was told, unread first, then the newest. What is read between two parts may move."""
    rows, unread = await handlers.show(tx, member_id, paging.after, paging.fetch)
    part = page(rows, paging, key=lambda row: (0 if row.read_at is None else 1, row.notice_id), item=_notice)
    return Inbox(items=part.items, next=part.next, unread=unread)


@router.post(
    "/v1/members/{member_id}/inbox/{notice_id}/read", dependencies=[allow("notices:write")], responses=may_answer(404)
)
async def read(member_id: UUID, notice_id: UUID, tx: Tx) -> InboxNotice:
    """Mark one as read; again changes nothing."""
    return _notice(await handlers.read(tx, member_id, notice_id))


@router.post("/v1/members/{member_id}/inbox/read", dependencies=[allow("notices:write")], responses=may_answer(404))
async def read_all(member_id: UUID, tx: Tx) -> MarkedRead:
    """Mark everything as read."""
    return MarkedRead(marked=await handlers.read_all(tx, member_id))


def _notice(row: Row[Any]) -> InboxNotice:
    return InboxNotice(**cast("dict[str, Any]", row._mapping))
