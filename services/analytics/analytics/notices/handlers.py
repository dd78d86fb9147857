"""Outcomes of notices become facts, counted by day in the same transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from analytics.calendar.domain import Range, day_of
from analytics.facts.handlers import once
from analytics.notices import domain, store
from analytics.notices.domain import NoticeFact, NoticeKey, State
from common.events import Event
from common.events.notices import NoticeFailed, NoticeSent, NoticeSuppressed
from common.messaging import Outcome
from common.storage import Transaction
from common.storage.programme import programme

Decided = TypeVar("Decided", NoticeSent, NoticeFailed, NoticeSuppressed)

FOLD_LIMIT = 5_000


async def notices_sent(tx: Transaction, events: Sequence[Event[NoticeSent]]) -> Sequence[Outcome]:
    return await _keep(tx, events, "sent")


async def notices_failed(tx: Transaction, events: Sequence[Event[NoticeFailed]]) -> Sequence[Outcome]:
    return await _keep(tx, events, "failed")


async def notices_suppressed(tx: Transaction, events: Sequence[Event[NoticeSuppressed]]) -> Sequence[Outcome]:
    return await _keep(tx, events, "suppressed")


async def figures(tx: Transaction, over: Range) -> list[tuple[NoticeKey, int]]:
    """Notices by day, template, channel and state."""
    return await store.days(tx, over)


async def everything(tx: Transaction) -> tuple[dict[str, int], datetime | None]:
    """All outcomes by state, and when the last was recorded."""
    return await store.everything(tx)


async def fold(tx: Transaction) -> None:
    """Job: make one row of each day's many."""
    await store.fold(tx, limit=FOLD_LIMIT)


async def move_days(tx: Transaction, *, zone: str, limit: int) -> int:
    """Take up to `limit` outcomes to their day in `zone`; returns how many were moved."""
    rows = await store.stale(tx, zone=zone, limit=limit)
    if not rows:
        return 0
    days = await store.move(tx, rows, zone=zone)
    changes = []
    for row, day in zip(rows, days, strict=True):
        for where, sign in ((row.day, -1), (day, 1)):
            key = NoticeKey(day=where, template=row.template, channel=row.channel, state=row.state)
            changes.append((key, sign))
    if changed := domain.folded(changes):
        await store.add(tx, changed, moved=True)
    return len(rows)


async def _keep(tx: Transaction, events: Sequence[Event[Decided]], state: State) -> Sequence[Outcome]:
    zone = (await programme(tx)).time_zone
    local = ZoneInfo(zone)

    async def insert(first: Sequence[Event[Decided]]) -> Collection[store.Key]:
        facts = [_fact(event, state, local) for event in first]
        new = await store.insert(tx, facts, zone=zone)
        counted = domain.folded((_key(fact), 1) for fact in facts if (fact.notice_id, fact.state) in new)
        if counted:
            await store.add(tx, counted)
        return new

    return await once(
        events,
        key=lambda event: (event.data.notice_id, state),
        insert=insert,
        known=lambda keys: store.known(tx, keys),
        reused="notice_reused",
    )


def _fact(event: Event[Decided], state: State, local: ZoneInfo) -> NoticeFact:
    data = event.data
    return NoticeFact(
        notice_id=data.notice_id,
        state=state,
        member_id=data.member_id,
        template=data.template,
        channel=data.channel,
        reason="" if isinstance(data, NoticeSent) else data.reason,
        occurred_at=data.decided_at,
        day=day_of(data.decided_at, local),
        body_hash=event.body_hash,
    )


def _key(fact: NoticeFact) -> NoticeKey:
    return NoticeKey(day=fact.day, template=fact.template, channel=fact.channel, state=fact.state)
