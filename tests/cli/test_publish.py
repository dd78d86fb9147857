"""`loyalty publish` against a real broker, with a publisher's own restricted user."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aio_pika
import pytest
import typer
from aio_pika.abc import AbstractIncomingMessage
from typer.testing import CliRunner

from loyalty.publish import publish_file
from tests.servers import Vhost

HEADER = "no,kunde,tag,summe\n"
MAPPING = ["--map", "order_id=no,customer=kunde,occurred_at=tag,amount=summe", "--set", "currency=EUR"]
OPTIONS = [*MAPPING, "--source", "//till.test", "--time-zone", "Europe/Berlin"]
COMMAND = "import typer; from loyalty.publish import publish_file as f; a = typer.Typer(); a.command()(f); a()"

app = typer.Typer()
app.command()(publish_file)


def run(path: Path, vhost: Vhost, *options: str, user: str = "demo-shop") -> Any:
    arguments = [str(path), *OPTIONS, "--url", vhost.url(user), *options]
    return CliRunner().invoke(app, arguments, terminal_width=200)


async def publish(path: Path, vhost: Vhost, *options: str, user: str = "demo-shop") -> Any:
    return await asyncio.to_thread(run, path, vhost, *options, user=user)


def purchases(path: Path, count: int) -> Path:
    path.write_text(HEADER + "".join(f"E{n},{n % 97},2024-03-01,{n}.50\n" for n in range(1, count + 1)))
    return path


async def arrived(vhost: Vhost, queue: str = "members.main", *, expected: int) -> list[dict[str, Any]]:
    """Takes all messages out of a queue, as the service would, and waits a little for more than there should be."""
    found: list[dict[str, Any]] = []

    async def take(message: AbstractIncomingMessage) -> None:
        assert message.content_type == "application/cloudevents+json"
        assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
        found.append(json.loads(message.body))

    connection = await aio_pika.connect(vhost.url("operator"))
    async with connection:
        channel = await connection.channel()
        await (await channel.get_queue(queue)).consume(take, no_ack=True)
        deadline, known = time.monotonic() + 30, -1
        while time.monotonic() < deadline and (len(found) < expected or known != len(found)):
            known = len(found)
            await asyncio.sleep(0.2)
    return found


async def test_purchases_arrive_whole_as_cloudevents(vhost: Vhost, tmp_path: Path) -> None:
    done = await publish(purchases(tmp_path / "buys.csv", 3), vhost)
    assert done.exit_code == 0, done.output
    first, *_ = events = await arrived(vhost, expected=3)
    assert len(events) == 3
    assert first["data"] == {
        "order_id": "E1",
        "occurred_at": "2024-03-01T11:00:00Z",
        "currency": "EUR",
        "amount": 150,
        "customer": {"external_id": "1"},
    }
    assert (first["specversion"], first["type"], first["source"]) == ("1.0", "purchase.submitted.v1", "//till.test")


async def test_running_again_sends_nothing_and_says_so(vhost: Vhost, tmp_path: Path) -> None:
    path = purchases(tmp_path / "buys.csv", 5)
    await publish(path, vhost)
    again = await publish(path, vhost)
    assert again.exit_code == 0
    assert "nothing to do: all 5 were published before" in again.output
    assert len(await arrived(vhost, expected=5)) == 5
    forced = await publish(path, vhost, "--again")
    assert "5 published" in forced.output


async def test_bad_lines_are_kept_with_their_reason_and_the_rest_is_published(vhost: Vhost, tmp_path: Path) -> None:
    path = purchases(tmp_path / "buys.csv", 4)
    path.write_text(path.read_text() + "E5,5,2024-13-01,5.00\nE6,6,2024-03-01,5.001\n")
    done = await publish(path, vhost)
    assert done.exit_code == 1, done.output
    assert len(await arrived(vhost, expected=4)) == 4
    assert (tmp_path / "buys.rejected.csv").read_text("utf-8-sig").splitlines() == [
        "no,kunde,tag,summe,rejected_line,rejected_column,rejected_reason",
        "E5,5,2024-13-01,5.00,6,tag,'2024-13-01' is not a time as iso",
        "E6,6,2024-03-01,5.001,7,summe,'5.001' has too many decimals (EUR has 2)",
    ]
    (tmp_path / "buys.rejected.csv").write_text(
        (tmp_path / "buys.rejected.csv")
        .read_text("utf-8-sig")
        .replace("2024-13-01", "2024-12-01")
        .replace("5.001", "5")
    )
    repaired = await publish(tmp_path / "buys.rejected.csv", vhost)
    assert repaired.exit_code == 0, repaired.output
    assert {event["data"]["order_id"] for event in await arrived(vhost, expected=2)} == {"E5", "E6"}


async def test_dry_run_sends_nothing(vhost: Vhost, tmp_path: Path) -> None:
    done = await publish(purchases(tmp_path / "buys.csv", 3), vhost, "--dry-run")
    assert done.exit_code == 0
    assert "3 could be published; nothing was sent" in done.output
    assert await arrived(vhost, expected=0) == []
    assert not (tmp_path / "buys.csv.published.json").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--delimiter", ";;"], "--delimiter is one sign"),
        (["--kind", "gifts"], "--kind is one of purchases, returns"),
        (["--time-of-day", "noon"], "--time-of-day 'noon'"),
        (["--time-zone", "Shanghai"], "--time-zone 'Shanghai'"),
        (["--decimal-mark", "'"], "--decimal-mark is '.' or ','"),
        (["--encoding", "utf-9"], "there is no encoding 'utf-9'"),
        (["--source", ""], "--source has 1 to 200 characters"),
        (["--set", "currency=RMB"], "is not an ISO 4217 currency code"),
        (["--map", "colour=no"], "there is no field 'colour'"),
    ],
)
def test_wrong_options_are_named_and_nothing_is_sent(tmp_path: Path, options: list[str], words: str) -> None:
    path = purchases(tmp_path / "buys.csv", 1)
    given = [str(path), "--source", "//till.test", *MAPPING[:2], *options, "--url", "amqp://127.0.0.1:9/"]
    done = CliRunner().invoke(app, given, terminal_width=200)
    assert done.exit_code == 2
    assert words in done.output.replace("\n", " ")


async def test_killed_in_the_middle_it_takes_up_where_it_stopped(vhost: Vhost, tmp_path: Path) -> None:
    count = 12_000
    path, state = purchases(tmp_path / "buys.csv", count), tmp_path / "buys.csv.published.json"
    path.write_text(path.read_text() + "bad,1,never,1\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMAND, str(path), *OPTIONS, "--window", "200"),
        env=os.environ | {"RABBITMQ_URL": vhost.url("demo-shop")},
        stdout=subprocess.DEVNULL,
    )
    await asyncio.to_thread(wait_for, state)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    known = json.loads(state.read_text())
    assert 0 < known["records"] < count
    assert not known["finished"]

    done = await publish(path, vhost, "--window", "200")
    assert done.exit_code == 1, done.output
    assert f"taking up after {known['records']:,} records" in done.output
    times = Counter(event["id"] for event in await arrived(vhost, expected=count))
    assert len(times) == count, "nothing is lost"
    assert times.total() < count + known["records"], "what was known as done was not sent again"
    assert (tmp_path / "buys.rejected.csv").read_text("utf-8-sig").count("bad,") == 1


async def test_a_user_who_may_not_publish_is_told_so_and_nothing_counts_as_done(vhost: Vhost, tmp_path: Path) -> None:
    path = purchases(tmp_path / "buys.csv", 2000)
    done = await publish(path, vhost, user="notify")
    assert done.exit_code == 3, done.output
    assert "may not publish this to loyalty.events" in done.output
    assert "0 are published and confirmed" in done.output
    assert await arrived(vhost, expected=0) == []
    assert json.loads((tmp_path / "buys.csv.published.json").read_text())["records"] == 0


async def test_wrong_password_and_wrong_host_are_told_apart(vhost: Vhost, tmp_path: Path) -> None:
    path = purchases(tmp_path / "buys.csv", 1)
    wrong = await asyncio.to_thread(
        CliRunner().invoke, app, [str(path), *OPTIONS, "--url", vhost.url("demo-shop").replace(":test@", ":no@")]
    )
    assert wrong.exit_code == 3
    assert "wrong user or password" in wrong.output
    nowhere = await asyncio.to_thread(
        CliRunner().invoke, app, [str(path), *OPTIONS, "--url", "amqp://demo-shop:test@127.0.0.1:9/x"]
    )
    assert nowhere.exit_code == 3
    assert "cannot be reached" in nowhere.output


async def test_an_event_that_nobody_hears_is_not_counted_as_done(vhost: Vhost, tmp_path: Path) -> None:
    connection = await aio_pika.connect(vhost.url("operator"))
    async with connection:
        channel = await connection.channel()
        await channel.exchange_delete("loyalty.events")
        await channel.declare_exchange("loyalty.events", "topic", durable=True)
    path = purchases(tmp_path / "buys.csv", 10)
    done = await publish(path, vhost)
    assert done.exit_code == 3, done.output
    assert "no queue hears its type" in done.output
    assert "0 are published" in done.output


async def test_a_full_queue_is_waited_for(vhost: Vhost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty.publish_wire.PAUSES_SECONDS", (0.2,) * 50)
    limit = {"pattern": "^members.main$", "definition": {"max-length": 5}, "apply-to": "queues"}
    vhost.management.put(f"/api/policies/{vhost.name}/full", limit)
    await asyncio.sleep(0.5)
    sending = asyncio.create_task(publish(purchases(tmp_path / "buys.csv", 60), vhost, "--window", "10"))
    await asyncio.sleep(1)
    assert not sending.done()
    vhost.management.delete(f"/api/policies/{vhost.name}/full")
    done = await sending
    assert done.exit_code == 0, done.output
    assert "a queue is full" in done.output
    assert len({event["id"] for event in await arrived(vhost, expected=60)}) == 60


async def test_a_lost_connection_is_made_again_and_nothing_is_lost(
    vhost: Vhost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loyalty.publish_wire.PAUSES_SECONDS", (0.1,) * 50)
    sending = asyncio.create_task(publish(purchases(tmp_path / "buys.csv", 20_000), vhost, "--window", "100"))
    state = tmp_path / "buys.csv.published.json"
    await asyncio.to_thread(wait_for, state)
    await close_connections(vhost)
    done = await sending
    assert done.exit_code == 0, done.output
    assert "trying again" in done.output
    assert len({event["id"] for event in await arrived(vhost, expected=20_000)}) == 20_000


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not path.exists():
        time.sleep(0.01)


async def close_connections(vhost: Vhost) -> None:
    """Ends the publisher's connection from the broker's side as soon as the management knows of it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        known = await asyncio.to_thread(vhost.management.get, f"/api/vhosts/{vhost.name}/connections")
        for connection in known:
            if connection["user"] == "demo-shop":
                await asyncio.to_thread(vhost.management.delete, f"/api/connections/{quote(connection['name'])}")
                return
        await asyncio.sleep(0.2)
    raise AssertionError("the publisher's connection was never seen")
