"""Lets streaks, counters, tasks and badges follow purchases, activities and returns: one story, set by set.

Where nothing is active this is one query per batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from common.events.programme import ProgrammeSettings
from common.security.grants import Grant
from common.storage import Transaction
from common.storage.programme import programme
from points.badges import handlers as badges
from points.badges.domain import Badge
from points.cascade.domain import Bought, Done, Effect, Returned, Undone
from points.counters import handlers as counters
from points.counters.domain import Measure, Ran
from points.counters.handlers import Touched
from points.facts import handlers as facts
from points.incentives import handlers as incentives
from points.incentives.domain import BADGE, STREAK, TASK, Incentive
from points.ledger import handlers as ledger
from points.ledger.handlers import Wallets
from points.streaks import handlers as streaks
from points.streaks import undoing
from points.streaks.domain import Day
from points.tasks import handlers as tasks
from points.tasks.domain import Task


class _Following:
    """The tasks and badges that count, and what they measure."""

    def __init__(self, found: Iterable[Incentive]) -> None:
        some = list(found)
        self.tasks: Sequence[Task] = tasks.tasks_of(some)
        self.badges: Sequence[Badge] = badges.badges_of(some)
        measures: list[Measure] = [goal.measure for task in self.tasks for goal in task.goals]
        self.measures = counters.by_key([*measures, *badges.measures(self.badges)])

    async def counted(
        self,
        tx: Transaction,
        wallets: Wallets,
        settings: ProgrammeSettings,
        touched: Iterable[Touched],
        why: Mapping[int, Returned] | None = None,
    ) -> list[Effect]:
        changed = list(touched)
        effects = await tasks.counted(tx, wallets, settings, self.tasks, changed, why)
        return effects + await badges.counted(tx, wallets, settings, self.badges, changed, why)


async def purchases_taken(tx: Transaction, wallets: Wallets, purchases: Sequence[Bought]) -> None:
    """After purchases earned: what counts them goes on."""
    if not purchases:
        return
    found = await incentives.counting(tx, TASK, BADGE, occurred=[one.occurred_at for one in purchases])
    if found:
        following = _Following(found)
        touched = await counters.purchases_taken(tx, following.measures, purchases)
        if touched:
            await following.counted(tx, wallets, await programme(tx), touched)


async def activities_taken(tx: Transaction, wallets: Wallets, activities: Sequence[Done]) -> None:
    """After activities earned: streaks, and what counts activities and streaks, goes on."""
    if not activities:
        return
    times = [one.occurred_at for one in activities]
    found = await incentives.counting(tx, STREAK, TASK, BADGE, occurred=times)
    if found:
        settings = await programme(tx)
        runs = await streaks.activities_taken(tx, wallets, settings, streaks.running_of(found), activities)
        if runs:
            # A late day made longer what came after it, and that may count for more than the day itself.
            times += [run.occurred_at for run in runs]
            found = await incentives.counting(tx, TASK, BADGE, occurred=times)
        await _count(tx, wallets, settings, found, activities, runs)


async def _count(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    found: Iterable[Incentive],
    activities: Sequence[Done],
    runs: Sequence[Ran],
) -> None:
    following = _Following(found)
    touched = await counters.activities_taken(tx, following.measures, activities, runs)
    if touched:
        await following.counted(tx, wallets, settings, touched)


async def purchases_returned(tx: Transaction, wallets: Wallets, returns: Sequence[Returned]) -> list[Effect]:
    """After returns were applied: what counted their purchases goes back, as lines of their receipts. Who was merged
    meanwhile pays from the survivor's wallets; those of another member than the buyer's are locked and saved here.
    """
    if not await counters.counts_any_of(tx, returns):
        return []
    following = _Following(await incentives.counting(tx, TASK, BADGE))
    touched, why = await counters.purchases_returned(tx, following.measures, returns)
    if not touched:
        return []
    settings, members = await programme(tx), {one.member_id for one in touched}
    survivors = await facts.survivors(tx, members)
    owners = {member_id: survivors.get(member_id, member_id) for member_id in members}
    why = {one.int: replace(why[one.int], member_id=owner) for one, owner in owners.items()}
    others = {owner for owner in owners.values() if not wallets.knows(owner)}
    theirs = [one for one in touched if owners[one.member_id] in others]
    effects = await following.counted(tx, wallets, settings, touched.difference(theirs), why)
    if theirs:
        locked = await ledger.lock(tx, others)
        effects += await following.counted(tx, locked, settings, theirs, why)
        await ledger.save(tx, locked)
    return effects


async def activities_undone(
    tx: Transaction, wallets: Wallets, undone: Sequence[Undone], left: Sequence[Done]
) -> list[Effect]:
    """After returns took back activities: the days in a row they made go, unless `left` has something of that day, and
    what counts streaks goes back. As lines of the returns' receipts.
    """
    if not undone:
        return []
    plans = streaks.running_of(await incentives.counting(tx, STREAK, occurred=[one.done.occurred_at for one in undone]))
    settings = await programme(tx)
    effects, runs = await undoing.activities_undone(tx, wallets, settings, plans, undone, left)
    if runs:
        following = _Following(await incentives.counting(tx, TASK, BADGE, occurred=[run.occurred_at for run in runs]))
        touched = await counters.activities_taken(tx, following.measures, (), runs)
        people = [(who, one.returned) for one in undone for who in (one.done.member_id, one.returned.member_id)]
        why = {member_id.int: returned for member_id, returned in people}
        effects += await following.counted(tx, wallets, settings, touched, why)
    return effects


async def standings_changed(tx: Transaction, since: Mapping[UUID, datetime]) -> None:
    """Members had other tiers or segments than was known, each from an instant on: tasks that are for some members only
    are looked at again, given or taken back. The wallets are locked and saved here, if there are such tasks.
    """
    found = await incentives.counting(tx, TASK, occurred=[*since.values(), incentives.LAST]) if since else ()
    for_some = [one for one in tasks.tasks_of(found) if not one.audience.is_everybody]
    if not for_some:
        return
    wallets = await ledger.lock(tx, since)
    merged = await facts.survivors(tx, since)
    instants = {member_id: at for member_id, at in since.items() if member_id not in merged}
    touched = await counters.since(tx, {goal.measure.key for task in for_some for goal in task.goals}, instants)
    if touched:
        await tasks.counted(tx, wallets, await programme(tx), for_some, touched)
        await ledger.save(tx, wallets)


async def make_up(tx: Transaction, member_id: UUID, key: str, day: date, grant: Grant | None = None) -> Day:
    """`streaks.make_up` and what follows from the longer run."""
    made = await streaks.make_up(tx, member_id, key, day, grant)
    found = await incentives.counting(tx, TASK, BADGE, occurred=[run.occurred_at for run in made.runs])
    await _count(tx, made.wallets, made.settings, found, (), made.runs)
    await ledger.save(tx, made.wallets)
    return made.day
