"""Processes of a service: they start in any order, say whether they are ready, and stop without losing anything."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.runtime.migrate import run_migrate
from common.runtime.settings import ServiceSettings
from common.storage import Database, migrations
from tests.common.messaging.conftest import Bench, envelope_of, purchase, until
from tests.common.messaging.conftest import bench as bench
from tests.common.runtime.echo_service import SERVICE
from tests.servers import Vhost

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def url_of(database: Database) -> str:
    return database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


@dataclass
class Running:
    """A process of the echo service."""

    process: asyncio.subprocess.Process
    port: int
    output: bytes = b""

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    async def is_ready(self) -> bool:
        try:
            return (await self.get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def is_live(self) -> bool:
        try:
            return (await self.get("/health/live")).status_code == 200
        except httpx.TransportError:
            return False

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        out, _ = await asyncio.wait_for(self.process.communicate(), 30)
        self.output += out
        assert self.process.returncode is not None
        return self.process.returncode

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines() if line.startswith(b"{")]


@asynccontextmanager
async def started(command: str, **environment: str) -> AsyncIterator[Running]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.common.runtime.echo_service",
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "API_PORT": str(port), "METRICS_PORT": str(port), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = Running(process, port)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def worker(bench: Bench, **environment: str) -> Any:
    told = {"DATABASE_URL": url_of(bench.database), "RABBITMQ_URL": bench.vhost.url("points")}
    return started("worker", **(told | environment))


@pytest.fixture
async def bench_with_usual_delays(database: Database, make_vhost: Callable[..., Awaitable[Vhost]]) -> Bench:
    return Bench(database=database, vhost=await make_vhost())


async def test_a_worker_hears_ticks_reports_and_stops(bench_with_usual_delays: Bench) -> None:
    bench = bench_with_usual_delays
    async with worker(bench) as running:
        await until(running.is_ready)
        await bench.publish(*(envelope_of(purchase(f"o{n}")) for n in range(20)))
        await until(lambda: _effects(bench, 20))
        assert (await running.get("/health/live")).json() == {"status": "alive"}
        checks = (await running.get("/health/ready")).json()["checks"]
        assert checks == {"database": "ok", "relay": "ok", "consumer": "ok"}
        metrics = (await running.get("/metrics")).text
        assert 'loyalty_events_total{outcome="done",service="points",type="purchase.completed.v1"} 20.0' in metrics
        assert await running.end() == 0
    handled = [line for line in running.lines() if line["event"] == "handled"]
    assert len(handled) == 20
    assert {line["trace_id"] for line in handled} == {"a" * 32}
    assert await bench.value("SELECT count(*) > 0 FROM effects WHERE order_id = 'tick'")


async def _effects(bench: Bench, count: int) -> bool:
    return bool(await bench.value(f"SELECT count(*) = {count} FROM effects WHERE order_id <> 'tick'"))


async def test_a_worker_told_to_stop_finishes_the_batch_in_hand(bench_with_usual_delays: Bench) -> None:
    bench = bench_with_usual_delays
    async with worker(bench, ECHO_SLOW_SECONDS="1") as running:
        await until(running.is_ready)
        await bench.publish(envelope_of(purchase("o1")))
        assert running.process.stdout is not None
        while b"handling" not in (line := await running.process.stdout.readline()):
            running.output += line
        running.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.1)
        assert await running.end(signal.SIGTERM) == 0, "supervisors repeat themselves"
    assert await _effects(bench, 1)
    await bench.queue_is("points.main", ready=0)


async def test_why_an_event_was_set_aside_is_found_by_its_trace(bench_with_usual_delays: Bench) -> None:
    bench = bench_with_usual_delays
    async with worker(bench, ECHO_REFUSES="o2") as running:
        await until(running.is_ready)
        await bench.publish(envelope_of(purchase("o1")), envelope_of(purchase("o2")))
        await until(lambda: _dead_letters(bench, 1))
        assert await running.end() == 0
    (line,) = [line for line in running.lines() if line["event"] == "event set aside"]
    assert (line["trace_id"], line["subject"], line["reason"]) == ("a" * 32, "o2", "refused")
    (line,) = [line for line in running.lines() if line["event"] == "dead letter"]
    assert (line["trace_id"], line["subject"], line["error_type"]) == ("a" * 32, "o2", "refused")


async def _dead_letters(bench: Bench, count: int) -> bool:
    return bool(await bench.value(f"SELECT count(*) = {count} FROM dead_letters"))


async def test_a_worker_waits_for_servers_that_are_not_up_yet(database: Database) -> None:
    nowhere = f"amqp://points:test@127.0.0.1:{free_port()}/"
    async with started("worker", DATABASE_URL=url_of(database), RABBITMQ_URL=nowhere) as running:
        await until(running.is_live)
        answer = await running.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {
            "database": "ok",
            "relay": "not connected to the broker",
            "consumer": "not consuming",
        }
        assert await running.end(signal.SIGINT) == 0


async def test_an_api_starts_without_broker_and_before_its_database() -> None:
    nowhere = f"postgresql://points:test@127.0.0.1:{free_port()}/points"
    async with started("api", DATABASE_URL=nowhere) as running:
        await until(running.is_live)
        answer = await running.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "unready")
        assert (await running.get("/v1/effects/o1")).status_code == 401
        assert await running.end() == 0


async def test_an_api_answers_with_the_broker_down(database: Database) -> None:
    async with started("api", DATABASE_URL=url_of(database)) as running:
        await until(running.is_ready)
        assert "/v1/effects/{order_id}" in (await running.get("/openapi.json")).json()["paths"]
        assert await running.end() == 0
    assert [line["event"] for line in running.lines()][-1] == "api ended"


async def test_a_part_that_crashes_takes_the_process_with_it(bench_with_usual_delays: Bench) -> None:
    async with worker(bench_with_usual_delays, ECHO_LOOP="crash") as running:
        assert await running.ended() == 1
    (line,) = [line for line in running.lines() if line["event"] == "part ended by itself"]
    assert "echo_service" in line["part"] or "__main__" in line["part"]
    assert "the loop crashed" in line["exception"]


async def test_a_part_that_does_not_stop_is_named_and_ended(bench_with_usual_delays: Bench) -> None:
    async with worker(bench_with_usual_delays, ECHO_LOOP="stuck", SHUTDOWN_LIMIT_SECONDS="0.5") as running:
        await until(running.is_ready)
        assert await running.end() == 1
    assert any(line["event"] == "part did not stop in time" and "loop" in line["part"] for line in running.lines())


async def test_a_second_ctrl_c_ends_the_process_at_once(bench_with_usual_delays: Bench) -> None:
    async with worker(bench_with_usual_delays, ECHO_LOOP="stuck") as running:
        await until(running.is_ready)
        running.process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.3)
        assert await running.end(signal.SIGINT) == 130


async def test_wrong_settings_end_the_process_with_one_line() -> None:
    async with started("worker", DATABASE_URL="postgresql://u:hush@h/d") as running:
        assert await running.ended() == 2
    assert running.output.decode().splitlines() == ["settings: RABBITMQ_URL is missing"]


async def test_a_port_that_is_taken_is_said(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with started("api", DATABASE_URL=url_of(database), API_PORT=port) as running:
            assert await running.ended() == 1
    assert any("ddress already in use" in line.get("exception", "") for line in running.lines())


async def test_an_unknown_command_is_explained() -> None:
    async with started("dance") as running:
        assert await running.ended() == 2
    assert b"choose from" in running.output


async def test_migrate_upgrades_then_seeds_and_may_be_repeated(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgraded: list[str] = []

    async def upgrade(url: str, service: str) -> None:
        upgraded.append(service)

    monkeypatch.setattr(migrations, "upgrade", upgrade)
    monkeypatch.setenv("DATABASE_URL", url_of(database))
    settings = ServiceSettings()
    for _ in range(2):
        assert await run_migrate(SERVICE, settings, asyncio.Event()) == 0
    async with database.transaction() as tx:
        assert await tx.fetch_value("SELECT count(*) FROM effects WHERE order_id = 'seed'") == 1
    assert upgraded == ["points", "points"]
