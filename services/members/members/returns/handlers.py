"""Returns: each recorded once, taking effect once it has met its purchase, and never for more than was bought."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.events import Event
from common.events.purchases import PurchaseRefunded
from common.messaging import Outcome, dead, duplicate
from common.storage import Transaction
from members.purchases.domain import Limits
from members.returns import domain, store
from members.returns.domain import APPLIED, Key, Order, Return
from members.tiers.domain import Returned

Refunded = Event[PurchaseRefunded]


async def record(
    tx: Transaction, events: Sequence[Refunded], limits: Limits
) -> tuple[list[Outcome], dict[UUID, Refunded]]:
    """Write down each return once; it waits when its purchase is not known yet. Gives the members whose purchases were
    returned, each with an event that did it.
    """
    orders = await store.lock_orders(tx, {_order_of(event) for event in events})
    known = await store.hashes(tx, sorted({(event.source, event.data.return_id) for event in events}))
    outcomes: list[Outcome] = []
    kept: list[tuple[Return, Refunded]] = []
    for event in sorted(events, key=lambda event: (event.data.occurred_at, event.source, event.data.return_id)):
        key = (event.source, event.data.return_id)
        if key in known:
            outcomes.append(_again(event, known[key]))
            continue
        one = _return(event)
        order = orders.get(one.order_key)
        no = domain.impossible(one, order, limits, tx.now)
        if no is not None:
            outcomes.append(dead(event, no.reason, no.message))
            continue
        known[key] = event.body_hash
        if order is not None:
            one, orders[order.key] = domain.settle(one, order)
        kept.append((one, event))
    if kept:
        await store.add(tx, kept)
    return outcomes, {one.member_id: event for one, event in kept if one.member_id is not None}


async def purchases_came(tx: Transaction, orders: Iterable[Order]) -> None:
    """Settle the returns that waited for these new purchases."""
    await _settle(tx, {order.key: order for order in orders})


async def match(tx: Transaction, *, limit: int) -> set[UUID]:
    """Settle returns that crossed their purchase: both were committed in the same moment and did not see each other.
    Gives the members concerned, of up to `limit` purchases.
    """
    keys = await store.met(tx, limit=limit)
    return await _settle(tx, await store.lock_orders(tx, keys)) if keys else set()


async def known(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    """The body hashes of returns that are recorded."""
    return await store.hashes(tx, keys)


async def of_members(tx: Transaction, member_ids: Sequence[UUID]) -> dict[UUID, list[Returned]]:
    """What these members gave back, refused returns left out."""
    return await store.of_members(tx, member_ids)


async def of_orders(tx: Transaction, keys: Sequence[Key]) -> dict[Key, list[Row[Any]]]:
    """The returns of these purchases, refused ones too."""
    return await store.of_orders(tx, keys) if keys else {}


async def _settle(tx: Transaction, orders: Mapping[Key, Order]) -> set[UUID]:
    current = dict(orders)
    settled: list[Return] = []
    for one in domain.in_order(await store.waiting_for(tx, orders)):
        after, current[one.order_key] = domain.settle(one, current[one.order_key])
        settled.append(after)
    if settled:
        await store.settle(tx, settled)
    return {one.member_id for one in settled if one.state == APPLIED and one.member_id is not None}


def _order_of(event: Refunded) -> Key:
    """The purchase that is returned: of the same source unless the return names another."""
    return (event.data.order_source or event.source, event.data.order_id)


def _return(event: Refunded) -> Return:
    order_source, order_id = _order_of(event)
    return Return(
        source=event.source,
        return_id=event.data.return_id,
        order_source=order_source,
        order_id=order_id,
        member_id=None,
        occurred_at=event.data.occurred_at,
        currency=event.data.currency,
        amount=event.data.amount,
    )


def _again(event: Refunded, known_hash: bytes) -> Outcome:
    if event.body_hash == known_hash:
        return duplicate(event)
    message = f"{event.data.return_id!r} of {event.source} came before with another body."
    return dead(event, "return_id_reused", message)
