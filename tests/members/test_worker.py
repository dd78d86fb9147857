"""The worker's story over a real broker: a till knows only a phone number, and the member climbs a tier."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from common.events.cloudevent import structured
from common.events.contract import Contract
from common.events.purchases import CustomerReference, PurchaseRefunded, PurchaseSubmitted
from common.messaging.channel import BatchConnection, Message
from common.messaging.consumer import Consumer
from common.messaging.drainer import Drainer
from common.messaging.relay import Relay
from common.storage import Database
from members.consumer import SUBSCRIPTIONS
from tests.servers import Vhost

TILL = "//shop-1/till-3"
DAY = datetime(2024, 3, 1, tzinfo=UTC)
SHORT = {"10s": 0.3, "1m": 0.4, "10m": 0.5}
PHONE = CustomerReference(phone="138 0013 8000")


def submitted(order_id: str, amount: int, customer: CustomerReference = PHONE, currency: str = "CNY") -> Contract:
    return PurchaseSubmitted(order_id=order_id, amount=amount, occurred_at=DAY, currency=currency, customer=customer)


@asynccontextmanager
async def worker(vhost: Vhost, database: Database) -> AsyncIterator[None]:
    """Consumer, relay and drainer of members, stopped in an orderly way at the end."""
    url, stop = vhost.url("members"), asyncio.Event()
    consumer = Consumer(url, database, SUBSCRIPTIONS, retry_delays_seconds=SHORT)
    parts = (consumer.run, Relay(url, database).run, Drainer(url, database).run)
    tasks = [asyncio.create_task(part(stop)) for part in parts]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 30)


async def publish(vhost: Vhost, *contracts: Contract) -> None:
    """As the shop's own restricted broker user."""
    messages = [
        Message(
            exchange="loyalty.events",
            routing_key=data.TYPE,
            body=structured(
                id=f"{data.TYPE}-{data.subject()}",
                source=TILL,
                type=data.TYPE,
                time=DAY,
                data=data.model_dump_json().encode(),
            ),
            content_type="application/cloudevents+json",
        )
        for data in contracts
    ]
    async with BatchConnection(vhost.url("demo-shop"), name="till") as connection:
        channel = await connection.channel(confirms=True)
        assert not await channel.publish_batch(messages)


async def until(condition: Callable[[], Awaitable[Any]], *, seconds: float = 30) -> Any:
    async with asyncio.timeout(seconds):
        while not (answer := await condition()):
            await asyncio.sleep(0.05)
        return answer


async def test_till_knows_a_phone_number_and_the_member_climbs_a_tier(
    make_vhost: Callable[..., Awaitable[Vhost]], database: Database, register: Callable[..., Awaitable[UUID]]
) -> None:
    member, vhost = await register(phone="13800138000"), await make_vhost(SHORT)

    async def read(sql: str) -> Any:
        async with database.transaction() as tx:
            return await tx.fetch_value(sql)

    async with worker(vhost, database):
        back = PurchaseRefunded(return_id="R-1", order_id="A-1", amount=1, occurred_at=DAY, currency="CNY")
        await publish(vhost, back, submitted("A-1", 10_000), submitted("A-2", 25_000))
        await until(lambda: read("SELECT count(*) = 2 FROM purchases"))
        await until(lambda: read("SELECT tier = 'gold' FROM standings"))
        assert await read("SELECT source FROM purchases LIMIT 1") == TILL
        assert await read("SELECT member_id FROM returns") == member
        await publish(vhost, submitted("A-1", 10_000), submitted("A-2", 25_000))
        await until(lambda: read("SELECT sum(count) = 2 FROM duplicates"))
        await until(lambda: read("SELECT count(*) = 0 FROM outbox"))
    assert await read("SELECT count(*) FROM purchases") == 2
    assert await read("SELECT count(*) FROM dead_letters") == 0


async def test_customer_whom_nobody_knows_ends_among_the_dead_letters(
    make_vhost: Callable[..., Awaitable[Vhost]], database: Database
) -> None:
    vhost = await make_vhost(SHORT)

    async def dead() -> list[tuple[str, str, int]]:
        async with database.transaction() as tx:
            rows = await tx.fetch_all("SELECT event_id, error_type, attempts FROM dead_letters ORDER BY event_id")
        return [(row.event_id, row.error_type, row.attempts) for row in rows]

    async def both() -> bool:
        return len(await dead()) == 2

    async with worker(vhost, database):
        await publish(vhost, submitted("A-1", 5), submitted("A-2", 5, currency="USD"))
        await until(both)
    assert await dead() == [
        ("purchase.submitted.v1-A-1", "unknown_customer", 4),
        ("purchase.submitted.v1-A-2", "currency_mismatch", 1),
    ]
