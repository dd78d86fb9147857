"""The outbox reaches the broker: in order, only what is confirmed goes, whatever happens in between."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from common.messaging import topology
from common.messaging.channel import BatchChannel, BatchConnection, Message
from common.messaging.relay import RefusedError, Relay
from common.storage.database import Database
from common.storage.outbox import Outgoing, insert
from tests.common.messaging.conftest import Bench, earned, purchase, until
from tests.faults.proxy import proxied

OUTBOX = "SELECT count(*) FROM outbox"


async def emit(bench: Bench, *orders: str) -> list[str]:
    """One transaction; the ids of its events."""
    async with bench.database.transaction() as tx:
        return [tx.emit(earned(purchase(order))) for order in orders]


def ids(messages: Sequence[Any]) -> list[str]:
    return [orjson.loads(one.body)["id"] for one in messages]


@asynccontextmanager
async def channel_of(url: str) -> AsyncIterator[BatchChannel]:
    async with BatchConnection(url, name="test relay") as connection:
        yield await connection.channel(confirms=True)


@asynccontextmanager
async def running(url: str, database: Database) -> AsyncIterator[Relay]:
    relay, stop = Relay(url, database), asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    try:
        yield relay
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


async def test_events_go_out_in_the_order_in_which_they_were_emitted(bench: Bench) -> None:
    wanted = [one for n in range(4) for one in await emit(bench, *(f"o{n}-{m}" for m in range(400)))]
    async with bench.relaying():
        await until(lambda: _empty(bench))
    assert ids(await bench.messages("notify.main", 1600)) == wanted


async def test_a_message_is_persistent_json_with_its_trace(bench: Bench) -> None:
    await emit(bench, "o1")
    async with bench.relaying():
        (message,) = await bench.messages("notify.main", 1)
    body = orjson.loads(message.body)
    assert message.content_type == "application/cloudevents+json"
    assert (body["type"], body["subject"], body["source"]) == ("points.earned.v1", "o1", "//loyalty/points")
    assert len(body["traceparent"]) == 55


async def test_an_event_emitted_while_the_relay_sleeps_wakes_it(bench: Bench) -> None:
    async with bench.relaying() as relay:
        await until(lambda: relay.running)
        await asyncio.sleep(1.5)  # it polls every half second by now
        took = []
        for n in range(5):
            began = time.monotonic()
            await emit(bench, f"o{n}")
            await until(lambda: _empty(bench))
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.5)
    assert min(took) < 0.2


async def test_a_row_that_commits_late_is_not_skipped(bench: Bench) -> None:
    async with bench.relaying(), bench.database.transaction() as late:
        late.emit(earned(purchase("late")))
        await late.flush()
        await emit(bench, "early")
        assert ids(await bench.messages("notify.main", 1))
    async with bench.relaying():
        (message,) = await bench.messages("notify.main", 1)
    assert orjson.loads(message.body)["subject"] == "late"


async def test_killed_between_confirmation_and_commit_the_same_events_go_out_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = await emit(bench, *(f"o{n}" for n in range(50)))
    relay = Relay(bench.vhost.url("points"), bench.database)

    async def confirmed_then_killed(self: BatchChannel, messages: Sequence[Message]) -> dict[int, str]:
        assert await original(self, messages) == {}
        raise asyncio.CancelledError

    async with channel_of(bench.vhost.url("points")) as channel:
        original = BatchChannel.publish_batch
        with monkeypatch.context() as patch:
            patch.setattr(BatchChannel, "publish_batch", confirmed_then_killed)
            with pytest.raises(asyncio.CancelledError):
                await relay.publish_some(channel)
        assert await bench.value(OUTBOX) == 50
        assert await relay.publish_some(channel) == 50
    assert Counter(ids(await bench.messages("notify.main", 100))) == dict.fromkeys(wanted, 2)


async def test_what_the_broker_refuses_stays_and_goes_when_there_is_room(bench: Bench) -> None:
    full: dict[str, Any] = {"x-max-length": 1, "x-overflow": "reject-publish"}
    async with BatchConnection(bench.vhost.url("operator"), name="test") as connection:
        operator = await connection.channel()
        await operator.queue_declare("full", arguments=full)
        await operator.queue_bind("full", topology.EVENTS, "points.earned.v1")
        await emit(bench, *(f"o{n}" for n in range(10)))
        relay = Relay(bench.vhost.url("points"), bench.database)
        async with channel_of(bench.vhost.url("points")) as channel:
            with pytest.raises(RefusedError, match="refused by the broker"):
                await relay.publish_some(channel)
        assert await bench.value(OUTBOX) == 10
        async with bench.relaying() as running:
            await until(lambda: running.running)
            await asyncio.sleep(1)
            assert await bench.value(OUTBOX) == 10
            await operator.queue_delete("full")
            await until(lambda: _empty(bench))


async def test_a_key_that_nobody_hears_is_kept_in_ops_unrouted(bench: Bench) -> None:
    async with bench.database.transaction() as tx:
        tx.publish_again(Outgoing(routing_key="points.earned.v2", body=b"{}"))
    async with bench.relaying():
        await until(lambda: _empty(bench))
    (message,) = await bench.messages("ops.unrouted", 1)
    assert message.routing_key == "points.earned.v2"


async def test_while_the_broker_is_away_events_pile_up_and_later_all_go(bench: Bench) -> None:
    async with (
        proxied(bench.vhost.url("points")) as (proxy, url),
        running(url, bench.database) as relay,
    ):
        await until(lambda: relay.running)
        proxy.close()
        await until(lambda: not relay.running)
        wanted = [one for n in range(20) for one in await emit(bench, *(f"o{n}-{m}" for m in range(10)))]
        assert await bench.value(OUTBOX) == 200
        await proxy.open()
        await until(lambda: _empty(bench), seconds=60)
    assert ids(await bench.messages("notify.main", 200)) == wanted


async def test_a_frozen_link_is_noticed_and_nothing_is_lost(bench: Bench) -> None:
    async with (
        proxied(bench.vhost.url("points"), "heartbeat=2") as (proxy, url),
        running(url, bench.database) as relay,
    ):
        await until(lambda: relay.running)
        proxy.freeze()
        wanted = await emit(bench, *(f"o{n}" for n in range(20)))
        await until(lambda: not relay.running, seconds=30)
        assert await bench.value(OUTBOX) == 20
        proxy.thaw()
        await until(lambda: _empty(bench), seconds=60)
    count = await ready(bench, "notify.main")  # what the frozen link still held may come out twice
    assert set(ids(await bench.messages("notify.main", count))) == set(wanted)


async def test_two_relays_share_the_work_without_doubling(bench: Bench) -> None:
    wanted = await emit(bench, *(f"o{n}" for n in range(3000)))
    async with bench.relaying(), bench.relaying():
        await until(lambda: _empty(bench))
    assert sorted(ids(await drained(bench, "notify.main", 3000))) == sorted(wanted)


@pytest.mark.slow
async def test_a_hundred_thousand_rows_drain(bench: Bench) -> None:
    outgoing = [Outgoing(routing_key="points.earned.v1", body=b'{"n":%d}' % n) for n in range(100_000)]
    async with bench.database.engine.begin() as connection:
        for at in range(0, len(outgoing), 5000):
            await insert(connection, outgoing[at : at + 5000], datetime.now(UTC))
    async with bench.relaying():
        await until(lambda: _empty(bench), seconds=180)
    numbers = [orjson.loads(one.body)["n"] for one in await drained(bench, "notify.main", 100_000)]
    assert numbers == list(range(100_000))


async def drained(bench: Bench, queue: str, count: int) -> list[Any]:
    """`count` messages, acknowledged as they come: a quorum queue hands out 2,000 at most before that."""
    taken: list[Any] = []
    async with BatchConnection(bench.vhost.url("operator"), name="test") as connection:
        channel = await connection.channel()
        await channel.consume(queue, prefetch=2000)
        async with asyncio.timeout(120):
            while len(taken) < count:
                channel.arrived.clear()
                if not channel.buffer:
                    await channel.arrived.wait()
                while channel.buffer:
                    taken.append(channel.buffer.popleft())
                await channel.basic_ack(taken[-1].tag, multiple=True)
    return taken


async def _empty(bench: Bench) -> bool:
    return bool(await bench.value(OUTBOX) == 0)


async def ready(bench: Bench, queue: str) -> int:
    async with BatchConnection(bench.vhost.url("operator"), name="test") as connection:
        channel = await connection.channel()
        return int((await channel.queue_declare(queue, passive=True)).message_count or 0)
