"""Returns become facts; each counts once it has met its purchase, and never for more than was bought."""

from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from analytics.calendar.domain import day_of
from analytics.facts.domain import Policy, Refusal, absurdity
from analytics.returns import domain, store
from analytics.returns.domain import APPLIED, CURRENCY_MISMATCH, REFUSED, WAITING, Key, Order, ReturnFact
from analytics.spend import handlers as spend
from analytics.spend.domain import Counted
from common.events import Event
from common.events.programme import ProgrammeSettings
from common.events.purchases import PurchaseRefunded
from common.messaging import Outcome, dead, duplicate
from common.storage import Transaction
from common.storage.programme import programme

SWEEP_LIMIT = 1_000


async def purchases_refunded(tx: Transaction, events: Sequence[Event[PurchaseRefunded]]) -> list[Outcome]:
    """Keep each return once. It counts when its purchase is known; else it waits."""
    settings = await programme(tx)
    policy = policy_of(settings)
    zone = ZoneInfo(settings.time_zone)
    orders = await store.lock_orders(tx, {_order_of(event) for event in events})
    known = await store.known(tx, sorted({(event.source, event.data.return_id) for event in events}))
    outcomes: list[Outcome] = []
    kept: list[ReturnFact] = []
    for event in sorted(events, key=lambda event: (event.data.occurred_at, event.source, event.data.return_id)):
        key = (event.source, event.data.return_id)
        if key in known:
            outcomes.append(_again(event, known[key]))
            continue
        order = orders.get(_order_of(event))
        data = event.data
        no = absurdity(data.occurred_at, now=tx.now, policy=policy) or _refused(data, order, policy)
        if no is not None:
            outcomes.append(dead(event, no.reason, no.message))
            continue
        known[key] = event.body_hash
        fact = _fact(event, zone)
        if order is not None:
            fact, orders[order.key] = domain.settle(fact, order)
        kept.append(fact)
    if kept:
        await store.insert(tx, kept, zone=settings.time_zone)
        await spend.count(tx, _counted(kept))
    return outcomes


async def purchases_came(tx: Transaction, orders: Iterable[Order]) -> list[Counted]:
    """Settle the returns that waited for these new purchases; gives what they add to the days."""
    return await _settle(tx, {order.key: order for order in orders})


async def match_waiting(tx: Transaction) -> None:
    """Job: a return and its purchase written at the same moment by two workers do not see one another."""
    if keys := await store.met(tx, limit=SWEEP_LIMIT):
        await spend.count(tx, await _settle(tx, await store.lock_orders(tx, keys)))


async def move_days(tx: Transaction, *, zone: str, limit: int) -> int:
    """Take up to `limit` returns to their day in `zone`; returns how many were moved."""
    moved, counted = await store.move(tx, zone=zone, limit=limit)
    await spend.count(tx, counted, moved=True)
    return moved


async def waiting(tx: Transaction) -> tuple[int, int]:
    """How many returns wait for their purchase, and their amount."""
    return await store.in_state(tx, WAITING)


async def refused(tx: Transaction) -> tuple[int, int]:
    """How many returns waited and were refused when their purchase came, and their amount."""
    return await store.in_state(tx, REFUSED)


def policy_of(settings: ProgrammeSettings) -> Policy:
    return Policy(
        currency=settings.currency,
        latest_future_hours=settings.latest_future_hours,
        earliest_year=settings.earliest_year,
    )


async def _settle(tx: Transaction, orders: Mapping[Key, Order]) -> list[Counted]:
    current = dict(orders)
    settled: list[ReturnFact] = []
    for fact in domain.in_order(await store.waiting_for(tx, orders)):
        after, current[fact.order_key] = domain.settle(fact, current[fact.order_key])
        settled.append(after)
    if settled:
        await store.settle(tx, settled)
    return _counted(settled)


def _counted(facts: Iterable[ReturnFact]) -> list[Counted]:
    return [
        Counted(day=fact.day, channel=fact.channel, returns=1, returned=fact.amount)
        for fact in facts
        if fact.state == APPLIED and fact.channel is not None
    ]


def _order_of(event: Event[PurchaseRefunded]) -> Key:
    """The purchase that is returned: of the same source unless the return names another."""
    return (event.data.order_source or event.source, event.data.order_id)


def _again(event: Event[PurchaseRefunded], known_hash: bytes) -> Outcome:
    if event.body_hash == known_hash:
        return duplicate(event)
    message = f"Return {event.data.return_id} of {event.source} was received before with another body."
    return dead(event, "return_id_reused", message)


def _refused(data: PurchaseRefunded, order: Order | None, policy: Policy) -> Refusal | None:
    if order is not None:
        return domain.refusal(order, currency=data.currency, amount=data.amount)
    if data.currency != policy.currency:
        return Refusal(
            reason=CURRENCY_MISMATCH,
            message=f"the return is in {data.currency}, the programme in {policy.currency}",
        )
    return None


def _fact(event: Event[PurchaseRefunded], zone: ZoneInfo) -> ReturnFact:
    data = event.data
    order_source, order_id = _order_of(event)
    return ReturnFact(
        source=event.source,
        return_id=data.return_id,
        order_source=order_source,
        order_id=order_id,
        member_id=None,
        channel=None,
        occurred_at=data.occurred_at,
        day=day_of(data.occurred_at, zone),
        currency=data.currency,
        amount=data.amount,
        state=WAITING,
        reason="",
        body_hash=event.body_hash,
    )
