"""How many purchases a second go through all four services, until the last notice and the last figure are written."""

import asyncio
from contextlib import ExitStack
from statistics import median

from bench import world as worlds
from bench.counting import rate
from bench.progress import say
from bench.world import MEMBERS, SERVICES, World
from common.events.purchases import PurchaseCompleted

COUNT = 10_000
WITHIN_SECONDS = 180.0


async def measure(world: World, rounds: int) -> float:
    """Median purchases a second; the slowest service decides."""
    rates: list[float] = []
    with ExitStack() as workers:
        for service in SERVICES:
            workers.enter_context(world.running(service, "worker", service=service))
        await _until(world, "notify", "SELECT count(*) FROM members", len(MEMBERS))
        for number in range(1, rounds + 1):
            done = COUNT * (number - 1)
            bodies = worlds.purchases(COUNT, run=f"fanout{number}")
            began = asyncio.get_running_loop().time()
            publishing = asyncio.create_task(worlds.publish(world, bodies, key=PurchaseCompleted.TYPE))
            await rate(lambda: _finished(world, done), COUNT, within_seconds=WITHIN_SECONDS)  # noqa: B023 - awaited here
            rates.append(COUNT / (asyncio.get_running_loop().time() - began))
            await publishing
            say(f"fan-out round {number}/{rounds}: {rates[-1]:>9,.0f} purchases/s through all four services")
    return median(rates)
