"""A late word on a member's tier, segments, data or first purchase corrects what was earned, so that the order of
arrival does not matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from common.events import Event
from common.events.members import MemberState, MemberTierChanged
from common.events.segments import SegmentEntered, SegmentLeft
from common.messaging import Outcome
from common.storage import Transaction
from points.accruals import handlers as accruals
from points.accruals.domain import Key, Purchase
from points.activities import store as activities
from points.cascade import handlers as cascade
from points.cascade.domain import Effect, Returned
from points.earning.pricing import Pricing, know, pricing
from points.evaluation.book import BIRTHDAY, SEGMENTS
from points.facts import handlers as facts
from points.facts.domain import first_difference
from points.facts.handlers import REGISTERED
from points.ledger import handlers as ledger
from points.ledger.handlers import Wallets
from points.repricing.correcting import Correcting, Repriced
from points.repricing.domain import FIRST_PURCHASE, MEMBER_DATA, SEGMENT_HISTORY, TIER_HISTORY

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)

Since = Mapping[UUID, tuple[datetime, Event[Any] | None]]
"""From which instant on something else was true of a member, and the event that told so."""


async def tiers_changed(tx: Transaction, events: Sequence[Event[MemberTierChanged]]) -> None:
    """Keep the newest history of each member, and correct what was earned under another tier."""
    changes = await facts.keep_histories(tx, events)
    priced = await pricing(tx)
    since: dict[UUID, tuple[datetime, Event[Any] | None]] = {}
    for change in changes:
        instant = first_difference(change.before, change.after, priced.first_tier)
        if instant is not None:
            since[change.after.member_id] = (instant, change.event)
    await reprice(tx, priced, since, TIER_HISTORY)
    await cascade.standings_changed(tx, {member_id: instant for member_id, (instant, _) in since.items()})


async def members_told(tx: Transaction, events: Sequence[Event[MemberState]]) -> list[Outcome]:
    """Registered or updated: keep the newest state; a birthday or a day of registration that differs corrects."""
    changes, outcomes = await facts.keep_states(tx, events)
    if changes:
        priced = await pricing(tx)
        since = {
            change.after.member_id: (BEGINNING, change.event)
            for change in changes
            # An erased member's points stay as they are: only the person behind them is forgotten.
            if not change.erased and _data_differ(change, priced)
        }
        await reprice(tx, priced, since, MEMBER_DATA)
    return outcomes


def _data_differ(change: facts.Change, priced: Pricing) -> bool:
    before, after, needs = change.before, change.after, priced.book.needs
    return (BIRTHDAY in needs and before.birthday != after.birthday) or (
        REGISTERED in needs and before.registered_at != after.registered_at
    )


async def segments_changed(
    tx: Transaction, events: Sequence[Event[SegmentEntered] | Event[SegmentLeft]]
) -> list[Outcome]:
    """Keep who is in which segment since when, and correct what was earned by rules that ask for it."""
    since, outcomes = await facts.keep_segments(tx, events)
    priced = await pricing(tx) if since else None
    if priced is not None and SEGMENTS in priced.book.needs:
        await reprice(tx, priced, since, SEGMENT_HISTORY)
    await cascade.standings_changed(tx, {member_id: instant for member_id, (instant, _) in since.items()})
    return outcomes


async def reprice(tx: Transaction, priced: Pricing, since: Since, reason: str) -> None:
    """Correct what each member earned with what occurred after its instant. The facts are kept already."""
    if not since:
        return
    wallets, known = await facts.lock(tx, since, priced.book.needs)
    instants = [(member_id, since[member_id][0]) for member_id in sorted(since)]
    purchases = await accruals.after(tx, instants)
    done = await activities.after(tx, instants)
    if purchases or done:
        await know(tx, priced, known)
        causes = {member_id: event for member_id, (_, event) in since.items()}
        await Correcting(tx, wallets, priced, reason, causes).correct(purchases, done)
        await ledger.save(tx, wallets)


async def firsts_moved(
    tx: Transaction,
    wallets: Wallets,
    priced: Pricing,
    member_ids: Iterable[UUID],
    causes: Mapping[UUID, Event[Any] | None] | None = None,
) -> list[Repriced]:
    """Another purchase of these members is their first now: the earliest of which something is left. Both are priced
    anew; the caller holds the wallets locked and saves them.
    """
    members = sorted(member_ids)
    first = await accruals.firsts(tx, members)
    called = await accruals.called_first(tx, members)
    are = {one.key: True for one in first.values()}
    wrong: dict[Key, Purchase] = {one.key: one for one in called if one.key not in are}
    wrong |= {one.key: one for one in first.values() if not one.is_first}
    if not wrong:
        return []
    found = sorted(wrong.values(), key=lambda one: one.place)
    return await Correcting(tx, wallets, priced, FIRST_PURCHASE, causes or {}).correct(
        found, firsts={one.key: one.key in are for one in found}
    )


async def firsts_returned(
    tx: Transaction,
    wallets: Wallets,
    priced: Pricing,
    gone: Sequence[tuple[Purchase, Returned]],
    causes: Mapping[Key, Event[Any] | None],
) -> list[Effect]:
    """Purchases came back wholly: where that was the first, the next surviving one of the member becomes the first; as
    receipt lines. It was the first though it was priced before any rule asked for that, so its place decides.
    """
    places = await accruals.first_places(tx, {purchase.member_id for purchase, _ in gone}) if gone else {}
    by_member = {
        purchase.member_id: returned
        for purchase, returned in sorted(gone, key=lambda one: one[0].place, reverse=True)
        if purchase.member_id.int in places and purchase.place < places[purchase.member_id.int]
    }
    events = {member: causes.get((one.source, one.return_id)) for member, one in by_member.items()}
    repriced = await firsts_moved(tx, wallets, priced, by_member, events) if by_member else []
    return [_effect(one, by_member[one.after.member_id], priced) for one in repriced]


def _effect(one: Repriced, returned: Returned, priced: Pricing) -> Effect:
    nets = [(correction.previously, correction.after) for correction in one.corrections]
    return Effect(
        member_id=priced.known.owner(one.after.member_id),
        source=returned.source,
        return_id=returned.return_id,
        subject="first_purchase",
        what=one.after.key[1],
        before=", ".join(f"{points} {after.wallet}" for points, after in nets) or "nothing",
        after=", ".join(f"{after.earned} {after.wallet}" for _, after in nets) or "nothing",
    )
