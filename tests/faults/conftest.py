"""Worlds to break. Tests that kill servers get servers of their own; the others share those of the session."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stack.packages import postgres_programs, rabbitmq_server
from stack.ports import Ports
from stack.postgres import Postgres
from stack.processes import Process
from stack.rabbitmq import RabbitMQ
from tests.faults.world import World, new_world
from tests.servers import Servers, private_postgres, private_rabbitmq


@dataclass
class Stage:
    """A PostgreSQL and a RabbitMQ that may be killed."""

    postgres: Postgres
    broker: RabbitMQ
    servers: Servers

    async def restart_broker(self, *, orderly: bool, away_seconds: float = 0) -> None:
        await asyncio.to_thread(self.broker.stop if orderly else self.broker.kill)
        await asyncio.sleep(away_seconds)
        await self.start_broker()

    async def start_broker(self) -> None:
        await asyncio.to_thread(self.broker.launch)
        await asyncio.to_thread(self.broker.wait)

    async def restart_postgres(self, *, orderly: bool, away_seconds: float = 0) -> None:
        await asyncio.to_thread(self.postgres.stop if orderly else self.postgres.kill)
        await asyncio.sleep(away_seconds)
        await asyncio.to_thread(self.postgres.launch)
        await asyncio.to_thread(self.postgres.wait)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Servers of this process's own. They are native: a container could not be killed and come back as the same."""
    if postgres_programs() is None or rabbitmq_server() is None:
        pytest.skip("PostgreSQL and RabbitMQ are not installed here, and only native ones can be killed")
    folder = Path(tempfile.mkdtemp(prefix="loyalty-tests-"))
    session = Process.of(os.getpid(), log=folder)
    assert session is not None
    session.save(folder / "session.json")  # the next session ends what this one leaves, if it is killed
    (folder / "pids").mkdir()
    ports = Ports()
    postgres, broker = private_postgres(folder, ports), private_rabbitmq(folder, ports)
    try:
        broker.launch()
        postgres.launch()
        postgres.wait()
        broker.wait()
        yield Stage(
            postgres,
            broker,
            Servers(
                database_url=postgres.url(),
                rabbitmq_url=f"amqp://operator:{broker.password}@127.0.0.1:{broker.ports.amqp}/loyalty",
                management_url=broker.management.url,
            ),
        )
    finally:
        broker.remove()
        postgres.remove()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def world(servers: Servers, tmp_path: Path) -> AsyncIterator[World]:
    """Points alone, on the servers of the session: what it tells piles up in the queues of the others."""
    async with new_world(servers, tmp_path, ["points"]) as made:
        yield made


@pytest.fixture
async def breakable(stage: Stage, tmp_path: Path) -> AsyncIterator[World]:
    """Points alone, on servers that may be killed."""
    async with new_world(stage.servers, tmp_path, ["points"]) as made:
        yield made
        await asyncio.to_thread(stage.postgres.launch)
        await asyncio.to_thread(stage.broker.launch)
        await asyncio.to_thread(stage.postgres.wait)
        await asyncio.to_thread(stage.broker.wait)
