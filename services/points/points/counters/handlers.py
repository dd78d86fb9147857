"""Counts what members do, for whatever tasks and badges ask for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from common.storage import Transaction
from points.cascade.domain import Bought, Done, Returned
from points.counters import domain, store
from points.counters.domain import Entry, Goal, Measure, Ran
from points.counters.store import Span


class Touched(NamedTuple):
    """A counter of a member changed by something that occurred then."""

    member_id: UUID
    measure: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How far a member got with a goal from `since` on, before `until`."""

    member_id: UUID
    goal: Goal
    since: datetime
    until: datetime

    @property
    def span(self) -> Span:
        return Span(self.member_id, self.goal.measure.key, self.since, self.until)


def by_key(measures: Iterable[Measure]) -> dict[str, Measure]:
    """Equal measures once."""
    return {measure.key: measure for measure in measures}


async def purchases_taken(
    tx: Transaction, measures: Mapping[str, Measure], purchases: Sequence[Bought]
) -> set[Touched]:
    """What changed."""
    entries = [
        entry
        for bought in purchases
        for measure in measures.values()
        for entry in domain.entries_of_purchase(measure, bought)
    ]
    await store.add(tx, entries)
    return {Touched(entry.member_id, entry.measure, entry.occurred_at) for entry in entries}


async def activities_taken(
    tx: Transaction, measures: Mapping[str, Measure], activities: Sequence[Done], runs: Sequence[Ran]
) -> set[Touched]:
    """What changed by activities, and by the days in a row they made."""
    found = [domain.entry_of_activity(measure, done) for done in activities for measure in measures.values()]
    found += [domain.entry_of_run(measure, ran) for ran in runs for measure in measures.values()]
    entries = [entry for entry in found if entry is not None]
    await store.add(tx, entries)
    return {Touched(entry.member_id, entry.measure, entry.occurred_at) for entry in entries}


async def counts_any_of(tx: Transaction, returns: Sequence[Returned]) -> bool:
    """Whether anything was ever counted of the orders that came back: one query."""
    return bool(returns) and await store.any_of_orders(tx, returns)


async def purchases_returned(
    tx: Transaction, measures: Mapping[str, Measure], returns: Sequence[Returned]
) -> tuple[set[Touched], dict[int, Returned]]:
    """What changed; and of each member whose counters changed (the id as a whole number) the first return that did it.
    That is not always the one who bought: what others did because of an order goes with it as well.
    """
    newest: dict[tuple[str, str], Returned] = {}
    for returned in returns:
        order = (returned.order_source, returned.order_id)
        if order not in newest or returned.after > newest[order].after:
            newest[order] = returned
    changed: list[Entry] = []
    for entry in await store.of_orders(tx, newest):
        order = (entry.order_source, entry.order_id)
        gone = domain.gone_after(measures.get(entry.measure), entry, newest[order])
        if gone != entry.gone:
            changed.append(entry._replace(gone=gone))
    await store.take_away(tx, changed)
    members: dict[tuple[str, str], set[int]] = {}
    for one in changed:
        members.setdefault((one.order_source, one.order_id), set()).add(one.member_id.int)
    why: dict[int, Returned] = {}
    for returned in returns:
        for member in members.get((returned.order_source, returned.order_id), ()):
            why.setdefault(member, returned)
    return {Touched(one.member_id, one.measure, one.occurred_at) for one in changed}, why


async def since(tx: Transaction, measures: Iterable[str], instants: Mapping[UUID, datetime]) -> set[Touched]:
    """What was counted of these members from their instants on."""
    return {Touched(*row) for row in await store.since(tx, instants.items(), measures)} if instants else set()


async def values(tx: Transaction, questions: Sequence[Question]) -> list[int]:
    """How far each got, in the order of the questions."""
    return await store.values(tx, [one.span for one in questions], [one.goal.measure.what for one in questions])


async def reached(tx: Transaction, questions: Sequence[Question]) -> list[datetime | None]:
    """When each goal was reached, None for not yet; in the order of the questions."""
    entries = await store.entries(tx, [one.span for one in questions])
    return [
        domain.reached_at(found, one.goal.measure.what, one.goal.target)
        for one, found in zip(questions, entries, strict=True)
    ]
