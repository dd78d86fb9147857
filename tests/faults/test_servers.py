"""Servers that stop, die, fall silent or take something away: the worker waits, comes back, and nothing is lost."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
from aiormq.exceptions import AMQPError

from common.events.purchases import PurchaseCompleted
from tests.faults.conftest import Stage
from tests.faults.oracle import Expected, holds, ids_in, nothing_under_way
from tests.faults.proxy import proxied
from tests.faults.world import DELAYS, Running, World, members, named, purchases, until

ACCRUALS = "SELECT count(*) FROM purchases"
OUTBOX = "SELECT count(*) FROM outbox"
SLOWLY = {"fault": "take_time:0.05", "BATCH_SIZE": "50"}
"""A load that lasts: some hundreds of purchases a second, so that what breaks breaks in the middle."""
ROWS = 100_000
FILL_OUTBOX = """
    INSERT INTO outbox (exchange, routing_key, content_type, headers, body, time)
    SELECT 'loyalty.events', 'points.earned.v1', 'application/cloudevents+json', '{}',
        convert_to(json_build_object('source', '//loyalty/points', 'id', 'row-' || n)::text, 'UTF8'), now()
    FROM generate_series(1, :count) AS n
"""


@asynccontextmanager
async def under_load(world: World, count: int = 4000) -> AsyncIterator[Expected]:
    """Inside, purchases come in and take effect; at the end all of them have been published."""
    people = members(100)
    await world.register(people)
    bought = purchases(count, people)
    publishing = asyncio.create_task(publish_stubbornly(world, bought))
    try:
        await world.until_value("points", ACCRUALS, lambda done: done > count // 20)
        assert not publishing.done(), "the load had ended before anything broke"
        yield Expected(bought=bought)
        await asyncio.wait_for(publishing, 120)
    finally:
        publishing.cancel()


async def publish_stubbornly(world: World, bought: Sequence[PurchaseCompleted]) -> None:
    """As a shop does it: what was not confirmed is sent again, under the same event ids."""
    for at in range(0, len(bought), 100):
        while True:
            try:
                await world.publish(named(bought[at : at + 100]))
                break
            except (AMQPError, OSError, TimeoutError, RuntimeError):
                await asyncio.sleep(0.3)
        await asyncio.sleep(0.05)


def said(worker: Running, event: str) -> bool:
    return bool(worker.lines(event))


async def is_ready(worker: Running, wanted: bool = True) -> bool:
    return ((await worker.ready())[0] == 200) is wanted


async def until_ready(worker: Running, wanted: bool = True, *, within_seconds: float = 60) -> None:
    def what() -> str:
        return f"{worker.name} to be {'ready' if wanted else 'unready'}"

    await until(partial(is_ready, worker, wanted), within_seconds=within_seconds, what=what)


# -- the broker


@pytest.mark.slow
@pytest.mark.parametrize("orderly", [True, False], ids=["orderly", "kill-9"])
async def test_broker_restarted_under_load(breakable: World, stage: Stage, orderly: bool) -> None:
    worker = await breakable.started("points", **SLOWLY)
    async with under_load(breakable) as expected:
        await stage.restart_broker(orderly=orderly)
    await holds(breakable, expected)
    assert worker.alive
    assert said(worker, "broker connection lost")
    await until_ready(worker)


@pytest.mark.slow
async def test_outbox_piles_up_while_the_broker_is_down_and_drains_when_it_is_back(
    breakable: World, stage: Stage
) -> None:
    worker = await breakable.started("points")
    await asyncio.to_thread(stage.broker.kill)
    await until_ready(worker, False)
    async with breakable.databases["points"].transaction() as tx:
        assert await tx.execute(FILL_OUTBOX, {"count": ROWS}) == ROWS
    await asyncio.sleep(3)
    assert await breakable.value("points", OUTBOX) == ROWS
    await stage.start_broker()
    await breakable.until_value("points", OUTBOX, 0, within_seconds=150)
    for queue in ("analytics.main", "notify.main"):
        heard = await ids_in(breakable, queue, "points.earned.v1")
        assert len(set(heard)) == ROWS, queue
    assert worker.alive


@pytest.mark.slow
async def test_a_link_that_freezes_without_a_word_is_noticed_and_left(world: World) -> None:
    async with proxied(world.vhost.url("points"), "heartbeat=2") as (proxy, url):
        worker = await world.started("points", RABBITMQ_URL=url, **SLOWLY)
        async with under_load(world) as expected:
            before = proxy.connections
            proxy.freeze()
            for event in ("broker connection lost", "relay interrupted"):
                await until(partial(said, worker, event), within_seconds=30, what=partial(str, event))
            await until_ready(worker, False)
            proxy.thaw()
        await holds(world, expected)
        assert proxy.connections >= before + 2
        assert worker.alive


async def test_channel_closed_by_the_broker_is_opened_again(world: World) -> None:
    worker = await world.started("points", fault="ack_wrongly:2")
    async with under_load(world, 1500) as expected:
        await until(partial(said, worker, "broker connection lost"), what=lambda: "the broker to close the channel")
    await holds(world, expected)
    assert "PRECONDITION_FAILED" in worker.lines("broker connection lost")[0]["error"]
    assert worker.alive


@pytest.mark.slow
async def test_queue_deleted_while_idle_is_declared_again(world: World) -> None:
    worker = await world.started("points")
    people = members(50)
    await world.register(people)
    first, then = purchases(200, people, prefix="first"), purchases(800, people, prefix="then")
    await world.publish(named(first))
    await world.until_value("points", ACCRUALS, len(first))
    await nothing_under_way(world)
    await delete_queue(world, worker)
    await world.publish(named(then))
    await holds(world, Expected(bought=[*first, *then]))
    assert worker.alive


@pytest.mark.slow
async def test_what_a_queue_deleted_under_load_took_with_it_counts_once_when_it_is_sent_again(world: World) -> None:
    worker = await world.started("points", **SLOWLY)
    async with under_load(world) as expected:
        await delete_queue(world, worker)
    await world.publish(named(expected.bought))
    await holds(world, expected)
    assert worker.alive


async def delete_queue(world: World, worker: Running) -> None:
    """Delete points' queue with all it holds, and wait until the worker has made and consumes it again."""
    path = f"/api/queues/{world.vhost.name}/points.main"
    await asyncio.to_thread(world.vhost.management.delete, path)
    await until(partial(said, worker, "broker connection lost"), what=lambda: "the worker to notice")
    await until_ready(worker)


# -- the database


@pytest.mark.slow
async def test_database_away_for_longer_than_the_retries_last_costs_no_message(breakable: World, stage: Stage) -> None:
    worker = await breakable.started("points", **SLOWLY)
    async with under_load(breakable) as expected:
        await stage.restart_postgres(orderly=True, away_seconds=3 * sum(DELAYS.values()))
    await holds(breakable, expected)
    paused_and_resumed(worker)
    assert not said(worker, "event set aside"), "the messages were innocent"


@pytest.mark.slow
async def test_database_killed_under_load(breakable: World, stage: Stage) -> None:
    worker = await breakable.started("points", **SLOWLY)
    async with under_load(breakable) as expected:
        await kill_postgres(stage)
        await stage.restart_postgres(orderly=False, away_seconds=1)
    await holds(breakable, expected)
    paused_and_resumed(worker)
    assert not said(worker, "event set aside"), "the messages were innocent"


async def kill_postgres(stage: Stage) -> None:
    """Kill -9 and collect the dead: while it is our zombie, its lock file holds and no other can start there."""
    process = stage.postgres.process
    assert process is not None
    await asyncio.to_thread(stage.postgres.kill)
    with suppress(ChildProcessError):
        await asyncio.to_thread(os.waitpid, process.pid, os.WNOHANG)


def paused_and_resumed(worker: Running) -> None:
    events: list[Any] = [line["event"] for line in worker.lines()]
    assert events.index("database is down: paused") < events.index("database answers: resumed")
    assert worker.alive
