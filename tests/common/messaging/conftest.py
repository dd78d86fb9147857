"""A small service for the messaging tests: it hears purchases, writes down what took effect, and tells of it."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from common.events import Event
from common.events.cloudevent import structured
from common.events.points import PointsEarned
from common.events.purchases import PurchaseCompleted
from common.messaging import Outcome, on
from common.messaging.channel import BatchConnection, Message
from common.messaging.consumer import Consumer
from common.messaging.relay import Relay
from common.storage import Database, Transaction, framework
from stack.provision import provide_database
from tests import servers as servers_module
from tests.servers import Servers, Vhost

MEMBER = UUID(int=7)
SHORT = {"10s": 0.3, "1m": 0.4, "10m": 0.5}


class _Op:
    """The part of Alembic's operations that `framework.create` needs."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def get_bind(self) -> Any:
        return self._connection

    def execute(self, sql: str) -> None:
        self._connection.exec_driver_sql(sql)


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[Database]:
    """The framework's tables and one of effects, as service `points`."""
    name = f"test_messaging_{servers_module.RUN}_{os.urandom(4).hex()}"
    role = f"points_{servers_module.RUN}"
    await provide_database(servers.database_url, database=name, role=role, password=servers_module.PASSWORD)
    url = servers.database(name, role=role)
    database = Database(url, service="points")
    async with database.engine.begin() as connection:
        await connection.run_sync(lambda sync: framework.create(_Op(sync)))
        await connection.exec_driver_sql("CREATE TABLE effects (order_id text, amount bigint)")
    yield database
    await database.close()
    await servers_module.drop(servers, url)


@dataclass
class Echo:
    """The handler: remembers its batches, does what `behave` says, writes an effect and an event for the rest."""

    behave: Callable[[Event[PurchaseCompleted]], Outcome | None] = lambda event: None
    batches: list[list[str]] = field(default_factory=list)

    async def purchases_completed(
        self, tx: Transaction, events: Sequence[Event[PurchaseCompleted]]
    ) -> Sequence[Outcome]:
        self.batches.append([event.data.order_id for event in events])
        outcomes = [outcome for event in events if (outcome := self.behave(event))]
        left = {id(outcome.event) for outcome in outcomes}
        good = [event for event in events if id(event) not in left]
        await tx.execute(
            "INSERT INTO effects SELECT * FROM unnest(CAST(:orders AS text[]), CAST(:amounts AS bigint[]))",
            {"orders": [e.data.order_id for e in good], "amounts": [e.data.amount for e in good]},
        )
        for event in good:
            tx.emit(earned(event.data), cause=event)
        return outcomes


def earned(purchase: PurchaseCompleted) -> PointsEarned:
    return PointsEarned(
        member_id=purchase.member_id,
        sequence=1,
        points=purchase.amount,
        balance=purchase.amount,
        occurred_at=purchase.occurred_at,
        order_source="//till",
        order_id=purchase.order_id,
        rule="r",
        rule_version=1,
    )


def purchase(order: str, *, amount: int = 100) -> PurchaseCompleted:
    return PurchaseCompleted(
        order_id=order,
        member_id=MEMBER,
        occurred_at=datetime(2026, 1, 2, tzinfo=UTC),
        currency="CNY",
        amount=amount,
    )


def envelope_of(data: PurchaseCompleted, *, event_id: str | None = None) -> bytes:
    return structured(
        id=event_id or f"e-{data.order_id}",
        source="//till",
        type=data.TYPE,
        time=datetime(2026, 1, 2, tzinfo=UTC),
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        data=data.model_dump_json().encode(),
    )


@dataclass
class Bench:
    """What a test of the consumer works with."""

    database: Database
    vhost: Vhost
    echo: Echo = field(default_factory=Echo)
    delays: dict[str, float] = field(default_factory=lambda: dict(SHORT))

    async def publish(
        self, *bodies: bytes, key: str = PurchaseCompleted.TYPE, headers: dict[str, Any] | None = None
    ) -> None:
        """As the shop's own broker user."""
        async with BatchConnection(self.vhost.url("demo-shop"), name="till") as connection:
            channel = await connection.channel(confirms=True)
            refused = await channel.publish_batch(
                [
                    Message(
                        exchange="loyalty.events",
                        routing_key=key,
                        body=body,
                        content_type="application/cloudevents+json",
                        headers=headers,
                    )
                    for body in bodies
                ]
            )
            assert not refused

    def consumer(self, **options: Any) -> Consumer:
        return Consumer(
            self.vhost.url("points"),
            self.database,
            [on(PurchaseCompleted, self.echo.purchases_completed)],
            retry_delays_seconds=self.delays,
            **options,
        )

    @asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator[Consumer]:
        """A consumer at work, stopped in an orderly way at the end."""
        consumer, stop = self.consumer(**options), asyncio.Event()
        task = asyncio.create_task(consumer.run(stop))
        try:
            yield consumer
        finally:
            stop.set()
            await asyncio.wait_for(task, 30)

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[Relay]:
        relay, stop = Relay(self.vhost.url("points"), self.database), asyncio.Event()
        task = asyncio.create_task(relay.run(stop))
        try:
            yield relay
        finally:
            stop.set()
            await asyncio.wait_for(task, 30)

    async def effects(self) -> Counter[str]:
        async with self.database.transaction() as tx:
            return Counter(
                {
                    row.order_id: row.n
                    for row in await tx.fetch_all("SELECT order_id, count(*) AS n FROM effects GROUP BY 1")
                }
            )

    async def value(self, sql: str) -> Any:
        async with self.database.transaction() as tx:
            return await tx.fetch_value(sql)

    async def messages(self, queue: str, count: int) -> list[Any]:
        """Exactly `count` messages taken from a queue (and acknowledged); fails after 20 s."""
        async with BatchConnection(self.vhost.url("operator"), name="test") as connection:
            channel = await connection.channel()
            await channel.consume(queue, prefetch=0)
            await until(lambda: len(channel.buffer) >= count)
            taken = list(channel.buffer)
            if taken:
                await channel.basic_ack(taken[-1].tag, multiple=True)
            assert len(taken) == count
            return taken

    async def queue_is(self, queue: str, *, ready: int) -> None:
        """Wait until the queue holds this many messages, none of them unacknowledged."""
        async with BatchConnection(self.vhost.url("operator"), name="test") as connection:
            channel = await connection.channel()

            async def there() -> bool:
                answer = await channel.queue_declare(queue, passive=True)
                return bool(answer.message_count == ready)

            await until(there)


async def until(condition: Callable[[], Any], *, seconds: float = 20) -> None:
    """Wait until the condition holds; AssertionError when it does not in time."""
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if isinstance(answer, Awaitable):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def bench(database: Database, make_vhost: Callable[..., Awaitable[Vhost]]) -> AsyncIterator[Bench]:
    async with AsyncExitStack():
        yield Bench(database=database, vhost=await make_vhost(delays=SHORT))
