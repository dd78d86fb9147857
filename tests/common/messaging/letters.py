"""What the tests of dead letters share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from common.messaging import dead, dead_letters_store
from common.messaging.channel import BatchConnection, Message
from common.messaging.dead_letters import Stored
from common.messaging.dead_letters_store import Filter
from common.messaging.drainer import Drainer
from common.storage import Database
from tests.common.messaging.conftest import Bench

EVERYTHING = Filter()


@asynccontextmanager
async def draining(bench: Bench) -> AsyncIterator[Drainer]:
    drainer, stop = Drainer(bench.vhost.url("points"), bench.database), asyncio.Event()
    task = asyncio.create_task(drainer.run(stop))
    try:
        yield drainer
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def letters(database: Database, wanted: Filter = EVERYTHING) -> list[Stored]:
    async with database.transaction() as tx:
        return await dead_letters_store.find(tx, wanted, after=None, limit=500)


async def set_aside(bench: Bench, *messages: Message) -> None:
    """Straight into the dead-letter queue, as the service itself would."""
    async with BatchConnection(bench.vhost.url("points"), name="test") as connection:
        channel = await connection.channel(confirms=True)
        assert not await channel.publish_batch(messages)


def message(body: bytes, **headers: Any) -> Message:
    return Message(
        exchange="loyalty.dlx",
        routing_key="points",
        body=body,
        content_type="application/cloudevents+json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def refuses_currency(event: Any) -> Any:
    return dead(event, "currency_mismatch", "The programme counts in CNY.") if event.data.currency != "CNY" else None


async def count_is(bench: Bench, count: int) -> bool:
    return len(await letters(bench.database)) == count


async def effects_are(bench: Bench, count: int) -> bool:
    return len(await bench.effects()) == count


async def state_is(bench: Bench, state: str, *, replays: int) -> bool:
    return [(letter.state, letter.replays) for letter in await letters(bench.database)] == [(state, replays)]
