"""Queued notices: judged again just before they leave, settled afterwards, sent again when somebody asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.events import Contract, Event
from common.events.notices import Notice, NoticeFailed, NoticeSent, NoticeSuppressed
from common.events.programme import ProgrammeSettings
from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from common.storage.programme import programme
from notify.channels import handlers as channels
from notify.dispatch import domain, store
from notify.dispatch.domain import FAILED, QUEUED, SENT, UNCORRECTED
from notify.dispatch.handlers import corrections_of
from notify.dispatch.store import Settled as Settled
from notify.preferences import handlers as preferences
from notify.preferences.domain import Recipient, zone_of
from notify.since.handlers import later_of
from notify.templates import handlers as templates
from notify.templates.domain import Template, Wording
from notify.templates.words import words


class NoticeUnknownError(Exception):
    def __init__(self, notice_id: UUID) -> None:
        super().__init__("there is no such notice")
        self.notice_id = notice_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A queued notice at the moment it would leave. `reason` is "" when it may."""

    notice_id: UUID
    member_id: UUID
    reason: str
    facts: Mapping[str, object]
    recipient: Recipient
    template: Template | None
    programme: ProgrammeSettings

    def word(self, personal: Mapping[str, str]) -> Wording:
        """The text for this member; `personal` is what was unsealed for it."""
        assert self.template is not None, "a notice without a template has a reason"
        zone = zone_of(self.recipient.time_zone, self.programme.time_zone)
        told = {**self.facts, "programme": self.programme.name}
        return self.template.fill(words(self.template, told, zone=zone, personal=personal))


async def judge(tx: Transaction, notice_ids: Sequence[UUID], *, stale_after_hours: float) -> list[Judged]:
    """The facts as they are now, for notices that are still queued."""
    rows = [row for row in await store.by_ids(tx, notice_ids) if row.state == QUEUED]
    known = await preferences.recipients(tx, {row.member_id for row in rows})
    corrections = await corrections_of(tx, [order for row in rows if (order := _order_of(row))])
    ready = await templates.ready(tx, {row.template_id for row in rows if row.template_id})
    settings = await programme(tx)
    since = await later_of(tx, [(row.member_id, row.facts) for row in rows])
    judged = []
    for row, found in zip(rows, since, strict=True):
        recipient = known[row.member_id]
        correction = corrections.get(order, UNCORRECTED) if (order := _order_of(row)) else UNCORRECTED
        verdict = domain.judge(row.template, row.channel, row.facts, recipient, correction, later=found, now=tx.now)
        reason = verdict.reason
        if not reason and domain.is_stale(row.cause_time, tx.now, stale_after_hours):
            reason = domain.STALE
        template = ready.get(row.template_id)
        judged.append(
            Judged(
                notice_id=row.notice_id,
                member_id=row.member_id,
                reason=reason or ("" if template else domain.NO_TEMPLATE),
                facts=verdict.facts,
                recipient=recipient,
                template=template,
                programme=settings,
            )
        )
    return judged


async def settle(tx: Transaction, settled: Sequence[Settled]) -> None:
    """Write what became of queued notices and tell of it; one that was settled before stays as it is."""
    for row in await store.settle(tx, sorted(settled, key=lambda one: one.notice_id)) if settled else ():
        event = _event_of(row)
        if event is not None:
            tx.emit(event, cause=_cause_of(row))


async def resend(tx: Transaction, caller: Caller, notice_id: UUID) -> Row[Any]:
    """A failed notice gets a new round of attempts. Raises NoticeUnknownError, NoticeNotFailedError."""
    row = await read(tx, notice_id, lock=True)
    if row.state != FAILED:
        raise domain.NoticeNotFailedError(row.state)
    await store.requeue(tx, notice_id)
    await channels.queue(tx, [(notice_id, row.member_id)], due_at=tx.now)
    await audit(tx, caller, "notice.resent", notice_id, member_id=row.member_id, reason=row.reason)
    return await read(tx, notice_id)


async def read(tx: Transaction, notice_id: UUID, *, lock: bool = False) -> Row[Any]:
    """Raises NoticeUnknownError."""
    row = await store.one(tx, notice_id, lock=lock)
    if row is None:
        raise NoticeUnknownError(notice_id)
    return row


def _cause_of(row: Row[Any]) -> Event[Contract]:
    """What is known of the cause hours later: enough to go on with its trace."""
    return Event(
        source=row.cause_source,
        id=row.cause_id,
        type=row.cause_type,
        time=row.cause_time,
        data=Contract(),
        body_hash=b"",
        traceparent=row.traceparent,
    )


def _order_of(row: Row[Any]) -> store.Order | None:
    source, order_id = row.facts.get("order_source"), row.facts.get("order_id")
    return (row.member_id, source, order_id) if source and order_id else None


def _event_of(row: Row[Any]) -> Notice | None:
    about: dict[str, Any] = {
        "notice_id": row.notice_id,
        "member_id": row.member_id,
        "template": row.template,
        "template_version": row.template_version,
        "channel": row.channel,
        "cause_source": row.cause_source,
        "cause_id": row.cause_id,
        "about": row.about,
        "decided_at": row.decided_at,
    }
    if row.state == SENT:
        return NoticeSent(**about, attempts=row.attempts)
    if row.state == FAILED:
        return NoticeFailed(**about, attempts=row.attempts, reason=row.reason)
    if row.state == QUEUED:
        return None
    return NoticeSuppressed(**about, reason=row.reason)
