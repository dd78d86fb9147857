"""Days in a row: each day taken in puts its run right, and what was paid for it, whenever it comes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from common.events.incentives import StreakReached
from common.events.programme import ProgrammeSettings
from common.security.grants import Grant
from common.storage import Transaction
from common.storage.programme import programme
from points.cascade.domain import Done, Returned
from points.counters.domain import Ran
from points.incentives import handlers as incentives
from points.incentives.domain import STREAK, Incentive, IncentiveUnknownError, LimitReachedError
from points.ledger import handlers as ledger
from points.ledger.domain import REDEMPTION, Cause
from points.ledger.handlers import Wallets
from points.merges import finding
from points.merges import handlers as merges
from points.payouts import handlers as payouts
from points.payouts.domain import Occasion, Reward
from points.redemption import handlers as redemption
from points.streaks import domain, store
from points.streaks.domain import CalendarDay, Day, MakeUpRefusedError, Plan, Standing
from points.times import first_of_next_month, local_day, midnight

Key = tuple[UUID, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A plan with its definition."""

    incentive: Incentive
    plan: Plan


def running_of(some: Iterable[Incentive]) -> list[Running]:
    return [Running(incentive=one, plan=Plan.of(one.key, one.definition)) for one in some if one.kind == STREAK]


async def activities_taken(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    plans: Sequence[Running],
    activities: Sequence[Done],
) -> list[Ran]:
    """Take in the days on which members came; gives each day whose run changed. The caller saves the wallets."""
    zone = ZoneInfo(settings.time_zone)
    came: dict[Key, dict[date, Day]] = {}
    for done in sorted(activities, key=lambda one: one.occurred_at):
        for running in plans:
            if done.activity == running.plan.activity and running.incentive.counts(done.occurred_at):
                day = local_day(done.occurred_at, zone)
                fresh = Day(done.member_id, running.plan.key, day, 0, 0, done.occurred_at, None, 0, 0)
                came.setdefault((done.member_id, running.plan.key), {}).setdefault(day, fresh)
    return await _came(tx, wallets, settings, {one.plan.key: one for one in plans}, came)


async def _came(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    plans: Mapping[str, Running],
    came: Mapping[Key, Mapping[date, Day]],
) -> list[Ran]:
    if not came:
        return []
    known: dict[Key, dict[date, Day]] = {key: {} for key in came}
    for one in await store.days_from(tx, [store.Asked(*key, min(days)) for key, days in came.items()]):
        known[one.member_id, one.plan][one.day] = one
    changed: list[Day] = []
    for key in sorted(came):
        running = plans[key[1]]
        changed += await _put_right(tx, wallets, settings, running, known[key], came[key])
    await store.save(tx, changed)
    return [Ran(one.member_id, one.plan, one.day.isoformat(), one.run, one.occurred_at) for one in changed]


async def _put_right(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    running: Running,
    known: dict[date, Day],
    came: Mapping[date, Day],
) -> list[Day]:
    """Of one member: the days that changed, with what they are worth now paid."""
    days = dict(known)
    for day, fresh in came.items():
        there = days.get(day)
        if there is None:
            days[day] = fresh
        elif there.made_up_on is not None and fresh.made_up_on is None:
            await _give_back(tx, wallets, settings, running.plan, there)
            days[day] = fresh._replace(run=there.run, points=there.points)
        elif fresh.made_up_on is None and fresh.occurred_at < there.occurred_at:
            # Told later, it occurred earlier: what counts the day looks at the first time on it, in whatever order.
            days[day] = there._replace(occurred_at=fresh.occurred_at)
    after = await in_runs(tx, wallets, settings, running, days, min(came))
    return [one for one in after if one != known.get(one.day)]


async def in_runs(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    running: Running,
    days: Mapping[date, Day],
    since: date,
    returned: Returned | None = None,
) -> list[Day]:
    """These days of one member from `since` on, each with its run, and with what it is worth paid; `days` has the one
    before, too. `returned`: the return because of which they are looked at again, whose member holds the points.
    """
    before = since - domain.ONE_DAY
    after = []
    for one in domain.in_runs([day for day in days.values() if day.day != before], days.get(before)):
        worth = running.plan.reward(one.run)
        if worth != one.points:
            await pay(tx, wallets, settings, running, one, worth, returned)
        after.append(one._replace(points=worth))
    return after


async def pay(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    running: Running,
    day: Day,
    worth: int,
    returned: Returned | None = None,
) -> None:
    """Bring what was paid for a day to what it is worth."""
    plan = running.plan
    occasion = Occasion(
        member_id=day.member_id if returned is None else returned.member_id,
        kind="streak",
        key=plan.key,
        revision=running.incentive.revision,
        reference=f"streak:{plan.key}:{day.day.isoformat()}",
        occurred_at=day.occurred_at,
    )
    reward = Reward(points=worth, wallet=plan.wallet, expires_days=plan.expires_days)
    await payouts.pay_difference(tx, wallets, settings, occasion, reward, day.points, returned=returned)
    if worth > day.points and returned is None:  # what a day lost since is no news of a streak
        tx.emit(
            StreakReached(
                member_id=day.member_id,
                key=plan.key,
                name=running.incentive.name,
                occurred_at=day.occurred_at,
                days=day.run,
                points=worth - day.points,
            )
        )


async def _give_back(tx: Transaction, wallets: Wallets, settings: ProgrammeSettings, plan: Plan, day: Day) -> None:
    """The member was there after all: what making up cost is given back, by the rule for redemptions."""
    if day.cost:
        wallet = wallets.of(day.member_id, plan.wallet)
        cause = Cause("given_back", "", "", _make_up_reference(plan.key, day.day), tx.now, tx.now)
        back = await ledger.give_back(tx, wallet, day.cost_sequence, day.cost, cause, grace_days=settings.grace_days)
        payouts.tell_given_back(tx, wallet, back, _make_up_reference(plan.key, day.day), "make_up")


def _make_up_reference(plan: str, day: date) -> str:
    return f"make_up:{plan}:{day.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUp:
    """A day that was made up, and whose runs it changed. What follows is for the caller, who then saves the wallets."""

    wallets: Wallets
    settings: ProgrammeSettings
    day: Day
    runs: Sequence[Ran]


async def make_up(tx: Transaction, member_id: UUID, key: str, day: date, grant: Grant | None = None) -> MadeUp:
    """Make up a day that was missed, for points. Raises MemberUnknownError, IncentiveUnknownError, MakeUpRefusedError,
    LimitReachedError, InsufficientPointsError, GrantRequiredError, GrantRefusedError.
    """
    running, settings = await _of(tx, member_id, key), await programme(tx)
    asked, (member_id, wallets) = member_id, await finding.lock_survivor(tx, member_id)
    zone, plan = ZoneInfo(settings.time_zone), running.plan
    today = local_day(tx.now, zone)
    there = await store.between(tx, member_id, key, day, day + timedelta(days=1)) if day < today else []
    since, until = _bounds(running.incentive, zone)
    reason = domain.make_up_problem(plan, day, today, there=bool(there), runs_from=since, runs_until=until)
    if reason:
        raise MakeUpRefusedError(key, day, reason)
    assert plan.make_up is not None
    month, following = today.replace(day=1), first_of_next_month(today)
    if await store.made_up_between(tx, member_id, key, month, following) >= plan.make_up.per_month:
        resets_at = midnight(following, zone)
        raise LimitReachedError(key, "make_ups_per_month", plan.make_up.per_month, resets_at)
    cost, sequence = plan.make_up.cost, 0
    reference = _make_up_reference(key, day)
    wallet = wallets.of(member_id, plan.wallet)
    if cost:
        await redemption.use_grant(tx, grant, cost, members=[member_id, asked], member_id=member_id, used_for=uuid4())
        cause = Cause("redeemed", "", "", reference, tx.now, tx.now)
        sequence = await ledger.spend(tx, wallet, cost, cause, to_account=REDEMPTION)
        payouts.tell_spent(tx, wallet, sequence, cost, reference, "make_up")
    occurred_at = midnight(day, zone)
    fresh = Day(member_id, key, day, 0, 0, occurred_at, today, cost, sequence)
    changed = await _came(tx, wallets, settings, {key: running}, {(member_id, key): {day: fresh}})
    (made,) = await store.between(tx, member_id, key, day, day + timedelta(days=1))
    return MadeUp(wallets=wallets, settings=settings, day=made, runs=changed)


async def _of(tx: Transaction, member_id: UUID, key: str) -> Running:
    """The plan, active or ended. Raises MemberUnknownError, IncentiveUnknownError."""
    await ledger.wallets_of(tx, member_id)
    incentive = await incentives.one(tx, STREAK, key)
    if incentive.active_from is None:
        raise IncentiveUnknownError(STREAK, key)
    return Running(incentive=incentive, plan=Plan.of(key, incentive.definition))


def _bounds(incentive: Incentive, zone: ZoneInfo) -> tuple[date, date | None]:
    """The first and the last local day on which it runs."""
    assert incentive.active_from is not None
    since = local_day(incentive.active_from, zone)
    return since, None if incentive.ended_at is None else local_day(incentive.ended_at, zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A member's streak as it stands, and what is next."""

    running: Running
    standing: Standing
    next_reward: tuple[int, int] | None
    make_ups_left: int
    make_ups_reset_at: datetime


async def of_member(tx: Transaction, member_id: UUID) -> list[Shown]:
    """All active plans. Raises MemberUnknownError."""
    member_id = await merges.survivor(tx, member_id)
    await ledger.wallets_of(tx, member_id)
    settings = await programme(tx)
    return [
        await _shown(tx, settings, member_id, running) for running in running_of(await incentives.active(tx, STREAK))
    ]


async def _shown(tx: Transaction, settings: ProgrammeSettings, member_id: UUID, running: Running) -> Shown:
    zone, plan = ZoneInfo(settings.time_zone), running.plan
    today = local_day(tx.now, zone)
    last = await store.last_until(tx, member_id, plan.key, today)
    longest = (await store.longest(tx, [(member_id, plan.key)])).get((member_id, plan.key), 0)
    standing = domain.standing(last, longest, today)
    following = first_of_next_month(today)
    used = await store.made_up_between(tx, member_id, plan.key, today.replace(day=1), following)
    return Shown(
        running=running,
        standing=standing,
        next_reward=plan.next_reward(standing.run),
        make_ups_left=max(0, plan.make_up.per_month - used) if plan.make_up else 0,
        make_ups_reset_at=midnight(following, zone),
    )


async def calendar(tx: Transaction, member_id: UUID, key: str, month: date | None) -> tuple[Shown, list[CalendarDay]]:
    """The month that begins on `month` (default: this one). Raises MemberUnknownError, IncentiveUnknownError."""
    running, settings = await _of(tx, member_id, key), await programme(tx)
    zone = ZoneInfo(settings.time_zone)
    today = local_day(tx.now, zone)
    first = month or today.replace(day=1)
    days = await store.between(tx, member_id, key, first, first_of_next_month(first))
    since, until = _bounds(running.incentive, zone)
    shown = domain.calendar(first, days, today, runs_from=since, runs_until=until)
    return await _shown(tx, settings, member_id, running), shown
