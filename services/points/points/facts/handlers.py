"""Keeps what members tells: the highest revision wins, so the order of events does not matter."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from common.events import Event
from common.events.members import MemberRegistered, MemberState, MemberTierChanged, MemberUpdated
from common.storage import Transaction
from points.facts import store
from points.facts.domain import MemberFacts
from points.ledger import handlers as ledger


async def members_registered(tx: Transaction, events: Sequence[Event[MemberRegistered]]) -> None:
    await _keep(tx, [event.data for event in events])


async def members_updated(tx: Transaction, events: Sequence[Event[MemberUpdated]]) -> None:
    await _keep(tx, [event.data for event in events])


async def _keep(tx: Transaction, states: Sequence[MemberState]) -> None:
    newest = {state.member_id: state for state in sorted(states, key=lambda state: state.revision)}
    member_ids = sorted(newest)
    await ledger.open_wallets(tx, member_ids)
    await ledger.lock(tx, member_ids)
    await store.keep_states(tx, [newest[member_id] for member_id in member_ids])


@dataclass(frozen=True, slots=True, kw_only=True)
class TierChange:
    """A member's tier history as it was known before, and as it is known now."""

    event: Event[MemberTierChanged]
    before: MemberFacts
    after: MemberFacts


async def keep_histories(
    tx: Transaction, events: Sequence[Event[MemberTierChanged]]
) -> tuple[ledger.Wallets, list[TierChange]]:
    """Keep the newest history of each member. Its wallets stay locked, so that no purchase is priced in between."""
    newest = {event.data.member_id: event for event in sorted(events, key=lambda event: event.data.revision)}
    member_ids = sorted(newest)
    await ledger.open_wallets(tx, member_ids)
    wallets = await ledger.lock(tx, member_ids)
    revisions = await store.tier_revisions(tx, member_ids)
    before = await store.histories_of(tx, member_ids)
    changes: list[TierChange] = []
    for member_id in member_ids:
        change = newest[member_id].data
        if change.revision > revisions.get(member_id, 0):
            steps = sorted(change.history, key=lambda step: step.since)
            after = MemberFacts(
                member_id=member_id, tiers=[step.tier for step in steps], since=[step.since for step in steps]
            )
            known = before.get(member_id.int) or MemberFacts(member_id=member_id)
            changes.append(TierChange(event=newest[member_id], before=known, after=after))
    if changes:
        await store.keep_histories(tx, [(change.event.data, change.after) for change in changes])
    return wallets, changes


async def histories_of(tx: Transaction, member_ids: Iterable[UUID]) -> dict[int, MemberFacts]:
    """Of those members that have a tier history, by the id as a whole number."""
    return await store.histories_of(tx, member_ids)
