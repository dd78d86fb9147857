"""Badges follow their counters; a badge without one is granted by a task. Each change is told and kept."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from common.events.incentives import BadgeAwarded, BadgeRevoked
from common.events.programme import ProgrammeSettings
from common.storage import Transaction
from points.badges import domain, store
from points.badges.domain import AWARDED, REVOKED, Badge, Change, Held
from points.cascade.domain import Effect, Returned
from points.counters import handlers as counters
from points.counters.domain import Goal, Measure
from points.counters.handlers import Question, Touched
from points.facts import handlers as facts
from points.incentives import handlers as incentives
from points.incentives.domain import BADGE, Incentive
from points.incentives.handlers import FIRST, LAST
from points.ledger import handlers as ledger
from points.ledger.handlers import Wallets
from points.payouts import handlers as payouts
from points.payouts.domain import Occasion, Reward


def measures(badges: Iterable[Badge]) -> list[Measure]:
    return [badge.measure for badge in badges if badge.measure is not None]


def badges_of(incentives_: Iterable[Incentive]) -> list[Badge]:
    return [Badge.of(one) for one in incentives_ if one.kind == BADGE]


async def counted(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    badges: Sequence[Badge],
    touched: Iterable[Touched],
    returns: Mapping[int, Returned] | None = None,
) -> list[Effect]:
    """After counters changed: award and revoke what follows from them. `returns`: by member (as a whole number), why
    something goes and who holds its points now.
    """
    returns = returns or {}
    places = sorted(
        {
            (one.member_id, number)
            for one in touched
            for number, badge in enumerate(badges)
            if badge.measure is not None
            and badge.measure.key == one.measure
            and badge.incentive.counts(one.occurred_at)
        }
    )
    if not places:
        return []
    values = await counters.values(tx, [_question(member_id, badges[at], 1) for member_id, at in places])
    known = await _levels(tx, [(member_id, badges[at].key) for member_id, at in places])
    changes = _Changes(tx, wallets, settings)
    wanted: list[tuple[UUID, Badge, domain.Step]] = []
    for (member_id, at), value in zip(places, values, strict=True):
        badge = badges[at]
        levels = known.get((member_id, badge.key), {})
        held = [level for level, one in levels.items() if one.held and not one.origin]
        wanted += [(member_id, badge, step) for step in domain.steps(held, badge.reached(value))]
    awarded = [(member_id, badge, step) for member_id, badge, step in wanted if step.change == AWARDED]
    times = await counters.reached(
        tx, [_question(who, badge, badge.levels[step.level - 1].threshold) for who, badge, step in awarded]
    )
    for (member_id, badge, step), reached_at in zip(awarded, times, strict=True):
        before = known.get((member_id, badge.key), {}).get(step.level)
        await changes.award(member_id, badge, step.level, before, occurred_at=reached_at or tx.now)
    for member_id, badge, step in wanted:
        if step.change == REVOKED:
            before = known[member_id, badge.key][step.level]
            await changes.revoke(badge, before, returns.get(member_id.int))
    await changes.save()
    return changes.effects


def _question(member_id: UUID, badge: Badge, target: int) -> Question:
    assert badge.measure is not None
    since, until = badge.incentive.active_from or FIRST, badge.incentive.ended_at or LAST
    return Question(member_id=member_id, goal=Goal(measure=badge.measure, target=target), since=since, until=until)


async def _levels(tx: Transaction, keys: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], dict[int, Held]]:
    found: dict[tuple[UUID, str], dict[int, Held]] = {}
    for one in await store.of(tx, keys):
        found.setdefault((one.member_id, one.badge), {})[one.level] = one
    return found


async def granted(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    grants: Sequence[tuple[UUID, str, str, datetime]],
) -> None:
    """Award badges (member, key, origin, when) that have no counter; who has one keeps it as it is."""
    known = await _levels(tx, [(member_id, key) for member_id, key, _, _ in grants])
    badges = {badge.key: badge for badge in badges_of(await incentives.counting(tx, BADGE))} if grants else {}
    changes = _Changes(tx, wallets, settings)
    given: set[tuple[UUID, str]] = set()
    for member_id, key, origin, occurred_at in sorted(grants, key=lambda one: (*one[:2], one[3], one[2])):
        before = known.get((member_id, key), {}).get(1)
        if key in badges and (member_id, key) not in given and not (before is not None and before.held):
            given.add((member_id, key))
            await changes.award(member_id, badges[key], 1, before, occurred_at=occurred_at, origin=origin)
    await changes.save()


async def withdrawn(
    tx: Transaction,
    wallets: Wallets,
    settings: ProgrammeSettings,
    grants: Sequence[tuple[UUID, str, str]],
    returns: Mapping[int, Returned],
) -> list[Effect]:
    """Revoke badges (member, key, origin) that this origin granted."""
    known = await _levels(tx, [(member_id, key) for member_id, key, _ in grants])
    badges = {badge.key: badge for badge in badges_of(await incentives.counting(tx, BADGE))} if grants else {}
    changes = _Changes(tx, wallets, settings)
    for member_id, key, origin in sorted(grants):
        before = known.get((member_id, key), {}).get(1)
        if key in badges and before is not None and before.held and before.origin == origin:
            await changes.revoke(badges[key], before, returns.get(member_id.int))
    await changes.save()
    return changes.effects


class _Changes:
    """Gathers what changes: the points, the events, the rows, the lines of receipts."""

    def __init__(self, tx: Transaction, wallets: Wallets, settings: ProgrammeSettings) -> None:
        self._tx, self._wallets, self._settings = tx, wallets, settings
        self._held: list[Held] = []
        self._changes: list[Change] = []
        self.effects: list[Effect] = []

    async def award(
        self,
        member_id: UUID,
        badge: Badge,
        level: int,
        before: Held | None,
        *,
        occurred_at: datetime,
        origin: str = "",
    ) -> None:
        points, number = badge.levels[level - 1].points, before.changes + 1 if before is not None else 1
        occasion = _occasion(member_id, badge, level, occurred_at)
        reward = Reward(points=points, wallet=badge.wallet)
        await payouts.give(self._tx, self._wallets, self._settings, occasion, reward)
        now = self._tx.now
        self._held.append(Held(member_id, badge.key, level, True, points, origin, occurred_at, now, number))
        reason = "granted" if origin else "reached"
        self._changes.append(Change(member_id, badge.key, level, number, AWARDED, reason, points, occurred_at, now))
        self._tx.emit(
            BadgeAwarded(
                member_id=member_id,
                key=badge.key,
                name=badge.incentive.name,
                occurred_at=occurred_at,
                level=level,
                change=number,
                points=points,
            )
        )

    async def revoke(self, badge: Badge, before: Held, returned: Returned | None) -> None:
        now = self._tx.now
        occurred_at = now if returned is None else returned.occurred_at
        occasion = _occasion(before.member_id, badge, before.level, occurred_at)
        await payouts.take_back(
            self._tx, self._wallets, self._settings, occasion, badge.wallet, before.points, returned=returned
        )
        number, reason = before.changes + 1, "corrected" if returned is None else "returned"
        self._held.append(before._replace(held=False, points=0, changed_at=now, changes=number))
        self._changes.append(
            Change(before.member_id, badge.key, before.level, number, REVOKED, reason, before.points, occurred_at, now)
        )
        self._tx.emit(
            BadgeRevoked(
                member_id=before.member_id if returned is None else returned.member_id,
                key=badge.key,
                name=badge.incentive.name,
                occurred_at=occurred_at,
                level=before.level,
                change=number,
                reason=reason,
            )
        )
        if returned is not None:
            self.effects.append(
                Effect(
                    member_id=returned.member_id,
                    source=returned.source,
                    return_id=returned.return_id,
                    subject="badge",
                    what=f"{badge.key} level {before.level}",
                    before="held",
                    after="revoked",
                )
            )

    async def save(self) -> None:
        await store.save(self._tx, self._held, self._changes)


def _occasion(member_id: UUID, badge: Badge, level: int, occurred_at: datetime) -> Occasion:
    return Occasion(
        member_id=member_id,
        kind="badge",
        key=badge.key,
        revision=badge.incentive.revision,
        reference=f"badge:{badge.key}:{level}",
        occurred_at=occurred_at,
    )


async def of_member(tx: Transaction, member_id: UUID) -> tuple[list[Badge], dict[str, int], list[Held]]:
    """All badges that were ever active, how far the member's counters got, and what the member holds or held, with
    those that were merged into it. Raises MemberUnknownError.
    """
    await ledger.wallets_of(tx, member_id)
    badges = badges_of(await incentives.counting(tx, BADGE))
    counting = [badge for badge in badges if badge.measure is not None]
    values = await counters.values(tx, [_question(member_id, badge, 1) for badge in counting])
    reached = {badge.key: value for badge, value in zip(counting, values, strict=True)}
    return badges, reached, await store.of_members(tx, await facts.group(tx, member_id))


async def history(tx: Transaction, member_id: UUID, *, after: store.Place | None, limit: int) -> list[Change]:
    """The oldest first, of a member with those that were merged into it. Raises MemberUnknownError."""
    await ledger.wallets_of(tx, member_id)
    beginning = (FIRST, "", 0, 0, UUID(int=0))
    return await store.history(tx, await facts.group(tx, member_id), after=after or beginning, limit=limit)
