"""The programme's calendar, and the move of all facts to their new days when its zone changes.

While facts move, each is counted on exactly one day, by the old zone or the new: sums over all days stay exact, and
answers say that a rebuild is on.
"""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from analytics.calendar import store
from analytics.calendar.domain import Calendar, calendar_at
from common.events import Event
from common.events.programme import ProgrammeSettings, ProgrammeUpdated
from common.storage import Transaction
from common.storage import programme as programmes

MOVED_AT_ONCE = 5_000
"""Of each kind; their rows are locked for a second at most, less than a worker waits for a lock."""
SETTLING_SECONDS = 120.0
"""Longer than any batch lasts: until then a worker may still write facts with days of the zone before."""


class MoveDays(Protocol):
    """Takes up to `limit` facts to their day in `zone` and returns how many it moved."""

    def __call__(self, tx: Transaction, *, zone: str, limit: int) -> Awaitable[int]: ...


async def programmes_updated(tx: Transaction, events: Sequence[Event[ProgrammeUpdated]]) -> None:
    """Keep the settings; another zone asks for a rebuild."""
    before = (await programmes.programme(tx)).time_zone
    await programmes.programmes_updated(tx, events)
    after = (await programmes.programme(tx)).time_zone
    if after != before:
        await store.request(tx, zone=after)


async def calendar(tx: Transaction) -> tuple[Calendar, ProgrammeSettings, bool]:
    """The calendar at the transaction's time, the settings it comes from, and whether a rebuild is on."""
    settings = await programmes.programme(tx)
    at = calendar_at(tx.now, zone=settings.time_zone, first_day_of_week=settings.first_day_of_week)
    return at, settings, await store.rebuilding(tx) is not None


async def snapshot(tx: Transaction) -> tuple[Calendar, ProgrammeSettings, bool]:
    """`calendar` at the start of a reading transaction, whose statements from then on all see the same state."""
    await store.snapshot(tx)
    return await calendar(tx)


async def rebuild(tx: Transaction, movers: Sequence[MoveDays]) -> int:
    """Move some facts if a rebuild is on; returns how many. When none is left it is finished."""
    current = await store.rebuilding(tx)
    if current is None:
        return 0
    zone = (await programmes.programme(tx)).time_zone
    moved = sum([await move(tx, zone=zone, limit=MOVED_AT_ONCE) for move in movers])
    if moved:
        await store.progress(tx, current, moved=moved)
    else:
        await store.finish(tx, settling_seconds=SETTLING_SECONDS)
    return moved


async def request_rebuild(tx: Transaction) -> None:
    """Ask for a rebuild (the proof found facts with days of another zone)."""
    if await store.rebuilding(tx) is None:
        await store.request(tx, zone=(await programmes.programme(tx)).time_zone)
