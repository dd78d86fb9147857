"""Spending and giving back on real PostgreSQL."""

import asyncio

import pytest

from common.storage import Database
from points.errors import InsufficientPointsError, MoreThanTakenError, WalletNotSpendableError
from points.ledger import handlers as ledger
from points.ledger.domain import HELD, REDEMPTION, settle_held
from tests.points.ledger.world import (
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


async def test_spending_takes_the_earliest_expiring_first_and_notes_the_lots(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 50, "never")
    await earn(points_database, someone, 50, "late", expires=days(90))
    await earn(points_database, someone, 50, "soon", expires=days(5))
    assert await spend(points_database, someone, 70) == 4
    assert await remaining(points_database, someone) == {1: 50, 2: 30}
    assert await written(points_database, someone) == {"balance": 80}
    await must_hold(points_database, someone)


async def test_more_than_there_is_is_refused_with_the_figures_and_nothing_moves(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 50, "a")
    await earn(points_database, someone, 40, "gone", expires=days(-1))
    with pytest.raises(InsufficientPointsError) as refused:
        await spend(points_database, someone, 51)
    assert (refused.value.balance, refused.value.need, refused.value.debt) == (50, 51, 0)
    assert await written(points_database, someone) == {"balance": 90}


async def test_growth_value_cannot_be_spent(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 50, "a", name="growth")
    async with at_work(points_database, someone, "growth") as (tx, wallet):
        with pytest.raises(WalletNotSpendableError):
            await ledger.spend(tx, wallet, 10, cause(tx, "redeemed"))


async def test_a_hold_is_confirmed_or_given_back(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 100, "a", expires=days(9))
    held = await spend(points_database, someone, 60, to_account=HELD)
    assert await written(points_database, someone) == {"balance": 40, "held": 60}
    async with at_work(points_database, someone) as (tx, wallet):
        settle_held(wallet, 25, cause(tx, "redeemed"))
        back = await ledger.give_back(tx, wallet, held, 35, cause(tx, "released"), from_account=HELD)
    assert (back.restored, back.renewed) == (35, 0)
    assert await written(points_database, someone) == {"balance": 75}
    assert await remaining(points_database, someone) == {1: 75}
    await must_hold(points_database, someone)


async def test_nothing_is_given_back_twice(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 100, "a")
    debit = await spend(points_database, someone, 60)
    async with at_work(points_database, someone) as (tx, wallet):
        await ledger.give_back(tx, wallet, debit, 40, cause(tx, "given_back"))
        with pytest.raises(MoreThanTakenError):
            await ledger.give_back(tx, wallet, debit, 21, cause(tx, "given_back"))
    async with at_work(points_database, someone) as (tx, wallet):
        with pytest.raises(MoreThanTakenError) as refused:
            await ledger.give_back(tx, wallet, debit, 21, cause(tx, "given_back"))
    assert (refused.value.taken, refused.value.given_back) == (60, 40)
    assert await remaining(points_database, someone) == {1: 80}


async def test_a_hundred_at_once_never_overdraw(points_database: Database) -> None:
    someone = await open_member(points_database)
    for number in range(10):
        await earn(points_database, someone, 100, f"o{number}", expires=days(number + 1))

    async def one(number: int) -> bool:
        try:
            await spend(points_database, someone, 30, reference=str(number), to_account=REDEMPTION)
        except InsufficientPointsError:
            return False
        return True

    assert sum(await asyncio.gather(*(one(number) for number in range(100)))) == 33
    assert (await seen(points_database, someone)).available == 10
    await must_hold(points_database, someone)
