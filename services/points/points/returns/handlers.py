"""Returns take back what their purchase earned; one that comes before its purchase waits for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.events import Event
from common.events.purchases import PurchaseRefunded
from common.messaging import Outcome, dead, duplicate
from common.storage import Transaction
from points.accruals import handlers as accruals
from points.accruals.domain import Key
from points.activities import handlers as activities
from points.cascade.domain import Effect
from points.earning.pricing import Pricing, know, pricing
from points.errors import ReturnUnknownError
from points.facts import handlers as facts
from points.ledger import handlers as ledger
from points.ledger.handlers import Wallets
from points.returns import domain, store
from points.returns.applying import Applying
from points.returns.domain import WAITING, Refusal, Return
from points.times import bounds

SETTLE_LIMIT = 500


async def purchases_refunded(tx: Transaction, events: Sequence[Event[PurchaseRefunded]]) -> list[Outcome]:
    """Match each return with its purchase, or let it wait; the return's key decides what was seen before."""
    priced = await pricing(tx)
    applying, wallets = await begin(tx, priced, {order_of(event) for event in events})
    known = await store.body_hashes(tx, [(event.source, event.data.return_id) for event in events])
    outcomes: list[Outcome] = []
    kept: list[Return] = []
    limits = bounds(tx.now, priced.settings.earliest_year, priced.settings.latest_future_hours)
    for event in sorted(events, key=lambda event: (event.data.occurred_at, event.source, event.data.return_id)):
        key = (event.source, event.data.return_id)
        if key in known:
            outcomes.append(_again(event, known[key]))
            continue
        if absurd := limits.problem(event.data.occurred_at):
            outcomes.append(dead(event, "absurd_time", absurd))
            continue
        returned = _return_of(event, tx.now)
        if problem := _refused(returned, applying, priced):
            outcomes.append(dead(event, problem.reason, problem.message))
            continue
        known[key] = event.body_hash
        kept.append(applying.apply(returned, event) if returned.order_key in applying.purchases else returned)
    if kept:
        await store.add(tx, kept)
        await applying.finish()
        await ledger.save(tx, wallets)
    return outcomes


async def begin(tx: Transaction, priced: Pricing, orders: set[Key]) -> tuple[Applying, Wallets]:
    """Lock the wallets of those who bought these, and read the purchases; `priced` then knows the members."""
    found = await accruals.purchases(tx, orders)
    # What others were given because of these orders goes back with them: their wallets are locked in the same turn.
    followers = await activities.of_orders(tx, found) if found else []
    members = {one.member_id for one in found.values()} | {one.member_id for one in followers}
    wallets, known = await facts.lock(tx, members, priced.book.needs)
    await know(tx, priced, known)
    applying = Applying(tx, wallets, priced)
    await applying.prepare(found)
    return applying, wallets


async def settle_waiting(tx: Transaction, causes: Mapping[Key, Event[Any]], wallets: Wallets, priced: Pricing) -> None:
    """Apply the returns that waited for these purchases, which are written down. The caller saves the wallets, which it
    holds locked.
    """
    waiting = await store.waiting_for(tx, causes)
    if waiting:
        applying = Applying(tx, wallets, priced)
        await applying.prepare({returned.order_key for returned in waiting})
        await _settle(tx, applying, waiting, causes)


async def settle(tx: Transaction) -> None:
    """Timed job: returns that crossed their purchase, in two transactions that did not see each other."""
    waiting = await store.met(tx, SETTLE_LIMIT)
    if waiting:
        applying, wallets = await begin(tx, await pricing(tx), {returned.order_key for returned in waiting})
        await _settle(tx, applying, waiting, {})
        await ledger.save(tx, wallets)


async def _settle(tx: Transaction, applying: Applying, waiting: list[Return], causes: Mapping[Key, Event[Any]]) -> None:
    results = [applying.apply(returned, causes.get(returned.order_key)) for returned in domain.in_order(waiting)]
    await store.settle(tx, results)
    await applying.finish()


def order_of(event: Event[PurchaseRefunded]) -> Key:
    """The purchase that is returned: of the same source unless the return names another."""
    return (event.data.order_source or event.source, event.data.order_id)


def _again(event: Event[PurchaseRefunded], known_hash: bytes) -> Outcome:
    if event.body_hash == known_hash:
        return duplicate(event)
    message = f"Return {event.data.return_id} of {event.source} came before with another body."
    return dead(event, "return_id_reused", message)


def _refused(returned: Return, applying: Applying, priced: Pricing) -> Refusal | None:
    if problem := domain.contradiction(returned):
        return problem
    purchase = applying.purchases.get(returned.order_key)
    if purchase is not None:
        return domain.refusal(purchase, returned, applying.in_review[returned.order_key])
    if returned.currency != priced.settings.currency:
        return Refusal(
            reason=domain.CURRENCY_MISMATCH,
            message=f"the return is in {returned.currency}, the programme in {priced.settings.currency}",
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
        lines=[[line.sku, line.quantity, line.amount] for line in data.lines] or None,
        points=0,
        shortfall=0,
        state=WAITING,
        reason="",
        occurred_at=data.occurred_at,
        recorded_at=now,
        settled_at=None,
        body_hash=event.body_hash,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A return and everything it changed, in the order in which it happened."""

    returned: Return
    effects: Sequence[Effect]


async def receipt(tx: Transaction, source: str, return_id: str) -> Receipt:
    """Raises ReturnUnknownError."""
    returned = await store.by_key(tx, (source, return_id))
    if returned is None:
        raise ReturnUnknownError(source, return_id)
    return Receipt(returned=returned, effects=await store.effects(tx, returned.key))


async def of_order(tx: Transaction, order: Key) -> list[Return]:
    """All returns of one purchase, as they happened."""
    return await store.of_order(tx, order)


async def open_returns(tx: Transaction, state: str, *, after: tuple[datetime, str, str], limit: int) -> list[Return]:
    """Returns that wait, are in review, or were refused or rejected; the oldest first."""
    return await store.open_returns(tx, state, after=after, limit=limit)
