"""What was earned because of an order goes with it: activities that name it are taken back when it came back wholly."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from common.events import Event
from common.events.points import PointsClawedBack
from common.storage import Transaction
from points.accruals import handlers as accruals
from points.accruals.domain import ACTIVITY, Accrual, Key
from points.activities import store
from points.activities.domain import Activity, done_of
from points.cascade import handlers as cascade
from points.cascade.domain import Done, Effect, Returned, Undone, moved, standing
from points.earning.pricing import Pricing
from points.facts import handlers as facts
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, CLAWBACK, CLAWED_BACK, WITHIN_BALANCE, Cause, take
from points.ledger.handlers import Need, Wallets
from points.limits import handlers as limits


async def purchases_returned(
    tx: Transaction,
    wallets: Wallets,
    priced: Pricing,
    returns: Sequence[Returned],
    causes: Mapping[Key, Event[Any] | None],
) -> list[Effect]:
    """Take back the activities of orders that are wholly gone. Wallets of members that the caller does not hold are
    locked, saved and told of here.
    """
    whole = {(one.order_source, one.order_id): one for one in returns if one.wholly}
    found = await store.of_orders(tx, whole) if whole else []
    if not found:
        return []
    known = await facts.known(tx, {one.member_id for one in found})
    owners = {one.key: known.owner(one.member_id) for one in found}
    others = {owner for owner in owners.values() if not wallets.knows(owner)}
    theirs = await ledger.lock(tx, others) if others else wallets
    holding = {key: theirs if owner in others else wallets for key, owner in owners.items()}
    credits = await accruals.by_keys(tx, owners, kind=ACTIVITY)
    needs = [
        Need(holding[activity.key].of(owners[activity.key], one.wallet), one.net, *activity.order)
        for activity in found
        for one in credits.get(activity.key, ())
        if one.net
    ]
    await ledger.load_for(tx, needs)
    before = {(one.member_id, one.name): standing(one) for one in theirs.all()} if others else {}
    effects: list[Effect] = []
    for activity in found:
        returned, owner = whole[activity.order], owners[activity.key]
        event = causes.get((returned.source, returned.return_id))
        undoing = _Undoing(tx, holding[activity.key], priced, owner, event)
        points = undoing.take_back(activity, returned, credits.get(activity.key, []))
        effects.append(
            Effect(
                member_id=owner,
                source=returned.source,
                return_id=returned.return_id,
                subject="activity",
                what=f"{activity.activity}/{activity.activity_id}",
                before=points,
                after="taken back",
            )
        )
    await store.change(tx, [one._replace(taken_back=True) for one in found])
    gone = [one._replace(taken_back=one.earned) for earned in credits.values() for one in earned]
    await accruals.change(tx, [], gone)
    await limits.undone(tx, [(ACTIVITY, *one.key) for one in found])
    undone = [
        Undone(done=done_of(one, one.member_id), returned=replace(whole[one.order], member_id=owners[one.key]))
        for one in found
    ]
    left = await _left(tx, undone)
    effects += await cascade.activities_undone(tx, wallets, _held(undone, wallets), left)
    if others:
        effects += await cascade.activities_undone(tx, theirs, _held(undone, theirs), left)
        effects += moved(theirs.all(), before, effects)
        await ledger.save(tx, theirs)
    return effects


def _held(undone: Sequence[Undone], wallets: Wallets) -> list[Undone]:
    return [one for one in undone if wallets.knows(one.returned.member_id)]


async def _left(tx: Transaction, undone: Sequence[Undone]) -> list[Done]:
    """What the same persons did besides within a day, told of who holds their points now."""
    owners, gone = dict[UUID, UUID](), set[tuple[UUID, str, datetime]]()
    for one in undone:
        for member_id in (one.done.member_id, one.returned.member_id):
            owners[member_id] = one.returned.member_id
            gone.add((member_id, one.done.activity, one.done.occurred_at))
    return [done_of(one, owners[one.member_id]) for one in await store.beside(tx, gone)]


class _Undoing:
    """Takes back what activities of one member earned."""

    def __init__(
        self, tx: Transaction, wallets: Wallets, priced: Pricing, owner: UUID, event: Event[Any] | None
    ) -> None:
        self._tx = tx
        self._wallets = wallets
        self._priced = priced
        self._owner = owner
        self._event = event

    def take_back(self, activity: Activity, returned: Returned, credits: Sequence[Accrual]) -> str:
        """In words what it had earned: `30 points, 5 growth`."""
        for one in credits:
            if one.net:
                self._take(activity, returned, one)
        return ", ".join(f"{one.net} {one.wallet}" for one in credits) or "nothing"

    def _take(self, activity: Activity, returned: Returned, one: Accrual) -> None:
        wallet, policy = self._wallets.of(self._owner, one.wallet), self._priced.policy(one.wallet)
        if policy == WITHIN_BALANCE:
            # The purchase's return was decided; what follows it is not decided a second time.
            policy = ALLOW_NEGATIVE
        cause = Cause(
            CLAWED_BACK,
            activity.order_source,
            activity.order_id,
            returned.return_id,
            returned.occurred_at,
            self._tx.now,
        )
        taken = take(wallet, one.net, cause, CLAWBACK, policy)
        self._tx.emit(
            PointsClawedBack(
                member_id=self._owner,
                wallet=one.wallet,
                sequence=taken.sequence,
                points=taken.points,
                balance=wallet.spendable,
                debt=wallet.debt,
                occurred_at=returned.occurred_at,
                order_source=activity.order_source,
                order_id=activity.order_id,
                return_id=returned.return_id,
                shortfall=taken.shortfall,
                policy=policy,
                pending=taken.pending,
                unexpired=taken.unexpired,
                reason=ACTIVITY,
            ),
            cause=self._event,
        )
