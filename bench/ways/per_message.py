"""What a careful team would write: aio-pika and asyncpg, one transaction per message, several at a time."""

import asyncio
import os

import aio_pika
import asyncpg
import orjson
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from bench.ways.effect import Known, decide, lot_row, outbox_row
from common.events import new_id
from common.events.event import body_hash_of
from common.events.purchases import PurchaseCompleted
from common.trace_context import child_of

PREFETCH = 50
POOL = 10

INBOX = """
    INSERT INTO inbox (source, event_id, type, body_hash, received_at) VALUES ($1, $2, $3, $4, now())
    ON CONFLICT DO NOTHING
"""
LOCK = "SELECT sequence, head, balance, debt FROM wallets WHERE member_id = $1 AND wallet = 'points' FOR UPDATE"
WALLET = (
    "UPDATE wallets SET sequence = $2, head = $3, balance = $4, debt = $5 WHERE member_id = $1 AND wallet = 'points'"
)


def insert(table: str, columns: list[str]) -> str:
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"


async def handle(message: AbstractIncomingMessage, pool: asyncpg.Pool, there: asyncio.Event) -> None:
    envelope = orjson.loads(message.body)
    data = PurchaseCompleted.model_validate(envelope["data"])
    source, body_hash = envelope["source"], body_hash_of(data)
    async with pool.acquire() as connection, connection.transaction():
        if await connection.execute(INBOX, source, envelope["id"], envelope["type"], body_hash) != "INSERT 0 0":
            row = await connection.fetchrow(LOCK, data.member_id)
            wallet, purchase, accrual, event = decide(data, source, body_hash, Known(*row))
            (transfer,) = wallet.transfers
            lot, out = lot_row(wallet), outbox_row(event, new_id(), child_of(envelope["traceparent"]))
            await connection.execute(insert("purchases", list(purchase)), *purchase.values())
            await connection.execute(insert("accruals", list(accrual)), *accrual.values())
            await connection.execute(insert("transfers", list(transfer._fields)), *transfer)
            await connection.execute(insert("lots", list(lot)), *lot.values())
            await connection.execute(WALLET, data.member_id, wallet.sequence, wallet.head, wallet.balance, wallet.debt)
            await connection.execute(insert("outbox", list(out)), *out.values())
    there.set()
    await message.ack()


async def relay(pool: asyncpg.Pool, exchange: AbstractExchange, there: asyncio.Event) -> None:
    while True:
        async with pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch("SELECT * FROM outbox ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED")
            await asyncio.gather(*(exchange.publish(message_of(row), routing_key=row["routing_key"]) for row in rows))
            await connection.execute("DELETE FROM outbox WHERE id = ANY($1)", [row["id"] for row in rows])
        if not rows:
            there.clear()
            await asyncio.wait_for(there.wait(), None)


def message_of(row: asyncpg.Record) -> aio_pika.Message:
    return aio_pika.Message(
        row["body"], content_type=row["content_type"], delivery_mode=aio_pika.DeliveryMode.PERSISTENT
    )


async def main() -> None:
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=POOL, max_size=POOL)
    connection = await aio_pika.connect(os.environ["RABBITMQ_URL"])
    incoming, outgoing = await connection.channel(), await connection.channel()
    await incoming.set_qos(prefetch_count=PREFETCH)
    queue = await incoming.get_queue("points.main", ensure=False)
    exchange = await outgoing.get_exchange("loyalty.events", ensure=False)
    there = asyncio.Event()
    await queue.consume(lambda message: handle(message, pool, there))
    await relay(pool, exchange, there)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
