"""The ledger in PostgreSQL: append-only, chained, and safe when many write at once."""

import asyncio
import random
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from common.events import Contract, Event
from common.storage import Database, Transaction
from points.ledger import handlers as ledger
from points.ledger import reading
from points.ledger.domain import ALLOW_NEGATIVE, CLAWBACK, CLAWED_BACK, EARNED, Cause, credit, take
from tests.points.world import (
    SHOP,
    balance,
    day,
    happen,
    member,
    purchase,
    rate,
    refund,
    registered,
    rows,
    tiers,
    value,
)


def cause(order: str, kind: str = EARNED) -> Cause:
    return Cause(kind, SHOP, order, "", day(0), day(0))


@pytest.mark.parametrize("table", ["transfers", "lot_consumptions", "lot_restorations"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET points = points + 1"])
async def test_database_refuses_to_change_what_is_append_only(
    points_database: Database, table: str, change: str
) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_000), refund("a", "r", 4_000))
    with pytest.raises(DBAPIError, match="append-only"):
        await value(points_database, change.format(table))


async def test_movements_are_written_whole_and_the_chain_holds(points_database: Database) -> None:
    someone = await member(points_database)
    for order, taken in (("a", 0), ("b", 70), ("c", 10)):
        async with points_database.transaction() as tx:
            wallets = await ledger.lock(tx, [someone])
            wallet = wallets.of(someone, "points")
            await ledger.load_lots(tx, [wallet])
            credit(wallet, 50, cause(order), None)
            if taken:
                take(wallet, taken, cause("x" + order, CLAWED_BACK), CLAWBACK, ALLOW_NEGATIVE)
            await ledger.save(tx, wallets)
    assert await balance(points_database, someone) == (70, 0)
    lots = await rows(points_database, "SELECT sequence, points, remaining FROM lots ORDER BY sequence")
    assert [tuple(lot) for lot in lots] == [(1, 50, 0), (2, 50, 20), (4, 50, 50)]
    async with points_database.transaction() as tx:
        (chain,) = await ledger.verify(tx, someone)
    assert (chain.transfers, list(chain.breaks)) == (5, [])


async def test_changed_transfer_is_found_by_the_chain(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_000))
    await happen(points_database, purchase(someone, "b", 10_000))
    async with points_database.transaction() as tx:
        await tx.execute("ALTER TABLE transfers DISABLE TRIGGER transfers_append_only")
        await tx.execute("UPDATE transfers SET points = 1000 WHERE sequence = 1")
        (chain,) = await ledger.verify(tx, someone)
    assert [(at.sequence, at.problem) for at in chain.breaks] == [(1, "was changed")]


async def test_missing_newest_transfer_is_found_by_the_chain(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_000))
    await happen(points_database, purchase(someone, "b", 10_000))
    async with points_database.transaction() as tx:
        await tx.execute("ALTER TABLE transfers DISABLE TRIGGER transfers_append_only")
        await tx.execute("DELETE FROM transfers WHERE sequence = 2")
        (chain,) = await ledger.verify(tx, someone)
    assert [at.problem for at in chain.breaks] == ["is not where the chain ends"]


async def test_two_batches_with_members_in_opposite_order_do_not_deadlock(points_database: Database) -> None:
    members = [uuid4() for _ in range(20)]
    await happen(points_database, *(registered(one) for one in members))
    before = await value(points_database, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")

    async def work(worker: int) -> None:
        for round_ in range(5):
            order = members if worker % 2 else members[::-1]
            batch = [purchase(one, f"{worker}-{round_}-{one}", 1_000) for one in order]
            await happen(points_database, *batch)

    await asyncio.gather(*(work(worker) for worker in range(4)))
    after = await value(points_database, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert after == before
    for one in members:
        assert await balance(points_database, one) == (4 * 5 * 10, 0)


async def test_workers_with_mixed_batches_on_the_same_members_part_without_a_deadlock(
    points_database: Database,
) -> None:
    """Histories, purchases and returns of one batch lock one after the other; the total stays exact."""
    await rate(points_database, multipliers={"gold": "2"})
    members = [uuid4() for _ in range(12)]
    await happen(points_database, *(registered(one) for one in members))
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await value(points_database, deadlocks)

    async def again_when_locked(*batch: Event[Contract]) -> None:
        for attempt in range(40):
            try:
                outcomes = await happen(points_database, *batch)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", "") != "55P03":
                    raise
                await asyncio.sleep(random.uniform(0.01, 0.05) * (attempt + 1))
            else:
                assert outcomes == []
                return
        raise AssertionError("never got the locks")

    async def work(worker: int) -> None:
        for round_ in range(6):
            mine = members[worker::4] + members[(worker + 1) % 4 :: 4]
            orders = [(one, f"{worker}-{round_}-{one}") for one in mine]
            await again_when_locked(
                *(tiers(one, 10 * round_ + worker + 1, ("gold", day(5))) for one in mine[::2]),
                *(purchase(one, order, 10_00, at=day(1)) for one, order in orders),
            )
            await again_when_locked(
                *(purchase(one, f"{order}-b", 10_00, at=day(9)) for one, order in orders[:3]),
                *(refund(order, f"r-{order}", 4_00, at=day(3)) for _, order in orders),
            )

    await asyncio.gather(*(work(worker) for worker in range(4)))
    assert await value(points_database, deadlocks) == before
    assert await value(points_database, "SELECT count(*) FROM returns WHERE state <> 'applied'") == 0
    nets = await value(points_database, "SELECT sum(earned - taken_back) FROM accruals")
    assert await value(points_database, "SELECT sum(balance) FROM wallets") == nets
    late_without_gold = """
        SELECT count(*) FROM purchases WHERE occurred_at > :since AND tier <> 'gold' AND member_id IN (
            SELECT member_id FROM members WHERE tier = 'gold')
    """
    assert await value(points_database, late_without_gold, since=day(5)) == 0


async def test_same_purchase_in_two_transactions_at_once_counts_once(points_database: Database) -> None:
    someone = await member(points_database)
    outcomes = await asyncio.gather(*(happen(points_database, purchase(someone, "a", 10_000)) for _ in range(8)))
    assert sorted(len(one) for one in outcomes) == [0] + [1] * 7
    assert {outcome.word for one in outcomes for outcome in one} == {"duplicate"}
    assert await balance(points_database, someone) == (100, 0)
    assert await value(points_database, "SELECT count(*) FROM transfers") == 1


async def test_chain_that_grows_while_it_is_verified_holds(
    points_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100))
    read, orders = reading.wallets_of, iter(["b", "c"])

    async def and_meanwhile_somebody_buys(tx: Transaction, member_id: UUID) -> Any:
        found = await read(tx, member_id)
        if order := next(orders, None):
            await happen(points_database, purchase(someone, order, 100))
        return found

    monkeypatch.setattr(reading, "wallets_of", and_meanwhile_somebody_buys)
    async with points_database.transaction() as tx:
        (chain,) = await ledger.verify(tx, someone)
    assert (chain.breaks, chain.transfers) == ([], 3)
