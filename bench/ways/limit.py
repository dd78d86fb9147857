"""The limit: aio-pika consuming with one acknowledgement per batch, and one insert per batch. No rules, no outbox."""

import asyncio
import os

import aio_pika
import asyncpg
from aio_pika.abc import AbstractIncomingMessage

PREFETCH = 1000
BATCH = 500
INSERT = "INSERT INTO bench_limit SELECT * FROM unnest($1::bytea[])"


async def main() -> None:
    database = await asyncpg.connect(os.environ["DATABASE_URL"])
    await database.execute("CREATE TABLE IF NOT EXISTS bench_limit (body bytea)")
    connection = await aio_pika.connect(os.environ["RABBITMQ_URL"])
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await channel.get_queue("points.main", ensure=False)
    waiting: list[AbstractIncomingMessage] = []
    arrived = asyncio.Event()

    async def take(message: AbstractIncomingMessage) -> None:
        waiting.append(message)
        arrived.set()

    await queue.consume(take)
    while True:
        await arrived.wait()
        batch = waiting[:BATCH]
        del waiting[:BATCH]
        if not waiting:
            arrived.clear()
        if batch:
            await database.execute(INSERT, [message.body for message in batch])
            await batch[-1].ack(multiple=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
