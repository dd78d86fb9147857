"""What purchases earned: other subjects read and keep accruals through here."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from common.storage import Transaction
from points.accruals import store
from points.accruals.domain import Accrual, Key, Repricing


async def body_hashes(tx: Transaction, keys: Iterable[Key]) -> dict[Key, bytes]:
    """Of those purchases that are known."""
    return await store.body_hashes(tx, keys)


async def by_keys(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Accrual]:
    return await store.by_keys(tx, keys)


async def after(tx: Transaction, since: Sequence[tuple[UUID, datetime]]) -> list[Accrual]:
    """The accruals of each member that occurred after its instant."""
    return await store.after(tx, since) if since else []


async def add(tx: Transaction, accruals: Sequence[Accrual]) -> None:
    if accruals:
        await store.add(tx, accruals)


async def change(tx: Transaction, accruals: Sequence[Accrual]) -> None:
    """Keep what returns and repricings changed."""
    if accruals:
        await store.change(tx, accruals)


async def add_repricings(tx: Transaction, repricings: Sequence[Repricing]) -> None:
    if repricings:
        await store.add_repricings(tx, repricings)


async def repricings(tx: Transaction, key: Key) -> list[Repricing]:
    return await store.repricings(tx, key)


async def page(
    tx: Transaction,
    member_id: UUID,
    *,
    occurred_from: datetime,
    occurred_until: datetime,
    before: tuple[datetime, str, str],
    limit: int,
) -> list[Accrual]:
    """A member's purchases, the latest first."""
    return await store.page(
        tx, member_id, occurred_from=occurred_from, occurred_until=occurred_until, before=before, limit=limit
    )
