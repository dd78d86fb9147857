"""The database away is no fault of the messages: the consumer pauses, and not one is set aside for it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial

import pytest

from common.messaging import batch
from common.storage import inbox
from common.storage.database import Database
from tests.common.messaging.conftest import Bench, envelope_of, purchase, until
from tests.faults.proxy import Proxy, proxied


@dataclass
class Behind:
    """A bench whose consumer reaches its database through a proxy; `bench` itself has a straight way."""

    bench: Bench
    through: Bench
    proxy: Proxy

    async def effects(self, wanted: int) -> bool:
        return len(await self.bench.effects()) == wanted


@pytest.fixture
async def behind(bench: Bench) -> AsyncIterator[Behind]:
    url = bench.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with proxied(url) as (proxy, there):
        database = Database(there, service="points")
        yield Behind(bench, replace(bench, database=database), proxy)
        proxy.close()
        await database.close()


def orders(first: int, last: int) -> list[bytes]:
    return [envelope_of(purchase(f"o{n}")) for n in range(first, last)]


async def test_the_consumer_pauses_while_the_database_is_down_and_then_goes_on(behind: Behind) -> None:
    async with behind.through.running(batch_size=50) as consumer:
        await behind.bench.publish(*orders(0, 100))
        await until(lambda: behind.effects(100))
        behind.proxy.close()
        await behind.bench.publish(*orders(100, 400))
        await until(lambda: not consumer.running)
        await asyncio.sleep(2)  # longer than all three retries of this bench together
        assert not consumer.running
        await behind.bench.queue_is("points.main", ready=300)
        await behind.proxy.open()
        await until(lambda: behind.effects(400), seconds=60)
        await behind.bench.queue_is("points.main", ready=0)
    await nothing_set_aside(behind.bench)
    assert set((await behind.bench.effects()).values()) == {1}


async def test_a_consumer_that_starts_before_its_database_waits_for_it(behind: Behind) -> None:
    behind.proxy.close()
    await behind.bench.publish(*orders(0, 100))
    async with behind.through.running() as consumer:
        await asyncio.sleep(2)
        assert not consumer.stopped_because
        await behind.proxy.open()
        await until(lambda: behind.effects(100), seconds=60)
    await nothing_set_aside(behind.bench)


async def test_connections_cut_again_and_again_lose_and_double_nothing(behind: Behind) -> None:
    await behind.bench.publish(*orders(0, 1000))
    async with behind.through.running(batch_size=20):
        for number in range(3):
            await until(partial(_more_than, behind, number * 200), seconds=60)
            behind.proxy.close()
            await behind.proxy.open()
        await until(lambda: behind.effects(1000), seconds=60)
    await nothing_set_aside(behind.bench)
    assert set((await behind.bench.effects()).values()) == {1}


async def test_a_database_that_falls_silent_is_as_good_as_down(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BATCH_TIMEOUT_SECONDS", 1)
    async with behind.through.running(batch_size=50) as consumer:
        await behind.bench.publish(*orders(0, 50))
        await until(lambda: behind.effects(50))
        behind.proxy.freeze()
        await behind.bench.publish(*orders(50, 150))
        await until(lambda: not consumer.running, seconds=30)
        await behind.bench.queue_is("points.main", ready=100)
        behind.proxy.thaw()
        await until(lambda: behind.effects(150), seconds=60)
    await nothing_set_aside(behind.bench)


async def test_duplicates_that_cannot_be_counted_are_no_reason_to_stop(bench: Bench) -> None:
    """The count is one row for all, which somebody may hold longer than a statement waits for a lock."""
    body = orders(0, 1)[0]
    await bench.publish(body, body)
    async with bench.database.transaction() as tx:
        await inbox.count_duplicates(tx, {("//till", "purchase.completed.v1"): 1})
        async with bench.running() as consumer:
            await until(lambda: _effects(bench, 1))
            await bench.queue_is("points.main", ready=0)
            await asyncio.sleep(4)
            await bench.publish(*orders(1, 2))
            await until(lambda: _effects(bench, 2))
            assert consumer.running
    await bench.queue_is("points.main", ready=0)
    await nothing_set_aside(bench)


async def nothing_set_aside(bench: Bench) -> None:
    for queue in ("points.dlq", "points.retry.10s", "points.retry.1m", "points.retry.10m"):
        await bench.queue_is(queue, ready=0)


async def _more_than(behind: Behind, count: int) -> bool:
    return len(await behind.bench.effects()) > count


async def _effects(bench: Bench, wanted: int) -> bool:
    return len(await bench.effects()) == wanted
