"""What a measurement starts from: migrated databases, known members, a broker with queues, a backlog of purchases."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from bench.servers import PASSWORD, Servers
from common.events.cloudevent import CONTENT_TYPE, structured
from common.events.members import MemberRegistered, Preferences
from common.events.purchases import PurchaseCompleted
from common.messaging.channel import BatchConnection, Message
from stack.ports import Ports
from stack.provision import provide_broker, provide_database

SOURCE = "//bench/shop"
MEMBERS = [UUID(int=(0x0192 << 112) | (7 << 76) | (2 << 62) | n) for n in range(1, 20_001)]
SERVICES = ("members", "points", "notify", "analytics")
NOW = datetime.now(UTC).replace(microsecond=0)
ADMIN_EMAIL, ADMIN_PASSWORD = "bench@example.com", "bench-bench-bench"
MASTER_KEYS = "bench:" + "A" * 43


@dataclass(slots=True)
class World:
    """One virtual host and one database for each service in it."""

    servers: Servers
    vhost: str
    databases: dict[str, str]
    ports: Ports = field(default_factory=Ports)

    def environment(self, service: str, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.databases[service],
            "RABBITMQ_URL": self.servers.broker(self.vhost, service),
            "MASTER_KEYS": MASTER_KEYS,
            "INDEX_KEY": "B" * 43,
            "ADMIN_EMAIL": ADMIN_EMAIL,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": "1",
            "METRICS_PORT": str(self.ports.pick()),
            **more,
        }

    @contextmanager
    def running(self, module: str, *arguments: str, service: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """A program at work, ended with SIGTERM; what it logs goes to a file that is shown when it fails."""
        log = Path(os.environ.get("BENCH_LOGS", "/tmp")) / f"bench-{self.vhost}-{module.replace('.', '-')}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self.environment(service, **more),
                stdout=out,
                stderr=out,
            )
        try:
            yield process
        except TimeoutError as error:
            tail = log.read_text(errors="replace").splitlines()[-20:]
            raise TimeoutError(f"{error}; {module} said last:\n" + "\n".join(tail)) from error
        else:
            if process.poll() is not None:
                tail = log.read_text(errors="replace").splitlines()[-20:]
                raise RuntimeError(f"{module} ended with {process.returncode}:\n" + "\n".join(tail))
        finally:
            process.terminate()
            process.wait(30)
            log.unlink(missing_ok=True)

    async def fetch(self, service: str, sql: str) -> int:
        connection = await asyncpg.connect(self.databases[service])
        try:
            return int(await connection.fetchval(sql) or 0)
        finally:
            await connection.close()

    async def execute(self, service: str, sql: str) -> None:
        connection = await asyncpg.connect(self.databases[service])
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


async def make(servers: Servers, name: str, *services: str) -> World:
    """Databases migrated and seeded, and a virtual host with the queues of these services alone."""
    vhost = f"bench-{name}"
    users = dict.fromkeys((*SERVICES, "demo-shop"), PASSWORD)
    provide_broker(servers.management, vhost, users)
    for queue in servers.management.get(f"/api/queues/{vhost}"):
        if queue["name"].split(".")[0] not in (*services, "ops"):
            servers.management.delete(f"/api/queues/{vhost}/{queue['name']}")
    world = World(servers, vhost, {})
    for service in services:
        database = f"bench_{name}_{service}".replace("-", "_")
        await provide_database(servers.database_url, database=database, role=service, password=PASSWORD)
        world.databases[service] = servers.database(database, service)
        await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", service, "migrate"],
            env=world.environment(service),
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return world


async def until(world: World, service: str, sql: str, count: int, *, within_seconds: float = 60.0) -> None:
    """Wait until the query answers at least `count`. Raises TimeoutError."""
    async with asyncio.timeout(within_seconds):
        while True:
            if await world.fetch(service, sql) >= count:
                return
            await asyncio.sleep(0.1)


async def publish(world: World, bodies: list[bytes], *, key: str, user: str = "demo-shop") -> None:
    async with BatchConnection(world.servers.broker(world.vhost, user), name="bench") as connection:
        channel = await connection.channel(confirms=True)
        for at in range(0, len(bodies), 1000):
            refused = await channel.publish_batch(
                [
                    Message(exchange="loyalty.events", routing_key=key, body=body, content_type=CONTENT_TYPE)
                    for body in bodies[at : at + 1000]
                ]
            )
            if refused:
                raise RuntimeError(f"the broker refused {len(refused)} messages")


async def register(world: World) -> None:
    """Tell everybody of the members, as members would; they want notices in the inbox and no mail."""
    bodies = [
        envelope(
            MemberRegistered(member_id=member, revision=1, registered_at=NOW, preferences=Preferences(email=False)),
            source="//loyalty/members",
            event_id=f"registered-{member}",
        )
        for member in MEMBERS
    ]
    await publish(world, bodies, key=MemberRegistered.TYPE, user="operator")


def envelope(data: PurchaseCompleted | MemberRegistered, *, source: str, event_id: str) -> bytes:
    return structured(
        id=event_id,
        source=source,
        type=data.TYPE,
        subject=data.subject(),
        time=datetime.now(UTC),
        traceparent=f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01",
        data=data.model_dump_json().encode(),
    )


def purchases(count: int, *, run: str, duplicates: float = 0.05, members: Sequence[UUID] = MEMBERS) -> list[bytes]:
    """`count` different purchases by random members, and some of them a second time."""
    chance = random.Random(run)
    bodies = [
        envelope(
            PurchaseCompleted(
                order_id=f"{run}-{number}",
                member_id=chance.choice(members),
                occurred_at=NOW - timedelta(minutes=number % 1000),
                currency="CNY",
                amount=chance.randrange(1_00, 500_00),
            ),
            source=SOURCE,
            event_id=f"{run}-{number}",
        )
        for number in range(count)
    ]
    return bodies + chance.sample(bodies, int(count * duplicates))
