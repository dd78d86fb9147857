"""A ledger of its own: members, credits and debits without the stories of other subjects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from common.storage import Database, Transaction
from points.checks import handlers as checks
from points.ledger import handlers as ledger
from points.ledger.domain import EARNED, Cause, Wallet, credit

SHOP = "//shop.example/tills/1"
NOW = datetime.now(UTC)
"""Fixed for one run: the database's clock is real."""
WINDOW = "return_window_closed"


def days(number: float) -> datetime:
    """So many days from now, less than 0 for the past."""
    return NOW + timedelta(days=number)


async def open_member(database: Database) -> UUID:
    member_id = uuid4()
    async with database.transaction() as tx:
        await ledger.open_wallets(tx, [member_id])
    return member_id


@asynccontextmanager
async def at_work(
    database: Database, member_id: UUID, name: str = "points", *, now: datetime | None = None
) -> AsyncIterator[tuple[Transaction, Wallet]]:
    """A locked wallet, saved at the end; `now` sets the clock."""
    async with database.transaction() as tx:
        tx.now = now or tx.now
        wallets = await ledger.lock(tx, [member_id])
        yield tx, wallets.of(member_id, name)
        await ledger.save(tx, wallets)


def cause(tx: Transaction, kind: str, order: str = "", reference: str = "", at: datetime | None = None) -> Cause:
    return Cause(kind, SHOP if order else "", order, reference, at or tx.now, tx.now)


async def earn(
    database: Database,
    member_id: UUID,
    points: int,
    order: str,
    *,
    expires: datetime | None = None,
    at: datetime | None = None,
    available: datetime | None = None,
    waits: bool = False,
    name: str = "points",
) -> int:
    async with at_work(database, member_id, name) as (tx, wallet):
        why = cause(tx, EARNED, order, at=at)
        return credit(wallet, points, why, expires, available_at=available, waits=WINDOW if waits else "")


async def spend(database: Database, member_id: UUID, points: int, reference: str = "", **options: Any) -> int:
    async with at_work(database, member_id) as (tx, wallet):
        return await ledger.spend(tx, wallet, points, cause(tx, "redeemed", reference=reference), **options)


async def written(database: Database, member_id: UUID, name: str = "points") -> dict[str, int]:
    """The accounts as they are written down."""
    async with database.transaction() as tx:
        row: Any = await tx.fetch_one(
            "SELECT balance, pending, held, debt FROM wallets WHERE member_id = :member AND wallet = :wallet",
            {"member": member_id, "wallet": name},
        )
    return {key: value for key, value in row._mapping.items() if value}


async def seen(database: Database, member_id: UUID, name: str = "points") -> ledger.Balance:
    async with database.transaction() as tx:
        found = await ledger.balances(tx, member_id, soon=tx.now + timedelta(days=30))
    return next(one for one in found if one.wallet == name)


async def remaining(database: Database, member_id: UUID) -> dict[int, int]:
    """What is left in each lot that is not empty."""
    async with database.transaction() as tx:
        found: Any = await tx.fetch_all(
            "SELECT sequence, remaining FROM lots WHERE member_id = :member AND remaining > 0 ORDER BY sequence",
            {"member": member_id},
        )
    return {row.sequence: row.remaining for row in found}


async def must_hold(database: Database, *members: UUID) -> None:
    """The whole ledger adds up, and the chains of these members hold."""
    async with database.transaction() as tx:
        await checks.check_everything(tx)
        for finding in await checks.look(tx):
            assert finding.holds, finding
        for member_id in members:
            for chain in await ledger.verify(tx, member_id):
                assert list(chain.breaks) == []
