"""Returns take back what their purchase earned; one that comes before its purchase waits for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from common.events import Event
from common.events.points import PointsClawedBack
from common.events.programme import ProgrammeSettings
from common.events.purchases import PurchaseRefunded
from common.messaging import Outcome, dead, duplicate
from common.storage import Transaction
from common.storage.programme import programme
from points.accruals import handlers as accruals
from points.accruals.domain import Accrual, Key
from points.ledger import handlers as ledger
from points.ledger.domain import Taken, Wallet
from points.ledger.handlers import Wallets
from points.returns import domain, store
from points.returns.domain import REVIEW, WAITING, Return, Settled
from points.times import bounds

SETTLE_LIMIT = 500


async def purchases_refunded(tx: Transaction, events: Sequence[Event[PurchaseRefunded]]) -> list[Outcome]:
    """Match each return with its purchase, or let it wait; the return's key decides what was seen before."""
    settings = await programme(tx)
    found = await accruals.by_keys(tx, {order_of(event) for event in events})
    wallets = await ledger.lock(tx, {accrual.member_id for accrual in found.values()})
    accrued = await accruals.by_keys(tx, found)
    known = await store.body_hashes(tx, [(event.source, event.data.return_id) for event in events])
    reviewed = await store.in_review(tx, accrued)
    await _load_lots(tx, wallets, accrued)

    outcomes: list[Outcome] = []
    kept: list[Return] = []
    changed: dict[Key, Accrual] = {}
    limits = bounds(tx.now, settings.earliest_year, settings.latest_future_hours)
    for event in sorted(events, key=lambda event: (event.data.occurred_at, event.source, event.data.return_id)):
        key = (event.source, event.data.return_id)
        if key in known:
            outcomes.append(_again(event, known[key]))
            continue
        if absurd := limits.problem(event.data.occurred_at):
            outcomes.append(dead(event, "absurd_time", absurd))
            continue
        returned = _return_of(event, tx.now)
        accrual = accrued.get(returned.order_key)
        if problem := _refused(returned, accrual, settings, reviewed[returned.order_key]):
            outcomes.append(dead(event, problem.reason, problem.message))
            continue
        known[key] = event.body_hash
        if accrual is None:
            kept.append(returned)
            continue
        wallet = wallets.of(accrual.member_id, accrual.wallet)
        settled = _settled(returned, accrual, wallet, settings.negative_policy, tx.now, reviewed)
        accrued[accrual.key] = changed[accrual.key] = settled.accrual
        kept.append(settled.returned)
        _tell(tx, settled, wallet, settings.negative_policy, event)

    if kept:
        await store.add(tx, kept)
    await accruals.change(tx, list(changed.values()))
    await ledger.save(tx, wallets)
    return outcomes


async def settle_waiting(
    tx: Transaction,
    accrued: Mapping[Key, Accrual],
    wallets: Wallets,
    settings: ProgrammeSettings,
    causes: Mapping[Key, Event[Any]],
) -> dict[Key, Accrual]:
    """Apply the returns that waited for these purchases; gives the accruals that changed. The caller saves them and the
    wallets, which it holds locked.
    """
    waiting = await store.waiting_for(tx, accrued)
    return await _settle(tx, waiting, accrued, wallets, settings, causes) if waiting else {}


async def settle(tx: Transaction) -> None:
    """Timed job: returns that crossed their purchase, in two transactions that did not see each other."""
    waiting = await store.met(tx, SETTLE_LIMIT)
    if waiting:
        settings = await programme(tx)
        found = await accruals.by_keys(tx, {returned.order_key for returned in waiting})
        wallets = await ledger.lock(tx, {accrual.member_id for accrual in found.values()})
        accrued = await accruals.by_keys(tx, found)
        changed = await _settle(tx, waiting, accrued, wallets, settings, {})
        await accruals.change(tx, list(changed.values()))
        await ledger.save(tx, wallets)


async def _settle(
    tx: Transaction,
    waiting: list[Return],
    accrued: Mapping[Key, Accrual],
    wallets: Wallets,
    settings: ProgrammeSettings,
    causes: Mapping[Key, Event[Any]],
) -> dict[Key, Accrual]:
    current = {returned.order_key: accrued[returned.order_key] for returned in waiting}
    reviewed = await store.in_review(tx, current)
    await _load_lots(tx, wallets, current)
    results: list[Return] = []
    for returned in domain.in_order(waiting):
        accrual = current[returned.order_key]
        wallet = wallets.of(accrual.member_id, accrual.wallet)
        settled = _settled(returned, accrual, wallet, settings.negative_policy, tx.now, reviewed)
        current[accrual.key] = settled.accrual
        results.append(settled.returned)
        _tell(tx, settled, wallet, settings.negative_policy, causes.get(accrual.key))
    await store.settle(tx, results)
    return {key: accrual for key, accrual in current.items() if accrual is not accrued[key]}


def _settled(
    returned: Return, accrual: Accrual, wallet: Wallet, policy: str, now: datetime, reviewed: Counter[Key]
) -> Settled:
    settled = domain.settle(returned, accrual, wallet, policy, now, in_review=reviewed[accrual.key])
    if settled.returned.state == REVIEW:
        reviewed[accrual.key] += returned.amount
    return settled


async def _load_lots(tx: Transaction, wallets: Wallets, accrued: Mapping[Key, Accrual]) -> None:
    needed = {(one.member_id, one.wallet): wallets.of(one.member_id, one.wallet) for one in accrued.values()}
    await ledger.load_lots(tx, list(needed.values()))


def order_of(event: Event[PurchaseRefunded]) -> Key:
    """The purchase that is returned: of the same source unless the return names another."""
    return (event.data.order_source or event.source, event.data.order_id)


def _again(event: Event[PurchaseRefunded], known_hash: bytes) -> Outcome:
    if event.body_hash == known_hash:
        return duplicate(event)
    message = f"Return {event.data.return_id} of {event.source} came before with another body."
    return dead(event, "return_id_reused", message)


def _refused(
    returned: Return, accrual: Accrual | None, settings: ProgrammeSettings, in_review: int
) -> domain.Refusal | None:
    if accrual is not None:
        return domain.refusal(accrual, returned, in_review)
    if returned.currency != settings.currency:
        return domain.Refusal(
            reason=domain.CURRENCY_MISMATCH,
            message=f"the return is in {returned.currency}, the programme in {settings.currency}",
        )
    return None


def _return_of(event: Event[PurchaseRefunded], now: datetime) -> Return:
    data = event.data
    order_source, order_id = order_of(event)
    return Return(
        source=event.source,
        return_id=data.return_id,
        order_source=order_source,
        order_id=order_id,
        member_id=None,
        currency=data.currency,
        amount=data.amount,
        points=0,
        shortfall=0,
        state=WAITING,
        reason="",
        occurred_at=data.occurred_at,
        recorded_at=now,
        settled_at=None,
        body_hash=event.body_hash,
    )


def _tell(tx: Transaction, settled: Settled, wallet: Wallet, policy: str, cause: Event[Any] | None) -> None:
    taken: Taken | None = settled.taken
    if taken is not None:
        tx.emit(
            PointsClawedBack(
                member_id=wallet.member_id,
                wallet=wallet.name,
                sequence=taken.sequence,
                points=taken.points,
                balance=wallet.spendable,
                debt=wallet.debt,
                occurred_at=settled.returned.occurred_at,
                order_source=settled.accrual.source,
                order_id=settled.accrual.order_id,
                return_id=settled.returned.return_id,
                shortfall=taken.shortfall,
                policy=policy,
            ),
            cause=cause,
        )


async def of_order(tx: Transaction, order: Key) -> list[Return]:
    """All returns of one purchase, as they happened."""
    return await store.of_order(tx, order)


async def open_returns(tx: Transaction, state: str, *, after: tuple[datetime, str, str], limit: int) -> list[Return]:
    """Returns that wait, are in review, or were refused; the oldest first."""
    return await store.open_returns(tx, state, after=after, limit=limit)
