"""Members and their tiers become facts; the highest revision holds, whatever comes first."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from analytics.people import store
from analytics.people.domain import MemberFact, TierSpan, spans
from common.events import Event
from common.events.members import MemberRegistered, MemberState, MemberTierChanged, MemberUpdated
from common.storage import Transaction

State = TypeVar("State", bound=MemberState)


async def members_registered(tx: Transaction, events: Sequence[Event[MemberRegistered]]) -> None:
    await _keep(tx, [event.data for event in events])


async def members_updated(tx: Transaction, events: Sequence[Event[MemberUpdated]]) -> None:
    await _keep(tx, [event.data for event in events])


async def members_tier_changed(tx: Transaction, events: Sequence[Event[MemberTierChanged]]) -> None:
    """The whole history replaces what was known, so that a late purchase changes tiers of the past here too."""
    latest: dict[UUID, MemberTierChanged] = {}
    for event in events:
        known = latest.get(event.data.member_id)
        if known is None or known.revision < event.data.revision:
            latest[event.data.member_id] = event.data
    histories = [(member_id, latest[member_id].revision, latest[member_id].tier) for member_id in sorted(latest)]
    changed = await store.keep_histories(tx, histories)
    if changed:
        await store.replace_spans(tx, {member_id: _spans(latest[member_id]) for member_id in changed})


async def people(tx: Transaction) -> store.People:
    return await store.people(tx)


async def _keep(tx: Transaction, states: Sequence[MemberState]) -> None:
    latest: dict[UUID, MemberState] = {}
    for state in states:
        known = latest.get(state.member_id)
        if known is None or known.revision < state.revision:
            latest[state.member_id] = state
    await store.keep_members(tx, [_fact(latest[member_id]) for member_id in sorted(latest)])


def _fact(state: MemberState) -> MemberFact:
    return MemberFact(
        member_id=state.member_id,
        revision=state.revision,
        status=state.status,
        registered_at=state.registered_at,
        channel=state.channel,
        region=state.region,
        gender=state.gender,
        tier=state.tier,
    )


def _spans(changed: MemberTierChanged) -> list[TierSpan]:
    if changed.history:
        return spans((step.tier, step.since) for step in changed.history)
    return spans([(changed.tier, changed.effective_at)])
