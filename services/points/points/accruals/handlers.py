"""Purchases and what they earned: other subjects read and keep them through here."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from common.storage import Transaction
from points.accruals import corrections, store
from points.accruals.domain import PURCHASE, Accrual, Key, Place, Purchase, Repricing


async def body_hashes(tx: Transaction, keys: Iterable[Key]) -> dict[Key, bytes]:
    """Of those purchases that are known."""
    return await store.body_hashes(tx, keys)


async def purchases(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Purchase]:
    """The facts of those purchases that are known."""
    return await store.purchases(tx, keys)


async def wholly_returned(tx: Transaction, keys: Iterable[Key]) -> set[Key]:
    """Which of these purchases came back wholly. None of them changes until the transaction ends."""
    return await store.wholly_returned(tx, keys)


async def by_keys(tx: Transaction, keys: Iterable[Key], *, kind: str = PURCHASE) -> dict[Key, list[Accrual]]:
    """What these occasions earned, one accrual for each wallet; absent when it was nothing."""
    return await store.accruals(tx, kind, keys)


async def after(tx: Transaction, since: Sequence[tuple[UUID, datetime]]) -> list[Purchase]:
    """The purchases of each member that occurred after its instant."""
    return await store.after(tx, since) if since else []


async def firsts(tx: Transaction, member_ids: Iterable[UUID]) -> dict[int, Purchase]:
    """The earliest purchase of each member that did not come back wholly, by the member's id as a whole number."""
    return await store.firsts(tx, member_ids)


async def first_places(tx: Transaction, member_ids: Iterable[UUID]) -> dict[int, Place]:
    """Of the same purchases only where they stand (`Purchase.place`)."""
    return await store.first_places(tx, member_ids)


async def called_first(tx: Transaction, member_ids: Iterable[UUID]) -> list[Purchase]:
    """Purchases of these members that were priced as their first and did not come back wholly."""
    return await store.called_first(tx, member_ids)


async def add(tx: Transaction, purchases: Sequence[Purchase], accruals: Sequence[Accrual]) -> None:
    if purchases:
        await store.add_purchases(tx, purchases)
    if accruals:
        await store.add_accruals(tx, accruals)


async def change(tx: Transaction, purchases: Sequence[Purchase], accruals: Sequence[Accrual]) -> None:
    """Keep what returns and repricings changed. Accruals may be new ones, too."""
    if purchases:
        await store.change_purchases(tx, purchases)
    if accruals:
        await store.change_accruals(tx, accruals)


async def add_repricings(tx: Transaction, repricings: Sequence[Repricing]) -> None:
    if repricings:
        await corrections.add_repricings(tx, repricings)


async def repricings(tx: Transaction, key: Key, *, kind: str = PURCHASE) -> list[Repricing]:
    return await corrections.repricings(tx, kind, key)


async def page(
    tx: Transaction,
    member_ids: Sequence[UUID],
    *,
    occurred_from: datetime,
    occurred_until: datetime,
    before: tuple[datetime, str, str],
    limit: int,
) -> list[Purchase]:
    """Purchases of these members (one, and those it absorbed), the latest first."""
    return await store.page(
        tx, member_ids, occurred_from=occurred_from, occurred_until=occurred_until, before=before, limit=limit
    )


async def replay(
    tx: Transaction,
    *,
    occurred_from: datetime,
    occurred_until: datetime,
    after: tuple[UUID, datetime, str, str],
    limit: int,
) -> list[Purchase]:
    """Purchases of a time, member by member, each member's in the order they happened."""
    return await store.replay(tx, occurred_from=occurred_from, occurred_until=occurred_until, after=after, limit=limit)


async def count(tx: Transaction, occurred_from: datetime, occurred_until: datetime) -> int:
    """How many purchases occurred in [from, until)."""
    return await store.count(tx, occurred_from, occurred_until)
