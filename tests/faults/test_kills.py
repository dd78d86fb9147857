"""A worker killed (-9) at the worst moment: what it did counts once, what it had not finished is done by the next."""

import asyncio
from functools import partial

import pytest

from common.messaging.topology import DELIVERY_LIMIT
from tests.faults.oracle import Expected, holds, ids_in
from tests.faults.world import Running, World, members, named, purchases, until

KILLED = -9


async def prepared(world: World, count: int, *, of: int = 50) -> Expected:
    """Members are known, purchases lie in the queue."""
    people = members(of)
    await world.register(people)
    bought = purchases(count, people)
    await world.publish(named(bought))
    return Expected(bought=bought)


@pytest.mark.parametrize("fault", ["kill_before_ack:2", "kill_in_transaction:2", "kill_after_confirm:2"])
async def test_killed_at_the_worst_moment(world: World, fault: str) -> None:
    expected = await prepared(world, 1500)
    assert await world.start("points", fault=fault).ended() == KILLED
    await world.started("points")
    await holds(world, expected)


async def test_killed_between_confirmation_and_commit_the_others_hear_the_same_events_again(world: World) -> None:
    expected = await prepared(world, 800)
    assert await world.start("points", fault="kill_after_confirm:1").ended() == KILLED
    await world.started("points")
    await world.until_value("points", "SELECT count(*) FROM purchases", 800)
    await world.until_value("points", "SELECT count(*) FROM outbox", 0)
    heard = await ids_in(world, "analytics.main", "points.earned.v1")
    assert len(heard) > 800
    assert len(set(heard)) == 800
    assert len(expected.bought) == 800


@pytest.mark.slow
async def test_killed_under_load_again_and_again(world: World) -> None:
    expected = await prepared(world, 8000, of=200)
    for _ in range(5):
        worker = world.start("points", fault="take_time:0.03", BATCH_SIZE="50")
        before = await world.value("points", "SELECT count(*) FROM purchases")
        await until(partial(_committed_more, world, before + 100), within_seconds=60)
        worker.kill()
    await world.started("points")
    await holds(world, expected)


@pytest.mark.slow
async def test_a_message_that_kills_the_process_is_set_aside_and_its_neighbours_survive(world: World) -> None:
    expected = await prepared(world, 600)
    killer = expected.bought[200]
    for _ in range(DELIVERY_LIMIT + 5):
        worker = world.start("points", fault=f"kill_at_order:{killer.order_id}")
        if not await _killed(world, worker):
            break
    rest = [one for one in expected.bought if one is not killer]
    await holds(world, Expected(bought=rest, dead={"points": {"delivery_limit": 1}}))
    assert await world.value("points", "SELECT subject FROM dead_letters") == killer.order_id


async def _killed(world: World, worker: Running) -> bool:
    """True when it was killed, False when it lives and the message is set aside."""
    while worker.alive:
        if await world.value("points", "SELECT count(*) FROM dead_letters"):
            return False
        await asyncio.sleep(0.2)
    assert worker.process.returncode == KILLED
    return True


async def _committed_more(world: World, before: int) -> bool:
    return bool(await world.value("points", "SELECT count(*) FROM purchases") > before)
