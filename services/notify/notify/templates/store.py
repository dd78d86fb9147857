"""SQL of templates."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from notify.templates.domain import Place, Wording

_CURRENT = """
    SELECT DISTINCT ON (key, channel, locale) key, channel, locale, template_id FROM templates
    WHERE state = 'published' ORDER BY key, channel, locale, version DESC
"""
_BY_IDS = "SELECT * FROM templates WHERE template_id = ANY(CAST(:ids AS uuid[]))"
_ONE = "SELECT * FROM templates WHERE template_id = :template_id"
_ONE_LOCKED = _ONE + " FOR UPDATE"
_PAGE = """
    SELECT * FROM templates
    WHERE (CAST(:key AS text) IS NULL OR key = :key) AND (CAST(:channel AS text) IS NULL OR channel = :channel)
      AND (CAST(:locale AS text) IS NULL OR locale = :locale) AND (CAST(:state AS text) IS NULL OR state = :state)
      AND (CAST(:after_key AS text) IS NULL
           OR (key, channel, locale, -version)
              > (:after_key, :after_channel, :after_locale, -CAST(:after_version AS integer)))
    ORDER BY key, channel, locale, -version LIMIT :limit
"""
_DRAFT = (
    "SELECT template_id FROM templates WHERE key = :key AND channel = :channel AND locale = :locale AND state = 'draft'"
)
_CREATE = """
    INSERT INTO templates
        (template_id, key, channel, locale, version, state, subject, text, html, created_at, created_by)
    SELECT :template_id, :key, :channel, :locale, COALESCE(max(version), 0) + 1, 'draft',
        :subject, :text, :html, :now, :by
    FROM templates WHERE key = :key AND channel = :channel AND locale = :locale
    ON CONFLICT DO NOTHING
    RETURNING *
"""
_REWRITE = """
    UPDATE templates SET subject = :subject, text = :text, html = :html, revision = revision + 1
    WHERE template_id = :template_id RETURNING *
"""
_PUBLISH = """
    UPDATE templates SET state = 'published', published_at = :now, published_by = :by
    WHERE template_id = :template_id RETURNING *
"""
_DISCARD = "DELETE FROM templates WHERE template_id = :template_id"


async def current(tx: Transaction) -> dict[Place, UUID]:
    """The newest published version of each place."""
    rows = await tx.fetch_all(_CURRENT)
    return {Place(key=row.key, channel=row.channel, locale=row.locale): row.template_id for row in rows}


async def by_ids(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_BY_IDS, {"ids": list(ids)})


async def one(tx: Transaction, template_id: UUID, *, lock: bool = False) -> Row[Any] | None:
    return await tx.fetch_one(_ONE_LOCKED if lock else _ONE, {"template_id": template_id})


async def page(
    tx: Transaction, filters: dict[str, str | None], after: tuple[str, str, str, int] | None, limit: int
) -> Sequence[Row[Any]]:
    """By place, newest version first. `filters`: key, channel, locale, state; None for any."""
    key, channel, locale, version = after or (None, None, None, None)
    position = {"after_key": key, "after_channel": channel, "after_locale": locale, "after_version": version}
    return await tx.fetch_all(_PAGE, {**filters, **position, "limit": limit})


async def draft_of(tx: Transaction, place: Place) -> UUID | None:
    found: UUID | None = await tx.fetch_value(_DRAFT, _place(place))
    return found


async def create(tx: Transaction, template_id: UUID, place: Place, wording: Wording, by: str) -> Row[Any] | None:
    """None when somebody else made a draft of this place in the meantime."""
    return await tx.fetch_one(
        _CREATE, {**_place(place), **_wording(wording), "template_id": template_id, "now": tx.now, "by": by}
    )


async def rewrite(tx: Transaction, template_id: UUID, wording: Wording) -> Row[Any]:
    return _found(await tx.fetch_one(_REWRITE, {**_wording(wording), "template_id": template_id}))


async def publish(tx: Transaction, template_id: UUID, by: str) -> Row[Any]:
    return _found(await tx.fetch_one(_PUBLISH, {"template_id": template_id, "now": tx.now, "by": by}))


async def discard(tx: Transaction, template_id: UUID) -> None:
    await tx.execute(_DISCARD, {"template_id": template_id})


def _found(row: Row[Any] | None) -> Row[Any]:
    assert row is not None, "the row is locked by this transaction"
    return row


def _place(place: Place) -> dict[str, str]:
    return {"key": place.key, "channel": place.channel, "locale": place.locale}


def _wording(wording: Wording) -> dict[str, str]:
    return {"subject": wording.subject, "text": wording.text, "html": wording.html}
