"""Purchases become facts, and the days they belong to are counted in the same transaction."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from analytics.calendar.domain import day_of
from analytics.facts import store
from analytics.facts.domain import PurchaseFact, basis_of, refusal
from analytics.returns import handlers as returns
from analytics.returns.domain import Order
from analytics.spend import handlers as spend
from analytics.spend.domain import Counted
from common.events import Contract, Event
from common.events.programme import ProgrammeSettings
from common.events.purchases import PurchaseCompleted
from common.messaging import Outcome, dead, duplicate
from common.storage import Transaction
from common.storage.programme import programme

C = TypeVar("C", bound=Contract)
K = TypeVar("K", bound=tuple[Any, ...])
"""A natural key: its parts compare, so that all workers write rows in one order."""


async def purchases_completed(tx: Transaction, events: Sequence[Event[PurchaseCompleted]]) -> Sequence[Outcome]:
    """Keep each purchase once; waiting returns find their purchase."""
    settings = await programme(tx)
    believed, outcomes = _believed(tx, events, settings)
    zone = ZoneInfo(settings.time_zone)

    async def insert(first: Sequence[Event[PurchaseCompleted]]) -> Collection[store.Key]:
        kept = [_purchase(event, zone, settings) for event in first]
        new = await store.insert_purchases(tx, kept, zone=settings.time_zone)
        fresh = [fact for fact in kept if (fact.source, fact.order_id) in new]
        if fresh:
            came_back = await returns.purchases_came(tx, map(_order, fresh))
            await spend.count(tx, [*map(_sold, fresh), *came_back])
        return new

    return outcomes + await once(
        believed,
        key=lambda event: (event.source, event.data.order_id),
        insert=insert,
        known=lambda keys: store.known_purchases(tx, keys),
        reused="order_id_reused",
    )


async def once(
    events: Sequence[Event[C]],
    *,
    key: Callable[[Event[C]], K],
    insert: Callable[[Sequence[Event[C]]], Awaitable[Collection[K]]],
    known: Callable[[Sequence[K]], Awaitable[Mapping[K, bytes]]],
    reused: str,
) -> list[Outcome]:
    """Insert the first event of each natural key; the others are duplicates, or dead when they say something else.

    `insert` gets events sorted by key and returns the keys that were new; `known` tells the body hashes of kept keys.
    """
    if not events:
        return []
    first: dict[K, Event[C]] = {}
    again = [(one, event) for event in events if first.setdefault(one := key(event), event) is not event]
    new = await insert([first[one] for one in sorted(first)])
    hashes = {one: first[one].body_hash for one in new}
    if len(new) < len(first):
        old = [one for one in first if one not in hashes]
        hashes.update(await known(old))
        again += [(one, first[one]) for one in old]
    return [
        duplicate(event)
        if hashes[one] == event.body_hash
        else dead(event, reused, f"{event.subject or one} was received before with another body.")
        for one, event in again
    ]


async def move_days(tx: Transaction, *, zone: str, limit: int) -> int:
    """Take up to `limit` purchases to their day in `zone`; returns how many were moved."""
    moved, counted = await store.move_purchases(tx, zone=zone, limit=limit)
    await spend.count(tx, counted, moved=True)
    return moved


async def of_unknown_members(tx: Transaction) -> Any:
    """`purchases` and their `gross` amount, of members of whom no event has come (docs/adr/0008)."""
    return await store.of_unknown_members(tx)


async def duplicates(tx: Transaction) -> dict[str, int]:
    """Events that were ignored because they were known, by type."""
    return await store.duplicates(tx)


def _believed(
    tx: Transaction, events: Sequence[Event[PurchaseCompleted]], settings: ProgrammeSettings
) -> tuple[list[Event[PurchaseCompleted]], list[Outcome]]:
    policy = returns.policy_of(settings)
    believed: list[Event[PurchaseCompleted]] = []
    outcomes: list[Outcome] = []
    for event in events:
        data = event.data
        refused = refusal(currency=data.currency, occurred_at=data.occurred_at, now=tx.now, policy=policy)
        if refused is None:
            believed.append(event)
        else:
            outcomes.append(dead(event, refused.reason, refused.message))
    return believed, outcomes


def _purchase(event: Event[PurchaseCompleted], zone: ZoneInfo, settings: ProgrammeSettings) -> PurchaseFact:
    data = event.data
    return PurchaseFact(
        source=event.source,
        order_id=data.order_id,
        member_id=data.member_id,
        occurred_at=data.occurred_at,
        day=day_of(data.occurred_at, zone),
        currency=data.currency,
        amount=data.amount,
        discount=data.discount,
        tax=data.tax,
        delivery=data.delivery,
        basis=basis_of(
            data.amount,
            data.discount,
            data.tax,
            data.delivery,
            on_tax=settings.earn_on_tax,
            on_delivery=settings.earn_on_delivery,
        ),
        channel=data.channel,
        shop=data.shop,
        body_hash=event.body_hash,
    )


def _order(fact: PurchaseFact) -> Order:
    return Order(
        source=fact.source,
        order_id=fact.order_id,
        member_id=fact.member_id,
        channel=fact.channel,
        currency=fact.currency,
        basis=fact.basis,
    )


def _sold(fact: PurchaseFact) -> Counted:
    return Counted(day=fact.day, channel=fact.channel, orders=1, gross=fact.amount, discount=fact.discount)
