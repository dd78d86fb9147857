"""Reading the inbox."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from notify.inbox import store


class MemberUnknownError(Exception):
    def __init__(self, member_id: UUID) -> None:
        super().__init__("nothing is known of this member here")
        self.member_id = member_id


class NotInInboxError(Exception):
    def __init__(self, notice_id: UUID) -> None:
        super().__init__("this notice is not in the member's inbox")
        self.notice_id = notice_id


async def show(
    tx: Transaction, member_id: UUID, after: tuple[int, UUID] | None, limit: int
) -> tuple[Sequence[Row[Any]], int]:
    """A part of the inbox and how many are unread in all. Raises MemberUnknownError."""
    rows = await store.page(tx, member_id, after, limit)
    if not rows and not await store.known(tx, member_id):
        raise MemberUnknownError(member_id)
    return rows, await store.unread(tx, member_id)


async def read(tx: Transaction, member_id: UUID, notice_id: UUID) -> Row[Any]:
    """Mark one as read; the first time counts. Raises NotInInboxError."""
    row = await store.read(tx, member_id, notice_id)
    if row is None:
        raise NotInInboxError(notice_id)
    return row


async def read_all(tx: Transaction, member_id: UUID) -> int:
    """Mark everything as read; returns how many were not. Raises MemberUnknownError."""
    if not await store.known(tx, member_id):
        raise MemberUnknownError(member_id)
    return await store.read_all(tx, member_id)
