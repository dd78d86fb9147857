"""Evaluates occasions again under the rules of the time when they were recorded, and moves the difference."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from common.events import Event
from common.events.points import PointsRepriced
from common.storage import Transaction
from points.accruals import handlers as accruals
from points.accruals.domain import ACTIVITY, PURCHASE, Accrual, Key, Purchase, Repricing, take_back
from points.activities import domain as doing
from points.activities import store as activities
from points.activities.domain import Activity
from points.earning import granting
from points.earning.domain import MAX_EARNED, occasion_of
from points.earning.pricing import Pricing
from points.errors import TooManyPointsError
from points.evaluation.earned import CouponGrant, Evaluation
from points.ledger import handlers as ledger
from points.ledger.domain import ISSUE, REPRICED, Cause, credit, take
from points.ledger.handlers import Need, Wallets
from points.limits import handlers as limits
from points.limits.domain import Usage
from points.repricing.domain import FIRST_PURCHASE, Correction, corrections, matched

OccasionKey = tuple[str, str, str]


class Repriced(NamedTuple):
    """An occasion and what it should have earned. `grants` are the coupons it brings now."""

    before: Purchase | Activity
    after: Purchase | Activity
    corrections: Sequence[Correction]
    grants: Sequence[CouponGrant]

    @property
    def kind(self) -> str:
        return PURCHASE if isinstance(self.after, Purchase) else ACTIVITY

    @property
    def changed(self) -> bool:
        """Whether anything but the moment of looking differs."""
        return self.before != self.after or any(
            one.before is None or one.before[5:] != one.after[5:] for one in self.corrections
        )


class Correcting:
    """Reprices purchases and activities of members whose wallets are locked."""

    def __init__(
        self, tx: Transaction, wallets: Wallets, priced: Pricing, reason: str, causes: Mapping[UUID, Event[Any] | None]
    ) -> None:
        self._tx = tx
        self._wallets = wallets
        self._priced = priced
        self._reason = reason
        self._causes = causes

    async def correct(
        self, purchases: Sequence[Purchase], done: Sequence[Activity] = (), *, firsts: Mapping[Key, bool] | None = None
    ) -> list[Repriced]:
        """Those that should have earned otherwise, or for another reason; `firsts` says which is the first now.

        Their differences are moved and written; the caller saves the wallets.
        """
        tx, occasions = self._tx, [occasion_of(one) for one in purchases] + [doing.occasion_of(one) for one in done]
        earned = await accruals.by_keys(tx, [one.key for one in purchases]) if purchases else {}
        earned_by_doing = await accruals.by_keys(tx, [one.key for one in done], kind=ACTIVITY) if done else {}
        people = [one.member_id for one in purchases] + [one.member_id for one in done]
        usage = await limits.load(
            tx, self._priced.book, list(zip(occasions, people, strict=True)), self._priced.terms, again=True
        )
        found = [
            self._purchase(one, earned.get(one.key, []), usage, (firsts or {}).get(one.key, one.is_first))
            for one in purchases
        ]
        found += [self._activity(one, earned_by_doing.get(one.key, []), usage) for one in done]
        changed = [one for one in found if one.changed]
        await limits.save(tx, usage, self._priced.terms)
        if changed:
            await self._keep(changed)
        return changed

    def _purchase(self, purchase: Purchase, before: Sequence[Accrual], usage: Usage, is_first: bool) -> Repriced:
        priced, occasion = self._priced, occasion_of(purchase)
        person = priced.person(purchase.member_id, purchase.occurred_at, is_first=is_first)
        limits.release(usage, occasion)
        evaluation = priced.evaluate(occasion, person, purchase.recorded_at, usage, purchase.rounding)
        _refuse_too_many(purchase.key, evaluation)
        limits.take(usage, evaluation, occasion, purchase.member_id, priced.terms, purchase=purchase)
        after = purchase._replace(tier=person.tier, is_first=is_first)
        credits = take_back(after, matched(before, priced.credits(occasion, evaluation)))
        return Repriced(purchase, after, corrections(before, credits), evaluation.grants)

    def _activity(self, activity: Activity, before: Sequence[Accrual], usage: Usage) -> Repriced:
        priced, occasion = self._priced, doing.occasion_of(activity)
        person = priced.person(activity.member_id, activity.occurred_at)
        limits.release(usage, occasion)
        evaluation = priced.evaluate(occasion, person, activity.recorded_at, usage, activity.rounding)
        _refuse_too_many(activity.key, evaluation)
        limits.take(usage, evaluation, occasion, activity.member_id, priced.terms)
        credits = matched(before, priced.credits(occasion, evaluation))
        return Repriced(activity, activity._replace(tier=person.tier), corrections(before, credits), evaluation.grants)

    async def _keep(self, changed: Sequence[Repriced]) -> None:
        tx = self._tx
        await ledger.load_for(tx, [need for one in changed for need in self._needs(one)])
        for one in changed:
            for correction in one.corrections:
                if correction.points:
                    self._move(one, correction)
        purchases = [one.after for one in changed if isinstance(one.after, Purchase)]
        await accruals.change(tx, purchases, [credit.after for one in changed for credit in one.corrections])
        if done := [one.after for one in changed if isinstance(one.after, Activity)]:
            await activities.change(tx, done)
        await accruals.add_repricings(tx, [note for one in changed for note in self._notes(one)])
        if self._reason == FIRST_PURCHASE:
            await granting.issue(
                tx,
                [
                    (one.after.member_id, one.after, grant)
                    for one in changed
                    if isinstance(one.after, Purchase) and one.after.is_first
                    for grant in one.grants
                ],
            )

    def _needs(self, one: Repriced) -> list[Need]:
        owner = self._priced.known.owner(one.after.member_id)
        order = one.after.order if isinstance(one.after, Activity) else one.after.key
        return [
            Need(self._wallets.of(owner, correction.after.wallet), -correction.points, *order)
            for correction in one.corrections
            if correction.points < 0
        ]

    def _move(self, one: Repriced, correction: Correction) -> None:
        # There is nothing to review here: a correction takes what is there, and what is missing is debt under
        # `allow_negative`, otherwise written off.
        after, occasion = correction.after, one.after
        order = occasion.order if isinstance(occasion, Activity) else occasion.key
        reference = doing.reference_of(occasion) if isinstance(occasion, Activity) else ""
        wallet = self._wallets.of(self._priced.known.owner(occasion.member_id), after.wallet)
        policy = self._priced.policy(after.wallet)
        cause = Cause(REPRICED, *order, reference, occasion.occurred_at, self._tx.now)
        shortfall = pending = unexpired = 0
        if correction.points > 0:
            waits = bool(after.waits) or (after.available_at is not None and after.available_at > self._tx.now)
            pending = correction.points if waits else 0
            sequence = credit(
                wallet,
                correction.points,
                cause,
                after.expires_at,
                available_at=after.available_at,
                waits=after.waits,
            )
        else:
            taken = take(wallet, -correction.points, cause, ISSUE, policy)
            sequence, shortfall = taken.sequence, taken.shortfall
            pending, unexpired = -taken.pending, -taken.unexpired
        self._tx.emit(
            PointsRepriced(
                member_id=wallet.member_id,
                wallet=wallet.name,
                sequence=sequence,
                points=correction.points,
                balance=wallet.spendable,
                debt=wallet.debt,
                occurred_at=occasion.occurred_at,
                order_source=occasion.key[0],
                order_id=occasion.key[1],
                reason=self._reason,
                shortfall=shortfall,
                policy=policy,
                pending=pending,
                unexpired=unexpired,
            ),
            cause=self._causes.get(occasion.member_id),
        )

    def _notes(self, one: Repriced) -> list[Repricing]:
        before, after = one.before, one.after
        return [
            Repricing(
                kind=one.kind,
                source=correction.after.source,
                occasion_id=correction.after.occasion_id,
                wallet=correction.after.wallet,
                part=correction.after.part,
                number=0,
                reason=self._reason,
                previous_tier=before.tier,
                tier=after.tier,
                was_first=isinstance(before, Purchase) and before.is_first,
                is_first=isinstance(after, Purchase) and after.is_first,
                previous_earned=correction.previously,
                earned=correction.after.earned,
                points=correction.points,
                previous_shares=correction.before.shares if correction.before is not None else [],
                recorded_at=self._tx.now,
            )
            for correction in one.corrections
        ]


def _refuse_too_many(key: Key, evaluation: Evaluation) -> None:
    earned = sum(one.points for one in evaluation.earned)
    if earned > MAX_EARNED:
        raise TooManyPointsError(*key, earned)
