"""Days in a row follow the orders that activities name: a day on which nothing else was done goes with the return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from common.events.programme import ProgrammeSettings
from common.storage import Transaction
from points.cascade.domain import Done, Effect, Returned, Undone
from points.counters.domain import Ran
from points.ledger.handlers import Wallets
from points.streaks import handlers, store
from points.streaks.domain import Day
from points.streaks.handlers import Key, Running
from points.times import local_day

Place = tuple[UUID, str, date]
"""Who holds the points, plan, day."""


@dataclass(slots=True)
class _Case:
    """The days of one member and plan on which something was undone, and the first return that did it."""

    running: Running
    returned: Returned
    days: set[date] = field(default_factory=set)


async def activities_undone(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    plans: Sequence[Running],
    undone: Sequence[Undone],
    left: Sequence[Done],
) -> tuple[list[Effect], list[Ran]]:
    """What changed, and each day whose run did (0 when it is gone). The caller saves the wallets of the holders."""
    zone = ZoneInfo(settings.time_zone)
    cases: dict[Key, _Case] = {}
    for one in sorted(undone, key=lambda one: one.done.occurred_at):
        for running in _of(plans, one.done):
            # After a merge the day may have been kept under either name.
            for member_id in {one.done.member_id, one.returned.member_id}:
                case = cases.setdefault((member_id, running.plan.key), _Case(running, one.returned))
                case.days.add(local_day(one.done.occurred_at, zone))
    if not cases:
        return [], []
    stays: dict[Place, datetime] = {}
    for done in sorted(left, key=lambda one: one.occurred_at):
        for running in _of(plans, done):
            stays.setdefault((done.member_id, running.plan.key, local_day(done.occurred_at, zone)), done.occurred_at)
    known: dict[Key, dict[date, Day]] = {key: {} for key in cases}
    for day in await store.days_from(tx, [store.Asked(*key, min(case.days)) for key, case in cases.items()]):
        known[day.member_id, day.plan][day.day] = day
    effects, runs = list[Effect](), list[Ran]()
    for key in sorted(cases):
        for before, after in await _put_right(tx, wallets, settings, cases[key], known[key], stays):
            effects.append(_effect(cases[key].returned, before, after))
            runs.append(Ran(after.member_id, after.plan, after.day.isoformat(), after.run, after.occurred_at))
    return effects, runs


def _of(plans: Sequence[Running], done: Done) -> list[Running]:
    return [one for one in plans if done.activity == one.plan.activity and one.incentive.counts(done.occurred_at)]


async def _put_right(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    case: _Case,
    known: Mapping[date, Day],
    stays: Mapping[Place, datetime],
) -> list[tuple[Day, Day]]:
    """Each day that changed, before and after. One that was made up was paid for, and stays."""
    days, returned, key = dict(known), case.returned, case.running.plan.key
    gone: list[Day] = []
    for day in sorted(case.days & known.keys()):
        at = stays.get((returned.member_id, key, day))
        if at is not None:
            days[day] = known[day]._replace(occurred_at=at)
        elif known[day].made_up_on is None:
            gone.append(days.pop(day))
    after = await handlers.in_runs(tx, wallets, settings, case.running, days, min(case.days), returned)
    changed = [one for one in after if one != known[one.day]]
    for one in gone:
        if one.points:
            await handlers.pay(tx, wallets, settings, case.running, one, 0, returned)
    await store.save(tx, changed)
    await store.remove(tx, gone)
    return [(known[one.day], one) for one in (*changed, *(one._replace(run=0, points=0) for one in gone))]


def _effect(returned: Returned, before: Day, after: Day) -> Effect:
    return Effect(
        member_id=returned.member_id,
        source=returned.source,
        return_id=returned.return_id,
        subject="streak",
        what=f"{before.plan}/{before.day.isoformat()}",
        before=f"day {before.run}, {before.points} points",
        after=f"day {after.run}, {after.points} points" if after.run else "taken back",
    )
