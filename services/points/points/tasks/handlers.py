"""Tasks follow counters: completed, rewarded, taken back; and what members see of them and click."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from common.events.programme import ProgrammeSettings
from common.storage import Transaction
from common.storage.programme import programme
from points.cascade.domain import Effect, Returned
from points.counters import handlers as counters
from points.counters.handlers import Question, Touched
from points.facts import handlers as facts
from points.incentives import audiences
from points.incentives import handlers as incentives
from points.incentives.domain import TASK, Incentive, IncentiveUnknownError, NotInAudienceError
from points.ledger import handlers as ledger
from points.ledger.handlers import Wallets
from points.merges import finding
from points.merges import handlers as merges
from points.tasks import domain, rewarding, store
from points.tasks.domain import (
    COMPLETED,
    NOTHING,
    REWARDED,
    ClaimClosedError,
    ClaimedError,
    Completion,
    Progress,
    Task,
    TaskNotCompletedError,
    Window,
)

FIRST_PLACE = ("", date(1, 1, 1), UUID(int=0))


def tasks_of(some: Iterable[Incentive]) -> list[Task]:
    return [Task.of(one) for one in some if one.kind == TASK]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One member's task in one window."""

    member_id: UUID
    task: Task
    window: Window

    @property
    def key(self) -> store.Key:
        return (self.member_id, self.task.key, self.window.first)


async def counted(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    tasks: Sequence[Task],
    touched: Iterable[Touched],
    returns: Mapping[int, Returned] | None = None,
) -> list[Effect]:
    """After counters changed: complete, reward and take back what follows. `returns`: by member (as a whole number),
    why something goes and who holds its points now.
    """
    zone = ZoneInfo(settings.time_zone)
    cases: dict[store.Key, Case] = {}
    for one in touched:
        day = one.occurred_at.astimezone(zone).date()
        for task in tasks:
            if task.incentive.counts(one.occurred_at) and any(one.measure == goal.measure.key for goal in task.goals):
                window = task.window_of(day, settings.first_day_of_week)
                if window is not None:
                    case = Case(member_id=one.member_id, task=task, window=window)
                    cases[case.key] = case
    return await _settle(tx, wallets, settings, [cases[key] for key in sorted(cases)], returns or {})


async def _settle(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    cases: Sequence[Case],
    returns: Mapping[int, Returned],
) -> list[Effect]:
    if not cases:
        return []
    known = await store.of(tx, [case.key for case in cases])
    reached = await _reached(tx, settings, cases, known)
    steps = rewarding.Steps(tx, wallets, settings, returns)
    for case in cases:
        before, at = known.get(case.key), reached.get(case.key)
        step = domain.next_step(
            None if before is None else before.state,
            at is not None,
            claim=case.task.claim,
            on_return=case.task.on_return,
        )
        if step != NOTHING:
            await steps.take(step, case.task, case.key, before, at)
    await steps.save()
    return steps.effects


async def _reached(
    tx: Transaction, settings: ProgrammeSettings, cases: Sequence[Case], known: Mapping[store.Key, Completion]
) -> dict[store.Key, datetime]:
    """When those that are fulfilled were: by the right member, with all goals reached."""
    values = await progress(tx, settings, cases)
    fulfilled = [case for case in cases if not any(one.missing for one in values[case.key])]
    found = {case.key: known[case.key].reached_at for case in fulfilled if case.key in known}
    open_cases = [case for case in fulfilled if case.key not in known or not case.task.audience.is_everybody]
    questions = [(case, question) for case in open_cases for question in _questions(case, settings)]
    times = await counters.reached(tx, [question for _, question in questions])
    fresh: dict[store.Key, datetime] = {}
    for (case, _), at in zip(questions, times, strict=True):
        fresh[case.key] = max(fresh.get(case.key, incentives.FIRST), at or tx.now)
    found |= fresh
    asked = [case for case in open_cases if not case.task.audience.is_everybody]
    standings = await audiences.standings(tx, settings, [(case.member_id, found[case.key]) for case in asked])
    for case, standing in zip(asked, standings, strict=True):
        if not case.task.audience.includes(standing.tier, standing.segments):
            del found[case.key]
    return found


def _questions(case: Case, settings: ProgrammeSettings) -> list[Question]:
    since, until = case.task.span(case.window, ZoneInfo(settings.time_zone))
    return [Question(member_id=case.member_id, goal=goal, since=since, until=until) for goal in case.task.goals]


async def progress(
    tx: Transaction, settings: ProgrammeSettings, cases: Sequence[Case]
) -> dict[store.Key, list[Progress]]:
    """How far each case is, goal by goal."""
    questions = [(case, question) for case in cases for question in _questions(case, settings)]
    values = await counters.values(tx, [question for _, question in questions])
    found: dict[store.Key, list[Progress]] = {}
    for (case, question), value in zip(questions, values, strict=True):
        goal = question.goal
        found.setdefault(case.key, []).append(Progress(measure=goal.measure, value=value, target=goal.target))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A task as a member sees it."""

    case: Case
    goals: Sequence[Progress]
    completion: Completion | None
    claimable_until: datetime | None
    since: datetime
    until: datetime


async def of_member(tx: Transaction, member_id: UUID) -> list[Shown]:
    """The active tasks that are for the member, in their windows of today. Raises MemberUnknownError."""
    member_id = await merges.survivor(tx, member_id)
    await ledger.wallets_of(tx, member_id)
    settings = await programme(tx)
    zone = ZoneInfo(settings.time_zone)
    today = tx.now.astimezone(zone).date()
    (standing,) = await audiences.standings(tx, settings, [(member_id, tx.now)])
    cases = []
    for task in tasks_of(await incentives.active(tx, TASK)):
        window = task.window_of(today, settings.first_day_of_week)
        if window is not None and task.audience.includes(standing.tier, standing.segments):
            cases.append(Case(member_id=member_id, task=task, window=window))
    goals = await progress(tx, settings, cases)
    known = await store.of(tx, [case.key for case in cases])
    shown = []
    for case in cases:
        since, until = case.task.span(case.window, zone)
        shown.append(
            Shown(
                case=case,
                goals=goals[case.key],
                completion=known.get(case.key),
                claimable_until=case.task.claimable_until(case.window, zone),
                since=since,
                until=until,
            )
        )
    return shown


async def claim(tx: Transaction, member_id: UUID, key: str, day: date | None) -> Completion:
    """Give the reward of the window that `day` (default: today) lies in.

    Raises MemberUnknownError, IncentiveUnknownError, NotInAudienceError, TaskNotCompletedError, ClaimedError,
    ClaimClosedError.
    """
    incentive = await incentives.one(tx, TASK, key)
    if incentive.active_from is None:
        raise IncentiveUnknownError(TASK, key)
    member_id, wallets = await finding.lock_survivor(tx, member_id)
    settings, task = await programme(tx), Task.of(incentive)
    zone = ZoneInfo(settings.time_zone)
    window = task.window_of(day or tx.now.astimezone(zone).date(), settings.first_day_of_week)
    if window is None:
        raise TaskNotCompletedError(key, [goal.target for goal in task.goals])
    case = Case(member_id=member_id, task=task, window=window)
    before = (await store.of(tx, [case.key])).get(case.key)
    if before is not None and before.state == REWARDED:
        raise ClaimedError(key, window.first, before.rewarded_at)
    closed_at = task.claimable_until(window, zone)
    if closed_at is not None and tx.now >= closed_at:
        raise ClaimClosedError(key, window.first, closed_at)
    if before is None or before.state != COMPLETED:
        (standing,) = await audiences.standings(tx, settings, [(member_id, tx.now)])
        if not task.audience.includes(standing.tier, standing.segments):
            raise NotInAudienceError(key, standing.tier, task.audience)
        goals = await progress(tx, settings, [case])
        raise TaskNotCompletedError(key, [one.missing for one in goals[case.key]])
    steps = rewarding.Steps(tx, wallets, settings, {})
    await steps.take(domain.PAY, task, case.key, before, before.reached_at)
    (completion,) = await steps.save()
    await ledger.save(tx, wallets)
    return completion


async def history(tx: Transaction, member_id: UUID, *, after: store.Place | None, limit: int) -> list[Completion]:
    """By task and window, of a member with those that were merged into it. Raises MemberUnknownError."""
    await ledger.wallets_of(tx, member_id)
    return await store.history(tx, await facts.group(tx, member_id), after=after or FIRST_PLACE, limit=limit)
