"""The drainer: takes `<service>.dlq` into the table `dead_letters`, where people can read and decide.

Written down, committed, then acknowledged: a kill in between brings the message again, and the same message is the
same row.
"""

import asyncio
import random
from contextlib import suppress
from typing import Any, Literal

from aiormq.exceptions import AMQPError
from sqlalchemy.exc import SQLAlchemyError

from common.messaging import dead_letters_store as store
from common.messaging import topology
from common.messaging.channel import BatchChannel, BatchConnection
from common.messaging.dead_letters import letter_of
from common.messaging.frames import Delivery
from common.runtime import logs, metrics
from common.storage.database import Database

PREFETCH = 200
BATCH_SIZE = 100
MAX_BATCH_BYTES = 16 * 1024 * 1024
RETRY_FIRST_SECONDS, RETRY_LAST_SECONDS = 0.5, 30.0

log = logs.logger("drainer")


class Drainer:
    """Empties the dead-letter queue of one service. `running` is true while it is connected."""

    def __init__(self, url: str, database: Database) -> None:
        self.running = False
        self._url = url
        self._database = database

    async def run(self, stop: asyncio.Event) -> None:
        """Drain until `stop`. Broker or database away: the messages stay in their queue and it tries again."""
        delay = RETRY_FIRST_SECONDS
        while not stop.is_set():
            try:
                await self._session(stop)
                delay = RETRY_FIRST_SECONDS
            except (AMQPError, SQLAlchemyError, OSError, TimeoutError, RuntimeError) as error:
                log.warning("drainer interrupted", error=f"{type(error).__name__}: {error}"[:300])
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), delay * random.uniform(0.5, 1.0))
                delay = min(delay * 2, RETRY_LAST_SECONDS)
            finally:
                self.running = False

    async def _session(self, stop: asyncio.Event) -> None:
        """One connection's life; leaving it gives back what is not acknowledged."""
        service = self._database.service
        async with BatchConnection(self._url, name=f"{service} drainer") as connection:
            channel = await connection.channel()
            queue = topology.dead_queue(service)
            wanted = next(one for one in topology.queues_of(service) if one.name == queue)
            await channel.queue_declare(queue, durable=True, arguments=wanted.arguments)
            await channel.queue_bind(queue, topology.DEAD, service)
            await channel.consume(queue, prefetch=PREFETCH)
            self.running = True
            stopping = asyncio.create_task(stop.wait())
            try:
                while not stop.is_set():
                    await self._wait(channel, stopping)
                    while channel.buffer and not stop.is_set():
                        await self._take(channel)
            finally:
                stopping.cancel()

    async def _wait(self, channel: BatchChannel, stopping: "asyncio.Task[Literal[True]]") -> None:
        """Until there is a message, or `stopping`. Raises OSError when the broker ended the channel or the consumer."""
        channel.check()
        if channel.buffer:
            return
        channel.arrived.clear()
        arrived = asyncio.ensure_future(channel.arrived.wait())
        try:
            waits: list[asyncio.Future[Any]] = [arrived, stopping, channel.closing]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrived.cancel()

    async def _take(self, channel: BatchChannel) -> None:
        """The next messages into the table, then off the queue."""
        batch: list[Delivery] = []
        size = 0
        while channel.buffer and len(batch) < BATCH_SIZE and (not batch or size < MAX_BATCH_BYTES):
            batch.append(channel.buffer.popleft())
            size += len(batch[-1].body)
        letters = [letter_of(delivery) for delivery in batch]
        async with self._database.transaction() as tx:
            written = await store.add(tx, letters)
        await channel.basic_ack(batch[-1].tag, multiple=True, wait=False)
        metrics.dead_letters_taken(self._database.service, written)
        for letter in letters:
            log.warning(
                "dead letter",
                trace_id=letter.trace_id,
                letter_id=str(letter.id),
                type=letter.type,
                event_id=letter.event_id,
                source=letter.source,
                subject=letter.subject,
                error_type=letter.error_type,
                attempt=letter.attempts,
            )
