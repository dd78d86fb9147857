"""The servers that everything is measured on: given ones, or a private PostgreSQL (with fsync) and RabbitMQ."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from stack.management import Management
from stack.packages import require
from stack.ports import Ports
from stack.postgres import Postgres
from stack.rabbitmq import RabbitMQ, RabbitPorts

PASSWORD = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """URLs are an administrator's."""

    database_url: str
    rabbitmq_url: str
    management: Management
    versions: str

    def database(self, name: str, role: str) -> str:
        server = urlsplit(self.database_url)
        return urlunsplit((server.scheme, f"{role}:{PASSWORD}@{server.netloc.rpartition('@')[2]}", f"/{name}", "", ""))

    def broker(self, vhost: str, user: str) -> str:
        server = urlsplit(self.rabbitmq_url)
        netloc = server.netloc if user == "operator" else f"{user}:{PASSWORD}@{server.netloc.rpartition('@')[2]}"
        return f"amqp://{netloc}/{quote(vhost, safe='')}"


@contextmanager
def servers() -> Iterator[Servers]:
    """Those of the `TEST_…_URL` settings where all three are set, else private ones."""
    given = [os.environ.get(f"TEST_{name}_URL", "") for name in ("DATABASE", "RABBITMQ", "RABBITMQ_MANAGEMENT")]
    if all(given):
        database_url, rabbitmq_url, management_url = given
        broker_user = urlsplit(rabbitmq_url)
        yield Servers(
            database_url=database_url,
            rabbitmq_url=rabbitmq_url,
            management=Management(management_url, broker_user.username or "", broker_user.password or ""),
            versions="given servers",
        )
        return
    require()
    with ExitStack() as cleanup:
        folder = Path(tempfile.mkdtemp(prefix="loyalty-bench-"))
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        pids, ports = folder / "pids", Ports()
        pids.mkdir()
        postgres = Postgres(
            folder=folder / "postgres", pids=pids, log=folder / "postgres.log", port=ports.pick(), password=PASSWORD
        )
        broker = RabbitMQ(
            folder=folder / "rabbitmq",
            pids=pids,
            log=folder / "rabbitmq.log",
            ports=RabbitPorts.pick(ports),
            password=PASSWORD,
        )
        cleanup.callback(broker.remove)
        broker.launch()
        cleanup.callback(postgres.remove)
        postgres.launch()
        versions = f"PostgreSQL {postgres.wait()}, RabbitMQ {broker.wait()}"
        yield Servers(
            database_url=postgres.url(),
            rabbitmq_url=f"amqp://operator:{PASSWORD}@127.0.0.1:{broker.ports.amqp}/loyalty",
            management=broker.management,
            versions=versions,
        )
