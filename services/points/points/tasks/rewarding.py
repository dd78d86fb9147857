"""What completing a task gives, and how it is taken back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.events.incentives import TaskCompleted, TaskRevoked
from common.events.programme import ProgrammeSettings
from common.storage import Transaction
from points.badges import handlers as badges
from points.cascade.domain import Effect, Returned
from points.coupons import handlers as coupons
from points.coupons.domain import Grant
from points.coupons.refusals import CouponRefusedError, CouponStateError
from points.ledger.handlers import Wallets
from points.payouts import handlers as payouts
from points.payouts.domain import Occasion
from points.tasks import store
from points.tasks.domain import COMPLETE, COMPLETED, PAY, REOPEN, REWARDED, TAKEN_BACK, Completion, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paid:
    task: Task
    completion: Completion


class Steps:
    """Gathers the steps of a batch; `save` writes completions, issues coupons, grants and withdraws badges, at once."""

    def __init__(
        self, tx: Transaction, wallets: Wallets, settings: ProgrammeSettings, returns: Mapping[int, Returned]
    ) -> None:
        self._tx, self._wallets, self._settings, self._returns = tx, wallets, settings, returns
        self._completions: dict[store.Key, Completion] = {}
        self._paid: list[_Paid] = []
        self._withdrawn: list[tuple[UUID, str, str]] = []
        self.effects: list[Effect] = []

    async def take(
        self, step: str, task: Task, key: store.Key, before: Completion | None, reached_at: datetime | None
    ) -> None:
        """One step of `domain.next_step`."""
        now = self._tx.now
        if step in (COMPLETE, PAY):
            assert reached_at is not None
            fresh = Completion(*key, COMPLETED, reached_at, now, None, None, 0, 0, None)
            completion = (before or fresh)._replace(reached_at=reached_at, state=COMPLETED)
            if step == PAY:
                completion = await self._pay(task, completion)
        elif step == REOPEN:
            assert before is not None
            completion = before._replace(state=TAKEN_BACK, taken_back_at=now)
        else:
            assert before is not None
            completion = await self._revoke(task, before)
        self._completions[key] = completion

    async def _pay(self, task: Task, completion: Completion) -> Completion:
        await payouts.give(self._tx, self._wallets, self._settings, _occasion(task, completion), task.reward)
        paid = completion._replace(
            state=REWARDED,
            rewarded_at=self._tx.now,
            rewards=completion.rewards + 1,
            points=task.reward.points,
        )
        self._paid.append(_Paid(task=task, completion=paid))
        return paid

    async def _revoke(self, task: Task, before: Completion) -> Completion:
        returned = self._returns.get(before.member_id.int)
        occasion = _occasion(task, before)
        await payouts.take_back(
            self._tx,
            self._wallets,
            self._settings,
            occasion,
            task.reward.wallet,
            before.points,
            returned=returned,
        )
        self._tx.emit(
            TaskRevoked(
                member_id=before.member_id,
                key=task.key,
                name=task.incentive.name,
                # a return that was late may have happened before: it cannot be taken back before it was completed
                occurred_at=self._tx.now if returned is None else max(returned.occurred_at, before.reached_at),
                completion=_completion(before),
                points=before.points,
                reason="corrected" if returned is None else "returned",
            )
        )
        kept = await self._take_coupon(before)
        if task.reward.badge:
            self._withdrawn.append((before.member_id, task.reward.badge, _origin(before)))
        if returned is not None:
            self.effects.append(
                Effect(
                    member_id=returned.member_id,
                    source=returned.source,
                    return_id=returned.return_id,
                    subject="task",
                    what=f"{task.key} {before.window_start.isoformat()}",
                    before=f"rewarded, {before.points} points",
                    after="taken back" + (", its coupon was used" if kept else ""),
                )
            )
        return before._replace(state=TAKEN_BACK, taken_back_at=self._tx.now, points=0, coupon_id=kept)

    async def _take_coupon(self, before: Completion) -> UUID | None:
        """Take back the coupon; its id when it was used (or ended), so that there is nothing to take."""
        if before.coupon_id is not None:
            try:
                await coupons.revoke(self._tx, before.coupon_id, "task")
            except CouponStateError:
                return before.coupon_id
        return None

    async def save(self) -> list[Completion]:
        """Write everything; gives the completions that changed. Coupons are issued once for all of them."""
        await self._issue_coupons()
        done = [self._completions[key] for key in sorted(self._completions)]
        await store.save(self._tx, done)
        times = await store.times(self._tx, [paid.completion[:2] for paid in self._paid])
        for paid in self._paid:
            one = paid.completion
            self._tx.emit(
                TaskCompleted(
                    member_id=one.member_id,
                    key=one.task,
                    name=paid.task.incentive.name,
                    occurred_at=one.reached_at,
                    times=times.get(one[:2], 1),
                    points=one.points,
                    completion=_completion(one),
                )
            )
        granted = [
            (one.completion.member_id, one.task.reward.badge, _origin(one.completion), one.completion.reached_at)
            for one in self._paid
            if one.task.reward.badge
        ]
        if granted:
            await badges.granted(self._tx, self._wallets, self._settings, granted)
        if self._withdrawn:
            self.effects += await badges.withdrawn(
                self._tx, self._wallets, self._settings, self._withdrawn, self._returns
            )
        return done

    async def _issue_coupons(self) -> None:
        wanted = [paid for paid in self._paid if paid.task.reward.coupon]
        if not wanted:
            return
        grants = [
            Grant(
                template=paid.task.reward.coupon,
                member_id=paid.completion.member_id,
                reason="task",
                reference=f"{_origin(paid.completion)}:{paid.completion.rewards}",
                occurred_at=paid.completion.reached_at,
            )
            for paid in wanted
        ]
        for paid, issued in zip(wanted, await coupons.issue_many(self._tx, grants), strict=True):
            if not isinstance(issued, CouponRefusedError):
                key = paid.completion[:3]
                self._completions[key] = self._completions[key]._replace(coupon_id=issued.coupon_id)


def _origin(completion: Completion) -> str:
    return f"task:{completion.task}:{completion.window_start.isoformat()}"


def _completion(one: Completion) -> str:
    """Completed again after it was taken back, it is another one."""
    return f"{one.window_start.isoformat()}:{one.rewards}"


def _occasion(task: Task, completion: Completion) -> Occasion:
    return Occasion(
        member_id=completion.member_id,
        kind="task",
        key=task.key,
        revision=task.incentive.revision,
        reference=_origin(completion),
        occurred_at=completion.reached_at,
    )
