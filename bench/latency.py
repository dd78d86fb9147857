"""How long one purchase takes from the shop's publish until the confirmed `points.earned` is at a listener."""

import asyncio
import time
from statistics import quantiles

import orjson

from bench import world as worlds
from bench.counting import SINK, Sink
from bench.progress import say
from bench.world import World
from common.events.cloudevent import CONTENT_TYPE
from common.events.points import PointsEarned
from common.events.purchases import PurchaseCompleted
from common.messaging.channel import BatchChannel, BatchConnection, Message

PER_SECOND = 100
SECONDS = 20
WARM_UP = 200


async def measure(world: World) -> dict[str, float]:
    """Milliseconds at 100 purchases a second, the first two seconds left out."""
    total = PER_SECOND * SECONDS
    bodies = worlds.purchases(total, run="latency", duplicates=0)
    sent: dict[str, float] = {}
    took: dict[str, float] = {}
    async with (
        Sink(world.servers.broker(world.vhost, "operator"), PointsEarned.TYPE),
        BatchConnection(world.servers.broker(world.vhost, "operator"), name="bench listener") as listener,
        BatchConnection(world.servers.broker(world.vhost, "demo-shop"), name="bench shop") as shop,
    ):
        heard, till = await listener.channel(), await shop.channel(confirms=True)
        await heard.consume(SINK, prefetch=0)
        with world.running("points", "worker", service="points"):
            listening = asyncio.create_task(_listen(heard, sent, took, total))
            await _sell(till, bodies, sent)
            await asyncio.wait_for(listening, 60)
    times = [milliseconds for order, milliseconds in took.items() if int(order.rsplit("-", 1)[1]) >= WARM_UP]
    cuts = quantiles(times, n=100)
    say(f"latency at {PER_SECOND}/s: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms")
    return {"p50": cuts[49], "p99": cuts[98]}


async def _sell(till: BatchChannel, bodies: list[bytes], sent: dict[str, float]) -> None:
    await asyncio.sleep(3)  # the worker starts meanwhile; what waits for it is in the part that is left out
    began = time.perf_counter()
    for number, body in enumerate(bodies):
        await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
        sent[f"latency-{number}"] = time.perf_counter()
        message = Message(
            exchange="loyalty.events", routing_key=PurchaseCompleted.TYPE, body=body, content_type=CONTENT_TYPE
        )
        await till.publish_batch([message])


async def _listen(heard: BatchChannel, sent: dict[str, float], took: dict[str, float], total: int) -> None:
    while len(took) < total:
        await heard.arrived.wait()
        heard.arrived.clear()
        now = time.perf_counter()
        while heard.buffer:
            order = orjson.loads(heard.buffer.popleft().body)["subject"]
            took[order] = (now - sent[order]) * 1000
