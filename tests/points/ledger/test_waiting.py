"""Points that wait, and debt; on real PostgreSQL."""

from datetime import timedelta

import pytest

from common.storage import Database
from points.errors import InsufficientPointsError
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, CLAWBACK, PENDING_ONLY, credit, repay_debt, spend_lots, take
from tests.points.expiry.test_expiry import told, transfers
from tests.points.ledger.world import (
    SHOP,
    at_work,
    cause,
    days,
    earn,
    must_hold,
    open_member,
    remaining,
    seen,
    spend,
    written,
)


async def claw(database: Database, member_id: object, points: int, order: str, policy: str = ALLOW_NEGATIVE) -> int:
    async with at_work(database, member_id, now=None) as (tx, wallet):  # type: ignore[arg-type]
        await ledger.load_for(tx, [ledger.Need(wallet, points, SHOP, order)])
        return take(wallet, points, cause(tx, "clawed_back", order), CLAWBACK, policy).shortfall


async def test_points_that_wait_cannot_be_spent_until_their_time(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 30, "a", available=days(7))
    now = await seen(points_database, someone)
    assert (now.available, now.pending, now.next_release) == (0, 30, days(7))
    with pytest.raises(InsufficientPointsError):
        await spend(points_database, someone, 1)
    async with at_work(points_database, someone, now=days(7)) as (tx, wallet):
        assert wallet.spendable == 30
        await ledger.spend(tx, wallet, 30, cause(tx, "redeemed"))
    assert await transfers(points_database, someone) == [
        ("earned", "issue", "pending", 30, 0),
        ("released", "pending", "wallet", 30, 30),
        ("redeemed", "wallet", "redemption", 30, 0),
    ]
    (event,) = await told(points_database, "points.released.v1")
    assert (event["points"], event["balance"], event["reason"], event["order_id"]) == (30, 30, "time", "a")
    await must_hold(points_database, someone)


async def test_timed_job_writes_releases_down_and_a_second_run_nothing(points_database: Database) -> None:
    members = [await open_member(points_database) for _ in range(3)]
    for one in members:
        await earn(points_database, one, 10, "a", available=days(1))
        await earn(points_database, one, 20, "b", available=days(5))
    for _ in range(2):
        async with points_database.transaction() as tx:
            tx.now = days(2)
            await ledger.release_due(tx)
    for one in members:
        assert await written(points_database, one) == {"balance": 10, "pending": 20}
    assert len(await told(points_database, "points.released.v1")) == 3
    await must_hold(points_database, *members)


async def test_read_at_its_time_is_right_though_no_release_is_written(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 30, "a", available=days(1))
    await claw(points_database, someone, 12, "other")
    async with points_database.transaction() as tx:
        tx.now = days(1)
        (now,) = await ledger.balances(tx, someone, soon=days(9))
    assert (now.available, now.pending, now.debt) == (18, 0, 0)
    assert await written(points_database, someone) == {"pending": 30, "debt": 12}


async def test_event_ends_the_waiting_in_all_wallets_of_the_purchase(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 30, "a", waits=True)
    await earn(points_database, someone, 5, "a", waits=True, name="growth")
    await earn(points_database, someone, 7, "b", waits=True)
    async with points_database.transaction() as tx:
        wallets = await ledger.lock(tx, [someone])
        assert await ledger.release(tx, wallets, someone, SHOP, "a", reason="return_window_closed") == 35
        assert await ledger.release(tx, wallets, someone, SHOP, "a", reason="return_window_closed") == 0
        await ledger.save(tx, wallets)
    assert await written(points_database, someone) == {"balance": 30, "pending": 7}
    assert await written(points_database, someone, "growth") == {"balance": 5}
    events = await told(points_database, "points.released.v1")
    assert {(one["wallet"], one["points"], one["reason"]) for one in events} == {
        ("points", 30, "return_window_closed"),
        ("growth", 5, "return_window_closed"),
    }
    await must_hold(points_database, someone)


async def test_return_cancels_its_own_waiting_points_first(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 40, "other")
    await earn(points_database, someone, 30, "a", available=days(7))
    assert await claw(points_database, someone, 20, "a") == 0
    assert await written(points_database, someone) == {"balance": 40, "pending": 10}
    assert await claw(points_database, someone, 25, "a") == 0
    assert await written(points_database, someone) == {"balance": 25}
    await must_hold(points_database, someone)


async def test_pending_only_takes_nothing_that_can_be_spent(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 40, "other")
    await earn(points_database, someone, 30, "a", available=days(7))
    assert await claw(points_database, someone, 50, "a", PENDING_ONLY) == 20
    assert await written(points_database, someone) == {"balance": 40}
    await must_hold(points_database, someone)


async def test_release_repays_debt_first(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 50, "a", waits=True)
    assert await claw(points_database, someone, 30, "gone") == 30
    async with points_database.transaction() as tx:
        wallets = await ledger.lock(tx, [someone])
        await ledger.release(tx, wallets, someone, SHOP, "a")
        await ledger.save(tx, wallets)
    assert await written(points_database, someone) == {"balance": 20}
    assert await remaining(points_database, someone) == {1: 20}
    await must_hold(points_database, someone)


async def test_in_debt_nothing_is_spent_and_what_is_given_back_repays_it(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 60, "a")
    debit = await spend(points_database, someone, 60)
    await claw(points_database, someone, 25, "a")
    with pytest.raises(InsufficientPointsError) as refused:
        await spend(points_database, someone, 1)
    assert (refused.value.balance, refused.value.debt) == (0, 25)
    async with at_work(points_database, someone) as (tx, wallet):
        back = await ledger.give_back(tx, wallet, debit, 60, cause(tx, "given_back"))
    assert (back.points, back.repaid) == (60, 25)
    assert await written(points_database, someone) == {"balance": 35}
    await must_hold(points_database, someone)


async def test_named_lots_are_debited_and_given_back_as_they_were(points_database: Database) -> None:
    someone = await open_member(points_database)
    for order, life in (("a", 9), ("b", 3), ("c", 6)):
        await earn(points_database, someone, 10, order, expires=days(life))
    async with at_work(points_database, someone) as (tx, wallet):
        await ledger.load_named(tx, wallet, [1, 3])
        debit = spend_lots(wallet, [(1, 10), (3, 4)], cause(tx, "merged_out"), "merge")
    assert await remaining(points_database, someone) == {2: 10, 3: 6}
    async with at_work(points_database, someone) as (tx, wallet):
        await ledger.give_back(tx, wallet, debit, 14, cause(tx, "merge_undone"), from_account="merge", grace_days=0)
    assert await remaining(points_database, someone) == {1: 10, 2: 10, 3: 10}
    await must_hold(points_database, someone)


async def test_debt_that_comes_to_a_member_is_paid_from_what_is_there(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 50, "a", expires=days(9))
    async with at_work(points_database, someone) as (tx, wallet):
        wallet.debt += 20
        await ledger.load_for(tx, [ledger.Need(wallet, wallet.debt)])
        assert repay_debt(wallet, cause(tx, "merged_in")) == 20
        assert (wallet.balance, wallet.debt) == (30, 0)


async def test_member_with_many_lots_loads_only_what_is_needed(points_database: Database) -> None:
    someone = await open_member(points_database)
    async with at_work(points_database, someone) as (tx, wallet):
        for number in range(400):
            life = tx.now + timedelta(days=1 + number % 7, seconds=number)
            credit(wallet, 2, cause(tx, "earned", f"o{number}"), life if number % 3 else None)
    async with at_work(points_database, someone) as (tx, wallet):
        await ledger.load_for(tx, [ledger.Need(wallet, 10, SHOP, "o399")])
        assert len(wallet.lots or ()) == 33
        with pytest.raises(LookupError):
            take(wallet, 700, cause(tx, "clawed_back", "o399"), CLAWBACK, ALLOW_NEGATIVE)
        wallet.transfers.clear()
    async with at_work(points_database, someone) as (tx, wallet):
        await ledger.spend(tx, wallet, 150, cause(tx, "redeemed"))
        assert len(wallet.lots or ()) == 256
    async with points_database.transaction() as tx:
        rows = await tx.fetch_all("SELECT lot_sequence FROM lot_consumptions")
        best = await tx.fetch_all("SELECT sequence FROM lots ORDER BY expires_at, earned_at, sequence LIMIT 75")
    assert {row[0] for row in rows} == {row[0] for row in best}
    await must_hold(points_database, someone)
