"""The processes of the service as they are shipped, with a real broker and mail server: and killed in between."""

import asyncio
import json
import os
import random
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import httpx

from common.events import Event
from common.storage import Database
from tests.notify import events as story
from tests.notify.channels.mailserver import MailServer, mail_server
from tests.notify.events import MASTER_KEYS, earned, rows
from tests.servers import Vhost

LONGEST_SECONDS = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def environment(database: Database, vhost: Vhost, mails: MailServer) -> dict[str, str]:
    return {
        "DATABASE_URL": database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
        "RABBITMQ_URL": vhost.url("notify"),
        "METRICS_PORT": str(free_port()),
        "API_PORT": str(free_port()),
        "MASTER_KEYS": MASTER_KEYS,
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mails.port),
        "SMTP_TIMEOUT_SECONDS": "1",
        "MAIL_LEASE_SECONDS": "4",
        "MAIL_FROM": "Members <members@tea.example>",
    }


@asynccontextmanager
async def running(command: str, settings: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "notify", command, env={**os.environ, **settings}, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 40)


async def until(database: Database, sql: str, wanted: object) -> None:
    async with asyncio.timeout(LONGEST_SECONDS):
        while next(iter((await rows(database, sql))[0].values())) != wanted:
            await asyncio.sleep(0.1)


async def publish(vhost: Vhost, user: str, events: Sequence[Event[Any]]) -> None:
    async with await aio_pika.connect(vhost.url(user)) as connection:
        exchange = await (await connection.channel()).get_exchange("loyalty.events", ensure=False)
        for event in events:
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


async def test_a_cause_from_the_broker_becomes_an_inbox_notice_and_a_mail(
    notify_database: Database, vhost: Vhost
) -> None:
    known = await story.registered(notify_database, email="li@example.com")
    async with mail_server() as mails:
        settings = environment(notify_database, vhost, mails)
        async with running("migrate", settings) as migration:
            assert await asyncio.wait_for(migration.wait(), LONGEST_SECONDS) == 0
        async with running("worker", settings) as worker, running("api", settings) as api:
            await publish(vhost, "points", [earned(known.data.member_id)])  # waits until the member is known
            await publish(vhost, "members", [known])
            await until(notify_database, "SELECT count(*) FROM notices WHERE state = 'sent'", 2)
            await until(notify_database, "SELECT count(*) FROM outbox", 0)
            async with httpx.AsyncClient() as client:
                metrics = (await client.get(f"http://127.0.0.1:{settings['METRICS_PORT']}/metrics")).text
                assert 'loyalty_mail_attempts_total{outcome="sent"} 1.0' in metrics
                ready = await client.get(f"http://127.0.0.1:{settings['API_PORT']}/health/ready")
                assert ready.status_code == 200
            assert mails.addresses == ["li@example.com"]
            for process in (worker, api):
                process.terminate()
                assert await asyncio.wait_for(process.wait(), 40) == 0


async def test_killed_in_the_middle_nothing_is_lost_and_each_cause_is_told_once(
    notify_database: Database, vhost: Vhost
) -> None:
    members = [await story.registered(notify_database, email=f"m{number}@example.com") for number in range(20)]
    causes = [earned(one.data.member_id, order=f"A-{number}") for one in members for number in range(10)]
    again = causes * 2
    random.Random(7).shuffle(again)
    async with mail_server() as mails:
        settings = environment(notify_database, vhost, mails)
        async with running("worker", settings) as worker:
            await publish(vhost, "members", members)
            await until(notify_database, "SELECT count(*) FROM contacts", 20)
            await publish(vhost, "points", again)
            async with asyncio.timeout(LONGEST_SECONDS):
                while len(mails.received) < 40:
                    await asyncio.sleep(0.01)
            worker.kill()
            await worker.wait()
        async with running("worker", settings):
            await until(notify_database, "SELECT count(*) FROM notices WHERE state = 'sent'", 400)
            await until(notify_database, "SELECT count(*) FROM outbox", 0)
            await until(notify_database, "SELECT count(*) FROM dead_letters", 0)
    per_message = Counter(message["Message-ID"] for _, message in mails.received)
    assert len(per_message) == 200
    assert sum(per_message.values()) - 200 <= 100  # four connections with twenty-five mails each
    assert await rows(notify_database, "SELECT count(*) AS n FROM deliveries") == [{"n": 0}]
