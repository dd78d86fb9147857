"""Faults that come together or again and again, and what people may do to messages."""

import asyncio
import random
from functools import partial
from urllib.parse import quote

import orjson
import pytest

from common.messaging.channel import BatchConnection, Message
from tests.faults.conftest import Stage
from tests.faults.oracle import Expected, holds, nothing_under_way
from tests.faults.versions import PurchaseCompletedV2
from tests.faults.world import World, members, message, named, purchases, refund, until

SLOWLY = {"fault": "take_time:0.02", "BATCH_SIZE": "50"}
ACCRUALS = "SELECT count(*) FROM purchases"


@pytest.mark.slow
async def test_broker_database_and_worker_killed_one_after_the_other_under_load(stage: Stage, breakable: World) -> None:
    world, people = breakable, members(100)
    worker = await world.started("points", **SLOWLY)
    await world.register(people)
    await world.until_value("points", "SELECT count(*) FROM members", 100)
    bought = purchases(5000, people)
    await world.publish(named(bought))
    for restart in (stage.restart_broker, stage.restart_postgres, stage.restart_broker):
        done = await world.value("points", ACCRUALS)
        await world.until_value("points", ACCRUALS, partial(int.__le__, min(done + 100, 5000)))
        worker.kill()
        await restart(orderly=False)
        worker = await world.started("points", **SLOWLY)
    await holds(world, Expected(bought=bought), within_seconds=120)
    assert worker.alive


@pytest.mark.slow
async def test_the_broker_closes_all_connections_again_and_again(world: World) -> None:
    people, management = members(20), world.vhost.management
    await world.register(people)
    bought = purchases(2000, people)
    await world.publish(named(bought))
    worker = await world.started("points", **SLOWLY)
    for _ in range(2):
        names: list[str] = []
        await until(partial(_connected, world, names), what=lambda: "consumer, relay and drainer to be connected")
        for name in names:
            await asyncio.to_thread(management.delete, f"/api/connections/{quote(name, safe='')}")
    await holds(world, Expected(bought=bought))
    assert worker.alive


async def _connected(world: World, names: list[str]) -> bool:
    """Whether all connections of points are listed; their names."""
    listed = await asyncio.to_thread(world.vhost.management.get, f"/api/vhosts/{world.vhost.name}/connections")
    names[:] = [one["name"] for one in listed if one.get("user") == "points"]
    return len(names) >= 3


async def test_a_dead_letter_queue_that_was_deleted_is_put_back_and_drained(world: World) -> None:
    worker = await world.started("points")
    await asyncio.to_thread(world.vhost.management.delete, f"/api/queues/{world.vhost.name}/points.dlq")
    await until(lambda: worker.lines("drainer interrupted"), what=lambda: "the drainer to notice")
    await until(partial(_exists, world, "points.dlq"), what=lambda: "the queue to come back")
    await world.publish(named(purchases(1, members(1), prefix="stranger")))
    await holds(world, Expected(bought=[], dead={"points": {"unknown_member": 1}}))
    assert worker.alive


async def _exists(world: World, queue: str) -> bool:
    return queue in await world.queues()


async def test_thirty_looks_at_a_dead_letter_do_not_delete_it(world: World) -> None:
    """RabbitMQ 4 drops a message after twenty returns unless it is told otherwise."""
    body = orjson.dumps({"specversion": "1.0", "id": "1", "source": "//s", "type": "x.y.v1"})
    async with BatchConnection(world.vhost.url("operator"), name="looker") as connection:
        channel = await connection.channel(confirms=True)
        letter = Message(exchange="loyalty.dlx", routing_key="points", body=body, content_type="application/json")
        assert await channel.publish_batch([letter]) == {}
        for _ in range(30):
            got = await channel.basic_get("points.dlq")
            assert got.body == body
            await channel.basic_nack(got.delivery_tag or 0, requeue=True)
    await world.started("points")
    await world.until_value("points", "SELECT count(*) FROM dead_letters", 1)
    await nothing_under_way(world)


async def test_the_same_purchase_under_another_event_id_counts_once(world: World) -> None:
    people = members(10)
    await world.register(people)
    bought = purchases(200, people)
    await world.publish([*named(bought), *((f"again-{one.order_id}", one) for one in bought)])
    await world.started("points")
    await holds(world, Expected(bought=bought))
    await world.until_value("points", "SELECT sum(count) FROM duplicates", 200)


async def test_returns_in_the_same_batch_as_their_purchases_in_any_order(world: World) -> None:
    people = members(10)
    await world.register(people)
    bought = purchases(200, people)
    back = [refund(one, number=number) for one in bought for number in (1, 2)]
    events = [*named(bought), *((f"e-{one.return_id}", one) for one in back)]
    random.Random("any order").shuffle(events)
    await world.publish(events)
    await world.started("points")
    await holds(world, Expected(bought=bought, returned=back))
    assert await world.value("points", "SELECT sum(balance) FROM wallets") == 0


async def test_a_version_that_nobody_hears_yet_is_kept_in_ops_unrouted(world: World) -> None:
    (one,) = purchases(1, members(1))
    fields = one.model_dump(include={"member_id", "occurred_at", "currency", "amount"})
    unheard = PurchaseCompletedV2(order_number=one.order_id, **fields)
    await world.started("points")
    await world.send([message("v2", unheard)])
    async with BatchConnection(world.vhost.url("operator"), name="looker") as connection:
        channel = await connection.channel()
        got = await channel.basic_get("ops.unrouted")
        assert orjson.loads(got.body or b"")["data"]["order_number"] == one.order_id
    await nothing_under_way(world)
