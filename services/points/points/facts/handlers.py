"""Keeps what members tells: the highest revision wins, so the order of events does not matter."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.events import Event
from common.events.members import MemberState, MemberTierChanged
from common.events.segments import SegmentEntered, SegmentLeft, SegmentMembership
from common.messaging import Outcome, dead, duplicate
from common.security import datakeys
from common.security.masterkeys import SealBrokenError, decode
from common.storage import Transaction
from points.evaluation.occasion import Birthday
from points.facts import birthdays, store
from points.facts.domain import Known, MemberFacts, SegmentChange
from points.ledger import handlers as ledger

BIRTHDAY, SEGMENTS, REGISTERED = "birthday", "segments", "registered"
"""What of a member may be needed beside the tier (`Book.needs`)."""
ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was known of a member, and what is known now."""

    event: Event[Any]
    before: MemberFacts
    after: MemberFacts
    erased: bool = False


async def keep_states(tx: Transaction, events: Sequence[Event[Any]]) -> tuple[list[Change], list[Outcome]]:
    """Keep the newest state of each member; gives what was known before, and is now.

    The members' wallets are open and stay locked, so that no purchase is priced in between.
    """
    outcomes = [dead(event, "sealed_data_broken", flaw) for event in events if (flaw := _flaw(event.data))]
    refused = {outcome.event.id for outcome in outcomes}
    told = sorted((event for event in events if event.id not in refused), key=lambda event: event.data.revision)
    newest: dict[UUID, Event[Any]] = {event.data.member_id: event for event in told}
    member_ids = sorted(newest)
    await ledger.open_wallets(tx, member_ids)
    await ledger.lock(tx, member_ids)
    known = await store.states(tx, member_ids)
    fresh = [
        newest[one].data for one in member_ids if one not in known or known[one].revision < newest[one].data.revision
    ]
    if fresh:
        await store.keep_states(tx, fresh)
        await _keep_keys(tx, fresh)
    changes = [
        Change(
            event=newest[state.member_id],
            before=_state_facts(state.member_id, known.get(state.member_id)),
            after=MemberFacts(
                member_id=state.member_id,
                registered_at=state.registered_at,
                birthday=state.birthday.box if state.birthday else None,
            ),
            erased=state.status == ERASED,
        )
        for state in fresh
    ]
    return changes, outcomes


def _state_facts(member_id: UUID, row: Any | None) -> MemberFacts:
    if row is None:
        return MemberFacts(member_id=member_id)
    return MemberFacts(member_id=member_id, registered_at=row.registered_at, birthday=row.birthday)


async def _keep_keys(tx: Transaction, states: Sequence[MemberState]) -> None:
    """The keys of birthdays, as they came: wrapped. An erased member loses the key for ever."""
    keys = {state.member_id: state.birthday.key for state in states if state.birthday and state.status != ERASED}
    await datakeys.adopt(tx, keys)
    await datakeys.destroy(tx, *(state.member_id for state in states if state.status == ERASED))


def _flaw(state: MemberState) -> str:
    if state.birthday is None:
        return ""
    try:
        decode(state.birthday.box)
        datakeys.sealed_bytes(state.birthday.key)
    except (ValueError, SealBrokenError) as error:
        return f"the sealed birthday cannot be kept: {error}"
    return ""


async def keep_histories(tx: Transaction, events: Sequence[Event[MemberTierChanged]]) -> list[Change]:
    """Keep the newest tier history of each member. Its wallets stay locked: no purchase is priced in between."""
    newest = {event.data.member_id: event for event in sorted(events, key=lambda event: event.data.revision)}
    member_ids = sorted(newest)
    await ledger.open_wallets(tx, member_ids)
    await ledger.lock(tx, member_ids)
    revisions = await store.tier_revisions(tx, member_ids)
    before = await store.facts_of(tx, member_ids, everybody=False)
    changes: list[Change] = []
    for member_id in member_ids:
        change = newest[member_id].data
        if change.revision > revisions.get(member_id, 0):
            steps = sorted(change.history, key=lambda step: step.since)
            after = MemberFacts(
                member_id=member_id, tiers=[step.tier for step in steps], since=[step.since for step in steps]
            )
            known = before.get(member_id.int) or MemberFacts(member_id=member_id)
            changes.append(Change(event=newest[member_id], before=known, after=after))
    if changes:
        await store.keep_histories(tx, [(change.event.data, change.after) for change in changes])
    return changes


async def keep_segments(
    tx: Transaction, events: Sequence[Event[SegmentEntered] | Event[SegmentLeft]]
) -> tuple[dict[UUID, tuple[datetime, Event[Any] | None]], list[Outcome]]:
    """Keep which segments members entered and left; gives from which instant on each member's segments are new."""
    outcomes: list[Outcome] = []
    member_ids = sorted({event.data.member_id for event in events})
    await ledger.open_wallets(tx, member_ids)
    await ledger.lock(tx, member_ids)
    known = {
        (member_id, one.segment, one.revision): one
        for member_id, changes in (await store.segments_of(tx, member_ids)).items()
        for one in changes
    }
    new: list[tuple[SegmentMembership, SegmentChange]] = []
    since: dict[UUID, tuple[datetime, Event[Any] | None]] = {}
    for event in events:
        told = event.data
        change = SegmentChange(told.segment, told.revision, isinstance(told, SegmentEntered), told.occurred_at)
        key = (told.member_id, told.segment, told.revision)
        if key in known:
            outcomes.append(_again(event, known[key] == change))
            continue
        known[key] = change
        new.append((told, change))
        if told.member_id not in since or told.occurred_at < since[told.member_id][0]:
            since[told.member_id] = (told.occurred_at, event)
    if new:
        await store.keep_segments(tx, sorted(new, key=lambda one: (one[0].member_id, one[1])))
    return since, outcomes


def _again(event: Event[Any], same: bool) -> Outcome:
    if same:
        return duplicate(event)
    told = event.data
    message = f"Revision {told.revision} of segment {told.segment} and member {told.member_id} came before, different."
    return dead(event, "revision_reused", message)


async def known(tx: Transaction, member_ids: Iterable[UUID], needs: Iterable[str] = ()) -> Known:
    """What is known of these members and of those they were merged into; `needs` says what beside the tier."""
    wanted = frozenset(needs)
    everybody = not wanted.isdisjoint((BIRTHDAY, REGISTERED))
    found = Known(await store.facts_of(tx, member_ids, everybody=everybody))
    while missing := found.missing():
        more = await store.facts_of(tx, missing, everybody=True)
        unknown = {one.int: MemberFacts(member_id=one) for one in missing if one.int not in more}
        found = Known({**found.members, **more, **unknown})
    if SEGMENTS in wanted:
        asked = {*member_ids, *(facts.member_id for facts in found.members.values())}
        found = found.with_segments(await store.segments_of(tx, asked))
    return found


async def lock(tx: Transaction, member_ids: Iterable[UUID], needs: Iterable[str] = ()) -> tuple[ledger.Wallets, Known]:
    """Lock the wallets of these members and of those who hold their points now, and tell what is known of them."""
    locked = set(member_ids)
    while True:
        wallets = await ledger.lock(tx, locked)
        facts = await known(tx, locked, needs)
        owners = {facts.owner(member_id) for member_id in locked} if facts.members else locked
        if owners <= locked:
            return wallets, facts
        locked |= owners


async def survivors(tx: Transaction, member_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Who holds the points of these members now; only those that were merged."""
    asked = list(member_ids)
    facts = await known(tx, asked)
    owners = {member_id: facts.owner(member_id) for member_id in asked}
    return {member_id: owner for member_id, owner in owners.items() if owner != member_id}


async def group(tx: Transaction, member_id: UUID) -> list[UUID]:
    """The member and all that were merged into it."""
    return await store.group(tx, member_id)


async def relatives(tx: Transaction, member_ids: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """Who else is the same person by merges, in either direction; only of those that were merged."""
    found: dict[UUID, list[UUID]] = {}
    for member_id, other in await store.relatives(tx, member_ids):
        found.setdefault(member_id, []).append(other)
    return found


async def merged(tx: Transaction, absorbed: UUID, survivor: UUID, at: datetime) -> None:
    """From `at` on the absorbed member is the survivor; its points are there whenever it earned them."""
    await store.merge(tx, absorbed, survivor, at)


async def unmerged(tx: Transaction, absorbed: UUID) -> None:
    """The member stands for itself again."""
    await store.merge(tx, absorbed, None, None)


async def birthdays_of(tx: Transaction, facts: Iterable[MemberFacts]) -> Mapping[int, Birthday]:
    """The birthdays that are known and can be opened here, by the member's id as a whole number."""
    return await birthdays.opened(tx, {one.member_id: one.birthday for one in facts if one.birthday})
