"""The servers that tests use, and what each test gets of them: a clone of a migrated database, its own virtual host.

PostgreSQL is `TEST_DATABASE_URL` if set (an administrator's URL), else a container where Docker answers, else a
private native server. RabbitMQ likewise with `TEST_RABBITMQ_URL` (an administrator's URL; its management API is on port
15672, or where `TEST_RABBITMQ_MANAGEMENT_URL` says). Servers started here are stopped at the end of the session.

Private servers run with fsync off: a server killed with -9 still keeps what was committed (the kernel has it), which is
what the fault tests need; only a crash of the whole machine would lose it.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from common.storage import Database
from common.storage.migrations import upgrade
from stack.account import Account, Place
from stack.compose import daemon_answers
from stack.management import Management
from stack.packages import require
from stack.ports import Ports
from stack.postgres import Postgres
from stack.processes import Process
from stack.provision import BROKER_USERS, provide_broker, provide_database
from stack.rabbitmq import RabbitMQ, RabbitPorts, greet

PASSWORD = "test"
"""Of every role and broker user on test servers, so that sessions side by side agree."""

_PREFIX = "loyalty-tests-"

RUN = os.environ.setdefault("TEST_RUN_ID", os.urandom(3).hex())
"""Shared by the processes of one session (xdist); part of the name of everything created."""


@dataclass(slots=True)
class Servers:
    """Where the servers of this session are. URLs are an administrator's."""

    database_url: str
    rabbitmq_url: str
    management_url: str
    stop: list[Callable[[], Any]] = field(default_factory=list)

    @property
    def management(self) -> Management:
        broker = urlsplit(self.rabbitmq_url)
        return Management(self.management_url, broker.username or "guest", broker.password or "guest")

    def database(self, name: str, *, role: str | None = None) -> str:
        """The URL of a database; as the administrator, or as a role of the tests."""
        server = urlsplit(self.database_url)
        user = server.netloc if role is None else f"{role}:{PASSWORD}@{server.netloc.rpartition('@')[2]}"
        return urlunsplit((server.scheme, user, f"/{name}", "", ""))

    def broker(self, vhost: str, user: str) -> str:
        """The AMQP URL of a service's or publisher's user in a virtual host; `operator` is the administrator."""
        server = urlsplit(self.rabbitmq_url)
        netloc = server.netloc if user == "operator" else f"{user}:{PASSWORD}@{server.netloc.rpartition('@')[2]}"
        return f"amqp://{netloc}/{quote(vhost, safe='')}"

    def export(self) -> None:
        """Tell the other processes of this session."""
        os.environ["TEST_DATABASE_URL"] = self.database_url
        os.environ["TEST_RABBITMQ_URL"] = self.rabbitmq_url
        os.environ["TEST_RABBITMQ_MANAGEMENT_URL"] = self.management_url


def start() -> Servers:
    """Find or start both servers; returns when both answer."""
    servers = Servers(
        database_url=os.environ.get("TEST_DATABASE_URL", ""),
        rabbitmq_url=os.environ.get("TEST_RABBITMQ_URL", ""),
        management_url=os.environ.get("TEST_RABBITMQ_MANAGEMENT_URL", ""),
    )
    if servers.rabbitmq_url and not servers.management_url:
        servers.management_url = f"http://{urlsplit(servers.rabbitmq_url).hostname}:15672"
    if servers.database_url and servers.rabbitmq_url:
        return servers
    try:
        if daemon_answers():
            _start_containers(servers)
        else:
            _start_private(servers)
    except BaseException:
        _stop(servers)
        raise
    return servers


def finish(servers: Servers) -> None:
    """The session is over: stop what was started for it, or clear what it made on servers that stay."""
    if servers.stop:
        _stop(servers)
    else:
        asyncio.run(_sweep(servers))


def _stop(servers: Servers) -> None:
    for end in reversed(servers.stop):
        end()
    servers.stop.clear()


def _start_private(servers: Servers) -> None:
    require()
    _end_orphans()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    servers.stop.append(lambda: shutil.rmtree(folder, ignore_errors=True))
    session = Process.of(os.getpid(), log=folder)
    assert session is not None
    session.save(folder / "session.json")
    pids, ports = folder / "pids", Ports()
    pids.mkdir()
    broker = postgres = None
    if not servers.rabbitmq_url:
        broker = private_rabbitmq(folder, ports)
        servers.stop.append(broker.remove)
        broker.launch()
        servers.rabbitmq_url = f"amqp://operator:{broker.password}@127.0.0.1:{broker.ports.amqp}/loyalty"
        servers.management_url = broker.management.url
    if not servers.database_url:
        postgres = private_postgres(folder, ports)
        servers.stop.append(postgres.remove)
        postgres.launch()
        servers.database_url = postgres.url()
    for server in (postgres, broker):
        if server is not None:
            server.wait()


def _end_orphans() -> None:
    """End the servers of sessions that were killed before they could do it, and remove their folders."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        session = Process.load(folder / "session.json")
        if session is None or session.alive() or folder.stat().st_uid != os.getuid():
            continue
        for file in (folder / "pids").glob("*.json"):
            if (server := Process.load(file)) is not None:
                server.stop(number=signal.SIGQUIT, timeout_seconds=5)
        Place(folder / "postgres", Account.for_postgres()).remove()
        shutil.rmtree(folder, ignore_errors=True)


def private_postgres(folder: Path, ports: Ports) -> Postgres:
    """A server for tests, not started: `launch`, `wait`, `kill`, `stop`, `remove`."""
    return Postgres(
        folder=folder / "postgres",
        pids=folder / "pids",
        log=folder / "postgres.log",
        port=ports.pick(),
        password=PASSWORD,
        fsync=False,
    )


def private_rabbitmq(folder: Path, ports: Ports) -> RabbitMQ:
    """A node for tests, not started: `launch`, `wait`, `kill`, `stop`."""
    return RabbitMQ(
        folder=folder / "rabbitmq",
        pids=folder / "pids",
        log=folder / "rabbitmq.log",
        ports=RabbitPorts.pick(ports),
        password=PASSWORD,
        settings={"raft.wal_max_size_bytes": str(32 * 1024 * 1024)},
    )


def _start_containers(servers: Servers) -> None:
    from testcontainers.community.postgres import PostgresContainer  # only where Docker is, for it takes its time
    from testcontainers.core.container import DockerContainer

    if not servers.database_url:
        postgres = PostgresContainer(
            "postgres:17", username="postgres", password=PASSWORD, dbname="postgres", driver=None
        )
        postgres = postgres.with_command("postgres -c fsync=off -c full_page_writes=off -c max_connections=300")
        servers.stop.append(postgres.stop)
        postgres.start()
        servers.database_url = postgres.get_connection_url()
    if not servers.rabbitmq_url:
        broker = DockerContainer("rabbitmq:4-management").with_exposed_ports(5672, 15672)
        broker = broker.with_env("RABBITMQ_DEFAULT_USER", "operator").with_env("RABBITMQ_DEFAULT_PASS", PASSWORD)
        servers.stop.append(broker.stop)
        broker.start()
        host, port = broker.get_container_host_ip(), int(broker.get_exposed_port(5672))
        servers.rabbitmq_url = f"amqp://operator:{PASSWORD}@{host}:{port}/%2F"
        servers.management_url = f"http://{host}:{broker.get_exposed_port(15672)}"
        servers.management.wait(timeout_seconds=90)
        greet(host, port)


async def template_of(servers: Servers, service: str) -> str:
    """The name of a database with the service's newest schema, made once per session whoever asks first."""
    name = f"template_{service}_{RUN}"
    connection = await asyncpg.connect(servers.database_url)
    try:
        await connection.execute("SELECT pg_advisory_lock(hashtext($1))", name)
        if not await connection.fetchval("SELECT datistemplate FROM pg_database WHERE datname = $1", name):
            role = f"{service}_{RUN}"
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}"')  # its migration failed for another process
            await provide_database(servers.database_url, database=name, role=role, password=PASSWORD)
            await upgrade(servers.database(name, role=role), service)
            await connection.execute(f'ALTER DATABASE "{name}" IS_TEMPLATE true')
    finally:
        await connection.close()
    return name


async def clone(servers: Servers, service: str) -> str:
    """A fresh database of the service; returns its URL, as the service's own role (which is no superuser)."""
    template, name = await template_of(servers, service), f"test_{service}_{RUN}_{os.urandom(4).hex()}"
    role = f"{service}_{RUN}"
    connection = await asyncpg.connect(servers.database_url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER "{role}"')
    finally:
        await connection.close()
    return servers.database(name, role=role)


def patient(url: str, service: str, pool_size: int = 10) -> Database:
    """Its database as tests use it: a hundred at once wait for one another, and on a slow machine long; no test fails
    because of that.
    """
    return Database(url, service=service, pool_size=pool_size, connection_timeout_seconds=60, lock_timeout_seconds=60)


async def drop(servers: Servers, url: str) -> None:
    """Drop a database that `clone` made, whoever is still connected."""
    connection = await asyncpg.connect(servers.database_url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')
    finally:
        await connection.close()


async def _sweep(servers: Servers) -> None:
    """Remove what this run created on a PostgreSQL that outlives it."""
    connection = await asyncpg.connect(servers.database_url)
    try:
        for (name,) in await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE $1", f"%\\_{RUN}%"):
            await connection.execute(f'ALTER DATABASE "{name}" IS_TEMPLATE false')
            await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        for (role,) in await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE $1", f"%\\_{RUN}"):
            await connection.execute(f'DROP ROLE "{role}"')
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vhost:
    """A virtual host with the topology and the rights of every user.

    `url("points")` is the AMQP URL of that service's (or publisher's) user; `url("operator")` of the administrator.
    """

    name: str
    servers: Servers

    def url(self, user: str) -> str:
        return self.servers.broker(self.name, user)

    @property
    def management(self) -> Management:
        return self.servers.management


def create_vhost(servers: Servers, delays: dict[str, float] | None = None) -> Vhost:
    """`delays`: seconds of the retry queues by name (`10s`, `1m`, `10m`), for tests that cannot wait."""
    name = f"test-{RUN}-{os.urandom(4).hex()}"
    provide_broker(servers.management, name, dict.fromkeys(BROKER_USERS, PASSWORD), delays=delays)
    return Vhost(name=name, servers=servers)
