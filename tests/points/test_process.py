"""The processes of the service as they are shipped: `python -m points migrate | worker | api`."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import aio_pika
import httpx

from common.events import Contract, Event
from common.storage import Database
from tests.points.world import SHOP, purchase, registered, value
from tests.servers import Vhost

LONGEST_SECONDS = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@asynccontextmanager
async def running(command: str, environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "points", command, env={**os.environ, **environment}, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 40)


async def until(database: Database, sql: str, wanted: object) -> None:
    async with asyncio.timeout(LONGEST_SECONDS):
        while await value(database, sql) != wanted:
            await asyncio.sleep(0.1)


async def publish(exchange: aio_pika.abc.AbstractExchange, event: Event[Contract]) -> None:
    body = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time.isoformat(),
        "data": json.loads(event.data.model_dump_json()),
    }
    message = aio_pika.Message(
        json.dumps(body).encode(),
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await exchange.publish(message, routing_key=event.type)


async def test_worker_takes_purchases_from_the_broker_and_api_tells_of_them(
    points_database: Database, vhost: Vhost
) -> None:
    someone, metrics_port, api_port = uuid4(), free_port(), free_port()
    environment = {
        "DATABASE_URL": points_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
        "RABBITMQ_URL": vhost.url("points"),
        "METRICS_PORT": str(metrics_port),
        "API_PORT": str(api_port),
    }
    async with running("migrate", environment) as migration:
        assert await asyncio.wait_for(migration.wait(), LONGEST_SECONDS) == 0
    async with running("worker", environment) as worker, running("api", environment) as api:
        members = await aio_pika.connect(vhost.url("members"))
        shop = await aio_pika.connect(vhost.url("demo-shop"))
        async with members, shop:
            from_members = await (await members.channel()).get_exchange("loyalty.events", ensure=False)
            await publish(from_members, registered(someone))
            await until(points_database, "SELECT count(*) FROM members", 1)
            from_shop = await (await shop.channel()).get_exchange("loyalty.events", ensure=False)
            await asyncio.gather(
                *(publish(from_shop, purchase(someone, f"o{number}", 10_00)) for number in range(200)),
                *(publish(from_shop, purchase(someone, f"o{number}", 10_00)) for number in range(50)),
            )
            await until(points_database, "SELECT balance FROM wallets", 2000)
            await until(points_database, "SELECT sum(count) FROM duplicates", 50)
            await until(points_database, "SELECT count(*) FROM outbox", 0)
        await until(points_database, "SELECT runs > 0 FROM schedule WHERE name = 'ledger.check'", True)
        async with httpx.AsyncClient() as client:
            metrics = (await client.get(f"http://127.0.0.1:{metrics_port}/metrics")).text
            assert "loyalty_ledger_difference_points" in metrics
            assert (await client.get(f"http://127.0.0.1:{api_port}/health/ready")).status_code == 200
            refused = await client.get(f"http://127.0.0.1:{api_port}/v1/members/{someone}/balance")
            assert refused.status_code == 401
        assert await value(points_database, "SELECT source FROM purchases LIMIT 1") == SHOP
        assert (worker.returncode, api.returncode) == (None, None)
        worker.terminate()
        api.terminate()
        assert await asyncio.wait_for(worker.wait(), 40) == 0
        assert await asyncio.wait_for(api.wait(), 40) == 0
