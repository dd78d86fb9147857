"""Several workers write the same days at the same time."""

import asyncio
import random

from analytics.returns import handlers as returns
from analytics.spend import handlers as spend
from common.storage import Database
from tests.analytics.builders import MARCH, hear_in, purchase, refund, spend_days, value


async def test_workers_on_one_day_do_not_wait_for_one_another(analytics_database: Database) -> None:
    async with analytics_database.transaction() as first:
        await hear_in(first, [purchase("1")])
        async with asyncio.timeout(2), analytics_database.transaction() as second:
            await hear_in(second, [purchase("2")])
    assert await spend_days(analytics_database) == {(MARCH, "web"): (2, 20_000, 0, 0, 0)}


async def test_folding_while_workers_write_loses_nothing(analytics_database: Database) -> None:
    async def worker(name: int) -> None:
        for batch in range(10):
            async with analytics_database.transaction() as tx:
                await hear_in(tx, [purchase(f"{name}-{batch}-{place}") for place in range(5)])

    async def folder() -> None:
        for _ in range(15):
            async with analytics_database.transaction() as tx:
                await spend.fold(tx)

    await asyncio.gather(worker(1), worker(2), worker(3), folder(), folder())
    async with analytics_database.transaction() as tx:
        await spend.fold(tx)
    assert await spend_days(analytics_database) == {(MARCH, "web"): (150, 1_500_000, 0, 0, 0)}
    assert await value(analytics_database, "SELECT count(*) FROM spend_days") == 1


async def test_the_same_orders_in_two_workers_count_once(analytics_database: Database) -> None:
    orders = [str(number) for number in range(100)]

    async def worker(seed: int) -> None:
        mine = random.Random(seed).sample(orders, len(orders))
        for start in range(0, len(mine), 20):
            async with analytics_database.transaction() as tx:
                await hear_in(tx, [purchase(order) for order in mine[start : start + 20]])

    await asyncio.gather(*(worker(seed) for seed in range(4)))
    assert await spend_days(analytics_database) == {(MARCH, "web"): (100, 1_000_000, 0, 0, 0)}


async def test_a_return_and_its_purchase_at_the_same_moment_find_each_other(analytics_database: Database) -> None:
    async with analytics_database.transaction() as first:
        await hear_in(first, [purchase("1")])
        async with analytics_database.transaction() as second:
            await hear_in(second, [refund("r", "1", when="2026-03-01 13:00")])
    assert await value(analytics_database, "SELECT count(*) FROM returns WHERE state = 'waiting'") == 1
    for _ in range(2):
        async with analytics_database.transaction() as tx:
            await returns.match_waiting(tx)
    assert await spend_days(analytics_database) == {(MARCH, "web"): (1, 10_000, 0, 1, 1_000)}
