"""SQL of the inbox: notices of channel `inbox`, which dispatch writes; only `read_at` is written here."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction

_PAGE = """
    SELECT notice_id, template, subject, text, about, facts, decided_at, read_at
    FROM notices
    WHERE member_id = :member_id AND channel = 'inbox' AND state = 'sent'
      AND (CAST(:after_id AS uuid) IS NULL
           OR (CASE WHEN read_at IS NULL THEN 0 ELSE 1 END, :after_id) > (CAST(:after_read AS integer), notice_id))
    ORDER BY CASE WHEN read_at IS NULL THEN 0 ELSE 1 END, notice_id DESC LIMIT :limit
"""
_UNREAD = """
    SELECT count(*) FROM notices
    WHERE member_id = :member_id AND channel = 'inbox' AND state = 'sent' AND read_at IS NULL
"""
_KNOWN = "SELECT 1 FROM contacts WHERE member_id = :member_id"
_READ = """
    UPDATE notices SET read_at = COALESCE(read_at, :now)
    WHERE member_id = :member_id AND notice_id = :notice_id AND channel = 'inbox' AND state = 'sent'
    RETURNING notice_id, template, subject, text, about, facts, decided_at, read_at
"""
_READ_ALL = """
    UPDATE notices SET read_at = :now
    WHERE member_id = :member_id AND channel = 'inbox' AND state = 'sent' AND read_at IS NULL
"""


async def page(tx: Transaction, member_id: UUID, after: tuple[int, UUID] | None, limit: int) -> Sequence[Row[Any]]:
    """Unread first, then by time, newest first; `after` is (0 unread or 1 read, notice id) of the last one shown."""
    after_read, after_id = after or (None, None)
    position = {"after_read": after_read, "after_id": after_id}
    return await tx.fetch_all(_PAGE, {"member_id": member_id, "limit": limit, **position})


async def unread(tx: Transaction, member_id: UUID) -> int:
    return int(await tx.fetch_value(_UNREAD, {"member_id": member_id}))


async def known(tx: Transaction, member_id: UUID) -> bool:
    return await tx.fetch_value(_KNOWN, {"member_id": member_id}) is not None


async def read(tx: Transaction, member_id: UUID, notice_id: UUID) -> Row[Any] | None:
    return await tx.fetch_one(_READ, {"member_id": member_id, "notice_id": notice_id, "now": tx.now})


async def read_all(tx: Transaction, member_id: UUID) -> int:
    return await tx.execute(_READ_ALL, {"member_id": member_id, "now": tx.now})
