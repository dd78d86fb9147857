"""Many at the same time, on real PostgreSQL: nothing is oversold, overdrawn or lost."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any

import pytest

from common.storage import Database
from points.reward_fulfilment import handlers as fulfilment
from points.reward_tickets import handlers as tickets
from points.rewards import handlers as rewards
from points.rewards.domain import Limit, Price
from tests.points.rewards.world import (
    OPERATOR,
    balance,
    member,
    offer,
    order,
    reward,
    rows,
    soon,
    stock,
    undo,
    value,
)


async def outcomes(*deeds: Awaitable[Any]) -> Counter[str]:
    """How each ended: "done", or the name of the error."""
    results = await asyncio.gather(*deeds, return_exceptions=True)
    return Counter(type(one).__name__ if isinstance(one, Exception) else "done" for one in results)


async def test_hundred_orders_of_a_stock_of_ten_sell_exactly_ten(points_database: Database) -> None:
    members = [await member(points_database, (100, None)) for _ in range(100)]
    await offer(points_database, reward(points=40, stock=10))
    found = await outcomes(*(order(points_database, someone) for someone in members))
    assert found == {"done": 10, "OutOfStockError": 90}
    assert await stock(points_database) == 0
    balances = Counter([await balance(points_database, someone) for someone in members])
    assert balances == {60: 10, 100: 90}
    changes = await rows(points_database, "SELECT change, stock FROM reward_stock_changes ORDER BY number")
    assert [one.stock for one in changes] == list(range(10, -1, -1))


async def test_hundred_orders_of_one_member_spend_what_is_there(points_database: Database) -> None:
    someone = await member(points_database, (95, soon(5)), (100, None))
    await offer(points_database, reward(points=10, stock=1_000))
    found = await outcomes(*(order(points_database, someone) for _ in range(100)))
    assert found == {"done": 19, "PointsShortError": 81}
    assert (await balance(points_database, someone), await stock(points_database)) == (5, 981)


async def test_hundred_orders_of_one_member_keep_to_the_limit(points_database: Database) -> None:
    someone = await member(points_database, (10_000, None))
    await offer(points_database, reward(points=10, stock=1_000, limits=(Limit(quantity=3, per="month"),)))
    found = await outcomes(*(order(points_database, someone) for _ in range(100)))
    assert found == {"done": 3, "LimitReachedError": 97}
    assert (await balance(points_database, someone), await stock(points_database)) == (9_970, 997)


async def test_same_request_sent_many_times_at_once_is_one_order(points_database: Database) -> None:
    someone = await member(points_database, (10_000, None))
    await offer(points_database, reward(points=10, stock=100))
    placed = await asyncio.gather(*(order(points_database, someone, request_id="r-1") for _ in range(20)))
    assert len({one.order_id for one in placed}) == 1
    assert (await balance(points_database, someone), await stock(points_database)) == (9_990, 99)


async def test_order_is_cancelled_once_by_many(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward(points=60, stock=1))
    placed = await order(points_database, someone)
    found = await outcomes(*(undo(points_database, placed) for _ in range(20)))
    assert found == {"done": 1, "BadTransitionError": 19}
    assert (await balance(points_database, someone), await stock(points_database)) == (100, 1)


async def test_ticket_lets_one_of_many_in(points_database: Database) -> None:
    someone = await member(points_database, (100, None))
    await offer(points_database, reward("concert", kind="ticket", points=10))
    placed = await order(points_database, someone, "concert", goods=False)
    async with points_database.transaction() as tx:
        (ticket,) = await tickets.of_order(tx, someone, placed.order_id)

    async def enter() -> None:
        async with points_database.transaction() as tx:
            await fulfilment.check_in(tx, OPERATOR, ticket.code, "")

    assert await outcomes(*(enter() for _ in range(20))) == {"done": 1, "TicketUsedError": 19}


async def test_restocking_while_orders_come_loses_nothing(points_database: Database) -> None:
    members = [await member(points_database, (100, None)) for _ in range(40)]
    await offer(points_database, reward(points=1, stock=5))

    async def restock() -> None:
        async with points_database.transaction() as tx:
            await rewards.restock(tx, OPERATOR, "mug", 1, "came")

    deeds = [order(points_database, someone) for someone in members]
    found = await outcomes(*deeds[:20], *(restock() for _ in range(10)), *deeds[20:])
    sold = await value(points_database, "SELECT count(*) FROM reward_orders")
    assert found["done"] == sold + 10
    assert await stock(points_database) == 15 - sold
    assert await value(points_database, "SELECT sum(change) FROM reward_stock_changes") == 15 - sold


async def test_cancellations_and_orders_of_several_rewards_do_not_deadlock(points_database: Database) -> None:
    members = [await member(points_database, (1_000, None)) for _ in range(10)]
    for key in ("a", "b", "c"):
        await offer(points_database, reward(key, points=5, stock=10))

    async def back_and_forth(number: int) -> None:
        for turn in range(4):
            someone = members[(number + turn) % len(members)]
            placed = await order(points_database, someone, "abc"[(number + turn) % 3])
            await undo(points_database, placed)

    assert await outcomes(*(back_and_forth(number) for number in range(20))) == {"done": 20}
    assert [await stock(points_database, key) for key in ("a", "b", "c")] == [10, 10, 10]
    assert {await balance(points_database, someone) for someone in members} == {1_000}


@pytest.mark.parametrize("left", [0, 3])
async def test_overdue_job_beside_payments_ends_each_order_once(points_database: Database, left: int) -> None:
    members = [await member(points_database, (100, None)) for _ in range(6)]
    prices = (Price(option="mixed", points=60, money=1_00),)
    await offer(points_database, reward(prices=prices, stock=6))
    placed = [await order(points_database, someone) for someone in members]

    async def pay(number: int) -> None:
        async with points_database.transaction() as tx:
            await fulfilment.pay(tx, OPERATOR, placed[number].order_id, f"p{number}")

    async def sweep() -> None:
        async with points_database.transaction() as tx:
            tx.now = soon(1)
            await fulfilment.cancel_overdue(tx)

    await outcomes(*(pay(number) for number in range(left)), sweep(), *(pay(number) for number in range(left, 6)))
    ended = Counter(one.state for one in await rows(points_database, "SELECT state FROM reward_orders"))
    assert ended["accepted"] + ended["cancelled"] == 6
    assert await stock(points_database) == ended["cancelled"]
    assert sum([await balance(points_database, someone) for someone in members]) == 600 - 60 * ended["accepted"]


async def test_same_request_id_for_two_members_at_once_is_one_order_and_a_refusal(points_database: Database) -> None:
    people = [await member(points_database, (1_000, None)) for _ in range(8)]
    await offer(points_database, reward(points=10, stock=100))
    found = await outcomes(*(order(points_database, one, request_id="r-1") for one in people))
    assert found == {"done": 1, "RequestIdReusedError": 7}
    assert await stock(points_database) == 99
