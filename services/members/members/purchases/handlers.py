"""Record purchases and returns, each once, and review the tiers of those concerned."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row

from common.events import Event
from common.events.contract import Contract
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.messaging import Outcome, dead, duplicate, retry
from common.storage import Transaction
from common.storage.programme import programme
from members.purchases import store
from members.purchases.domain import Limits, Same, basis_of, grouped, refusal
from members.purchases.store import Key
from members.returns import handlers as returns
from members.returns.domain import Order
from members.tiers import handlers as tiers
from members.tiers.domain import START
from members.tiers.handlers import Life

C = TypeVar("C", bound=Contract)

REVIEW_LIMIT = 5_000
"""Members reviewed by one run of the job."""


async def purchases_completed(tx: Transaction, events: Sequence[Event[PurchaseCompleted]]) -> Sequence[Outcome]:
    """Record each purchase once; who crosses a threshold changes tier in the same transaction."""
    limits = await limits_now(tx)
    outcomes, taken = sift(events, limits, tx.now)
    held = await tiers.lock(tx, {event.data.member_id for event in taken})
    unknown = [event for event in taken if event.data.member_id not in held]
    outcomes += [retry(event, "unknown_member", f"No member {event.data.member_id} (yet).") for event in unknown]
    groups = grouped([(_order(event), event) for event in taken if event.data.member_id in held])
    orders = {key: _order_of(same.first, limits) for key, same in groups.items()}
    first = {key: (same.first, orders[key].basis) for key, same in groups.items()}
    new = await store.record_purchases(tx, first) if first else set()
    outcomes += await _repeated(tx, groups, new)
    if new:
        fresh = {key: same.first for key, same in groups.items() if key in new}
        await returns.purchases_came(tx, [orders[key] for key in fresh])
        causes = {event.data.member_id: event for event in fresh.values()}
        concerned = {id: standing for id, standing in held.items() if id in causes}
        await _review(tx, concerned, causes, _earliest(fresh.values()))
    return outcomes


async def purchases_refunded(tx: Transaction, events: Sequence[Event[PurchaseRefunded]]) -> Sequence[Outcome]:
    """Record each return once; it waits when its purchase is not known yet."""
    outcomes, causes = await returns.record(tx, events, await limits_now(tx))
    if causes:
        await _review(tx, await tiers.lock_or_defer(tx, set(causes)), causes)
    return outcomes


async def reviewed(tx: Transaction) -> None:
    """Timed job: whom time, new rules or a postponed review may have moved to another tier."""
    due = await tiers.due(tx, limit=REVIEW_LIMIT)
    await _review(tx, await tiers.lock(tx, due) if due else {}, {})


async def returns_matched(tx: Transaction) -> None:
    """Timed job: a return and its purchase that were committed in the same moment did not see each other."""
    if members := await returns.match(tx, limit=REVIEW_LIMIT):
        await _review(tx, await tiers.lock_or_defer(tx, members), {})


def sift(events: Sequence[Event[C]], limits: Limits, now: datetime) -> tuple[list[Outcome], list[Event[C]]]:
    """What will never be taken, with the reason, and the rest. For events with `currency` and `occurred_at`."""
    outcomes: list[Outcome] = []
    taken: list[Event[C]] = []
    for event in events:
        data: Any = event.data
        refused = refusal(data.currency, data.occurred_at, limits, now)
        if refused is None:
            taken.append(event)
        else:
            outcomes.append(dead(event, refused.reason, refused.message))
    return outcomes, taken


async def limits_now(tx: Transaction) -> Limits:
    settings = await programme(tx)
    return Limits(
        currency=settings.currency,
        latest_future_hours=settings.latest_future_hours,
        earliest_year=settings.earliest_year,
        earn_on_tax=settings.earn_on_tax,
        earn_on_delivery=settings.earn_on_delivery,
    )


async def life_of(tx: Transaction, member_id: UUID) -> Life:
    """Everything the member bought and gave back."""
    return (await _lives(tx, {member_id: START})).get(member_id, Life())


async def known(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    """The body hashes of purchases that are recorded."""
    return await store.purchase_hashes(tx, keys)


async def known_returns(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    """The body hashes of returns that are recorded."""
    return await returns.known(tx, keys)


async def any_recorded(tx: Transaction) -> bool:
    return await store.any_recorded(tx)


async def counts(tx: Transaction) -> Row[Any]:
    """`purchases`, `returns`, `waiting`, `refused`."""
    return await store.counts(tx)


async def of_member(
    tx: Transaction, member_id: UUID, *, after: tuple[datetime, str, str] | None, limit: int
) -> Sequence[Row[Any]]:
    return await store.of_member(tx, member_id, after=after, limit=limit)


async def find(tx: Transaction, source: str, order_id: str) -> Row[Any] | None:
    return await store.find(tx, source, order_id)


async def returns_of(tx: Transaction, rows: Sequence[Row[Any]]) -> dict[Key, list[Row[Any]]]:
    """The returns of these purchases, refused ones too."""
    return await returns.of_orders(tx, [(row.source, row.order_id) for row in rows])


def _order(event: Event[PurchaseCompleted]) -> Key:
    return (event.source, event.data.order_id)


def _order_of(event: Event[PurchaseCompleted], limits: Limits) -> Order:
    data = event.data
    return Order(
        source=event.source,
        order_id=data.order_id,
        member_id=data.member_id,
        currency=data.currency,
        basis=basis_of(
            data.amount,
            data.discount,
            data.tax,
            data.delivery,
            on_tax=limits.earn_on_tax,
            on_delivery=limits.earn_on_delivery,
        ),
    )


def _earliest(events: Iterable[Event[PurchaseCompleted]]) -> dict[UUID, datetime]:
    """The first instant at which each member's life is new."""
    first: dict[UUID, datetime] = {}
    for event in events:
        at = event.data.occurred_at
        first[event.data.member_id] = min(at, first.get(event.data.member_id, at))
    return first


async def _review(
    tx: Transaction,
    held: Mapping[UUID, Any],
    causes: Mapping[UUID, Event[Any]],
    changed_at: Mapping[UUID, datetime] | None = None,
) -> None:
    if held:
        planned = await tiers.plan(tx, held, changed_at or {})
        await tiers.review(tx, planned, await _lives(tx, planned.needed), causes)


async def _lives(tx: Transaction, needed: Mapping[UUID, datetime]) -> dict[UUID, Life]:
    """What members bought from an instant on, and all they gave back."""
    bought, returned = await store.bought(tx, needed), await returns.of_members(tx, list(needed))
    return {id: Life(bought=bought.get(id, ()), returned=returned.get(id, ())) for id in {*bought, *returned}}


async def _repeated(
    tx: Transaction, groups: Mapping[Key, Same[Event[PurchaseCompleted]]], new: set[Key]
) -> list[Outcome]:
    """Outcomes of those whose key was seen before, in this batch or earlier: the same again, or another body."""
    before = await store.purchase_hashes(tx, [key for key in groups if key not in new])
    outcomes = []
    for key, same in groups.items():
        again = same.others if key in new else (same.first, *same.others)
        first_hash = same.first.body_hash if key in new else before[key]
        for event in again:
            if event.body_hash == first_hash:
                outcomes.append(duplicate(event))
            else:
                message = f"{key[1]!r} of {key[0]} came before with another body."
                outcomes.append(dead(event, "order_id_reused", message))
    return outcomes
