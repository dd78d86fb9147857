"""A world to break: a virtual host and databases of its own, real processes of the services, purchases to publish."""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from common.events import Contract
from common.events.cloudevent import CONTENT_TYPE, structured
from common.events.members import MemberRegistered
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.messaging import topology
from common.messaging.channel import BatchConnection, Message
from common.storage.database import Database
from stack.ports import Ports
from tests import servers as servers_module
from tests.servers import Servers, Vhost, create_vhost

ROOT = Path(__file__).parents[2]
SHOP = "//shop.example/tills/1"
DELAYS = {"10s": 0.3, "1m": 0.5, "10m": 0.7}
MASTER_KEYS = "tests:" + "A" * 43
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Running:
    """A process of a service. `log` has its lines."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self.name = name
        self.process = process
        self.log = log
        self.port = port

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL, and gone."""
        self.process.kill()
        self.process.wait(10)

    async def ended(self, *, within_seconds: float = 60) -> int:
        """The exit code, once it has ended."""
        return await asyncio.to_thread(self.process.wait, within_seconds)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return await self.ended()

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """What it logged; of one kind only with `event`."""
        lines = [json.loads(line) for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]
        return [line for line in lines if not event or line["event"] == event]

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """Its answer to /health/ready; (0, {}) when it does not answer."""
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                answer = await client.get(f"http://127.0.0.1:{self.port}/health/ready")
                return answer.status_code, answer.json()
        except httpx.HTTPError:
            return 0, {}


@dataclass
class World:
    servers: Servers
    vhost: Vhost
    folder: Path
    databases: dict[str, Database] = field(default_factory=dict)
    processes: list[Running] = field(default_factory=list)
    ports: Ports = field(default_factory=Ports)
    settled: bool = False
    """Whether the oracle has found that nothing is under way."""

    # -- processes

    def start(self, service: str, command: str = "worker", *, fault: str = "", **environment: str) -> Running:
        """Start a process of a service; it gets what the stack would give it."""
        port = self.ports.pick()
        log = self.folder / f"{service}-{command}-{len(self.processes)}.log"
        told = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'deploy'}",
            "DATABASE_URL": url_of(self.databases[service]),
            "RABBITMQ_URL": self.vhost.url(service),
            "MASTER_KEYS": MASTER_KEYS,
            "INDEX_KEY": "B" * 43,
            "METRICS_PORT": str(port),
            "API_PORT": str(port),
            "RETRY_DELAYS": json.dumps(DELAYS),
            "FAULT": fault,
            **environment,
        }
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.process", service, command],
                env=told,
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )
        running = Running(f"{service} {command}", process, log, port)
        self.processes.append(running)
        return running

    async def started(self, service: str, command: str = "worker", *, fault: str = "", **more: str) -> Running:
        """Start a process and wait until it says that it is ready."""
        running = self.start(service, command, fault=fault, **more)

        async def is_ready() -> bool:
            assert running.alive, f"{running.name} ended:\n{tail(running)}"
            return (await running.ready())[0] == 200

        await until(is_ready, within_seconds=60, what=lambda: f"{running.name} to be ready:\n{tail(running)}")
        return running

    def end_all(self) -> None:
        for running in self.processes:
            if running.alive:
                running.kill()

    # -- events

    async def publish(self, events: Iterable[tuple[str, Contract]], *, user: str = "demo-shop") -> None:
        """Events as (event id, data), confirmed by the broker before this returns."""
        source = SHOP if user == "demo-shop" else f"//loyalty/{user}"
        await self.send([message(event_id, data, source=source) for event_id, data in events], user=user)

    async def send(self, messages: Sequence[Message], *, user: str = "demo-shop") -> None:
        async with BatchConnection(self.vhost.url(user), name=f"test {user}") as connection:
            channel = await connection.channel(confirms=True)
            for at in range(0, len(messages), 1000):
                refused = await channel.publish_batch(messages[at : at + 1000])
                assert not refused, refused

    async def register(self, members: Sequence[UUID]) -> None:
        """Tell everybody of the members, as the service members would."""
        since = NOON - timedelta(days=400)
        facts = [MemberRegistered(member_id=one, revision=1, registered_at=since) for one in members]
        await self.publish([(f"registered-{fact.member_id}", fact) for fact in facts], user="members")

    # -- what is there

    async def value(self, service: str, sql: str, **params: Any) -> Any:
        async with self.databases[service].transaction() as tx:
            return await tx.fetch_value(sql, params)

    async def rows(self, service: str, sql: str, **params: Any) -> Sequence[Any]:
        async with self.databases[service].transaction() as tx:
            return await tx.fetch_all(sql, params)

    async def until_value(
        self, service: str, sql: str, wanted: Callable[[Any], bool] | Any, *, within_seconds: float = 60
    ) -> None:
        """Wait until the query answers so; says what it answered instead."""
        seen: list[Any] = []

        async def there() -> bool:
            seen[:] = [await self.value(service, sql)]
            return bool(wanted(seen[0]) if callable(wanted) else seen[0] == wanted)

        await until(there, within_seconds=within_seconds, what=lambda: f"{sql} in {service}: {seen}, wanted {wanted}")

    async def queues(self) -> dict[str, tuple[int, int]]:
        """(ready, unacknowledged) by queue, some seconds old; 0 for what the broker has not counted yet."""
        listed = await asyncio.to_thread(self.vhost.management.get, f"/api/queues/{self.vhost.name}")
        return {one["name"]: (one.get("messages_ready", 0), one.get("messages_unacknowledged", 0)) for one in listed}

    async def ready_now(self) -> dict[str, int]:
        """How many messages lie ready in each queue of the services at hand: exact."""
        names = [queue.name for service in self.databases for queue in topology.queues_of(service)]
        async with BatchConnection(self.vhost.url("operator"), name="test") as connection:
            channel = await connection.channel()
            answers = {name: await channel.queue_declare(name, passive=True) for name in names}
        return {name: answer.message_count or 0 for name, answer in answers.items()}

    async def nothing_was_left_unacknowledged(self) -> None:
        """Stop everybody: what was handed out and not acknowledged would be ready again."""
        for running in self.processes:
            if running.alive:
                code = await running.stop()
                assert code == 0, f"{running.name} did not end well:\n{tail(running)}"
        left = {name: count for name, count in (await self.ready_now()).items() if count}
        assert not left, f"unacknowledged until the workers ended: {left}"


def url_of(database: Database) -> str:
    return database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def tail(running: Running, lines: int = 15) -> str:
    return "\n".join(line[:600] for line in running.log.read_text(errors="replace").splitlines()[-lines:])


def message(event_id: str, data: Contract, *, source: str = SHOP, key: str = "") -> Message:
    """An event as any AMQP client would send it."""
    body = structured(
        id=event_id,
        source=source,
        type=data.TYPE,
        subject=data.subject(),
        time=datetime.now(UTC),
        traceparent=f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01",
        data=data.model_dump_json().encode(),
    )
    return Message(exchange="loyalty.events", routing_key=key or data.TYPE, body=body, content_type=CONTENT_TYPE)


def members(count: int) -> list[UUID]:
    return [UUID(int=(0x0192 << 112) | (7 << 76) | (2 << 62) | number) for number in range(1, count + 1)]


def purchases(count: int, of: Sequence[UUID], *, prefix: str = "o") -> list[PurchaseCompleted]:
    """Different purchases by these members in turn; each earns at least two points, and even ones an even number."""
    chance = random.Random(f"{prefix} {count}")
    return [
        PurchaseCompleted(
            order_id=f"{prefix}{number}",
            member_id=of[number % len(of)],
            occurred_at=NOON + timedelta(minutes=number % 5000),
            currency="CNY",
            amount=chance.randrange(1, 500) * 200,
        )
        for number in range(count)
    ]


def named(bought: Iterable[PurchaseCompleted]) -> Iterator[tuple[str, Contract]]:
    """The purchases with their event ids."""
    return ((f"e-{one.order_id}", one) for one in bought)


def refund(bought: PurchaseCompleted, *, number: int = 1, part: int = 2) -> PurchaseRefunded:
    """One half (or another part) of a purchase given back."""
    return PurchaseRefunded(
        return_id=f"r{number}-{bought.order_id}",
        order_id=bought.order_id,
        occurred_at=bought.occurred_at + timedelta(days=number),
        currency=bought.currency,
        amount=bought.amount // part,
    )


async def until(
    condition: Callable[[], Any], *, within_seconds: float = 30, what: Callable[[], str] = lambda: "it"
) -> None:
    """Wait until the condition (which may be awaited) holds; AssertionError that says what was waited for."""
    try:
        async with asyncio.timeout(within_seconds):
            while True:
                answer = condition()
                if await answer if asyncio.iscoroutine(answer) else answer:
                    return
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"waited {within_seconds} s for {what()}") from None


@asynccontextmanager
async def new_world(
    servers: Servers, folder: Path, services: Sequence[str], *, delays: Mapping[str, float] = DELAYS
) -> AsyncIterator[World]:
    """Databases and a virtual host for these services; everything is gone at the end."""
    vhost = await asyncio.to_thread(create_vhost, servers, dict(delays))
    world = World(servers=servers, vhost=vhost, folder=folder)
    try:
        for service in services:
            world.databases[service] = Database(await servers_module.clone(servers, service), service=service)
        yield world
        if world.settled:
            await world.nothing_was_left_unacknowledged()
    finally:
        world.end_all()
        for database in world.databases.values():
            url = url_of(database)
            await database.close()
            await servers_module.drop(servers, url)
        await asyncio.to_thread(servers.management.delete_vhost, vhost.name)
