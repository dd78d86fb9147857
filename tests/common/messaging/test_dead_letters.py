"""A message that could not be handled is kept, whatever is wrong with it, and kept once."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from aiormq.abc import ChannelFrame

from common.messaging import dead, dead_letters_store
from common.messaging.channel import BatchConnection, Message, frames_of
from common.messaging.dead_letters import LETTER_ID, letter_of
from common.messaging.frames import Delivery
from common.runtime import metrics, watch
from tests.common.messaging.conftest import Bench, Echo, envelope_of, purchase, until
from tests.common.messaging.letters import (
    count_is,
    draining,
    effects_are,
    letters,
    message,
    set_aside,
)


async def test_a_dead_letter_says_what_when_and_why(bench: Bench) -> None:
    bench.echo = Echo(behave=lambda event: dead(event, "currency_mismatch", "The programme counts in CNY."))
    body = envelope_of(purchase("o1"))
    await bench.publish(body)
    async with bench.running(), draining(bench):
        await until(lambda: letters(bench.database))
        await bench.queue_is("points.dlq", ready=0)
    (letter,) = await letters(bench.database)
    assert (letter.source, letter.event_id, letter.type) == ("//till", "e-o1", "purchase.completed.v1")
    assert (letter.error_type, letter.error_message) == ("currency_mismatch", "The programme counts in CNY.")
    assert (letter.state, letter.attempts, letter.replays) == ("new", 1, 0)
    assert (letter.routing_key, letter.body, letter.trace_id) == ("purchase.completed.v1", body, "a" * 32)
    assert letter.first_failed_at is not None


@pytest.mark.parametrize("body", [b"not json", b"\xff\x00\xfe", b"", b"[1, 2]", b'{"specversion": "1.0"}'])
async def test_what_nobody_can_read_is_a_dead_letter_too(bench: Bench, body: bytes) -> None:
    await bench.publish(body)
    async with bench.running(), draining(bench):
        await until(lambda: letters(bench.database))
    (letter,) = await letters(bench.database)
    assert (letter.body, letter.source, letter.event_id) == (body, "", "")
    assert letter.error_type in {"not_json", "not_a_cloudevent"}


async def test_the_same_letter_taken_twice_is_one_row(bench: Bench) -> None:
    once = message(envelope_of(purchase("o1")), loyalty_error_type="x", loyalty_first_failed_at="2026-01-02T03:04:05Z")
    await set_aside(bench, once, once)
    async with draining(bench):
        await bench.queue_is("points.dlq", ready=0)
    await set_aside(bench, once)
    async with draining(bench):
        await bench.queue_is("points.dlq", ready=0)
    assert len(await letters(bench.database)) == 1


async def test_two_unreadable_messages_that_look_the_same_are_two_rows(bench: Bench) -> None:
    await bench.publish(b"garbage")
    async with bench.running(), draining(bench):
        await until(lambda: letters(bench.database))
        await asyncio.sleep(0.01)
        await bench.publish(b"garbage")
        await until(lambda: count_is(bench, 2))


async def test_a_drainer_killed_between_commit_and_acknowledgement_loses_and_doubles_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_aside(bench, *(message(envelope_of(purchase(f"o{n}")), loyalty_error_type="x") for n in range(250)))
    commits = 0
    add = dead_letters_store.add

    async def dies_after_commit(tx: Any, some: Any) -> int:
        nonlocal commits
        commits += 1
        written = await add(tx, some)
        if commits == 1:
            await tx.flush()
            await tx.connection.commit()
            raise OSError("killed here")
        return written

    monkeypatch.setattr(dead_letters_store, "add", dies_after_commit)
    async with draining(bench):
        await bench.queue_is("points.dlq", ready=0)
        await until(lambda: count_is(bench, 250))


async def test_letters_stay_in_their_queue_while_the_database_is_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_aside(bench, message(envelope_of(purchase("o1")), loyalty_error_type="x"))
    away = True
    add = dead_letters_store.add

    async def sometimes(tx: Any, some: Any) -> int:
        if away:
            raise OSError("database is away")
        return await add(tx, some)

    monkeypatch.setattr(dead_letters_store, "add", sometimes)
    async with draining(bench):
        await asyncio.sleep(0.5)
        assert await letters(bench.database) == []
        away = False
        await until(lambda: count_is(bench, 1))
        await bench.queue_is("points.dlq", ready=0)


async def test_looking_at_a_letter_thirty_times_does_not_lose_it(bench: Bench) -> None:
    await set_aside(bench, message(envelope_of(purchase("o1")), loyalty_error_type="x"))
    for _ in range(30):
        async with BatchConnection(bench.vhost.url("points"), name="looks") as connection:
            channel = await connection.channel()
            await channel.consume("points.dlq", prefetch=10)
            await asyncio.wait_for(channel.arrived.wait(), 20)
    async with draining(bench):
        await until(lambda: count_is(bench, 1))


async def test_the_number_of_open_letters_is_a_metric(bench: Bench) -> None:
    await set_aside(bench, *(message(envelope_of(purchase(f"o{n}")), loyalty_error_type="x") for n in range(3)))
    async with draining(bench):
        await until(lambda: count_is(bench, 3))
    await watch.look(bench.database)
    assert 'loyalty_dead_letters_open{service="points"} 3.0' in metrics.exposition().decode()


async def test_a_message_over_the_delivery_limit_says_so() -> None:
    death = {"queue": "points.main", "reason": "delivery_limit", "routing-keys": ["purchase.completed.v1"], "count": 1}
    death["time"] = datetime(2026, 1, 2, tzinfo=UTC)
    letter = letter_of(
        Delivery(
            1,
            False,
            "points",
            "loyalty.dlx",
            "application/cloudevents+json",
            {"x-death": [death]},
            envelope_of(purchase("o1")),
        )
    )
    assert (letter.error_type, letter.routing_key, letter.first_failed_at) == (
        "delivery_limit",
        "purchase.completed.v1",
        datetime(2026, 1, 2, tzinfo=UTC),
    )
    assert "each time it was given" in letter.error_message


@pytest.mark.parametrize(
    "headers",
    [
        {"loyalty-attempt": "many", "loyalty-first-failed-at": "soon", "loyalty-replay": -5, LETTER_ID: "x"},
        {"x-death": "nonsense"},
        {"x-death": [{}]},
        {"ce-id": bytearray(b"\xff"), "ce-source": 7, "ce-type": None},
        {"nested": {"deep": [bytearray(b"\x00"), {"a\x00": "b\x00"}]}},
    ],
)
async def test_headers_from_anybody_do_not_stop_the_drainer(bench: Bench, headers: dict[str, Any]) -> None:
    odd = Message(exchange="loyalty.dlx", routing_key="points", body=b"{}", content_type="", headers=headers)
    await set_aside(bench, odd)
    async with draining(bench):
        await until(lambda: count_is(bench, 1))


async def send_bytes(bench: Bench, sent: Message, *, of: bytes) -> None:
    """Clients in other languages can send any bytes as text: "ABCD" becomes `of`."""
    async with BatchConnection(bench.vhost.url("demo-shop"), name="till") as connection:
        channel = await connection.channel()
        payload = frames_of(sent, 1, channel.number, 100_000).replace(b"ABCD", of)
        await channel.write_queue.put(ChannelFrame(payload=payload, should_close=False))
        await bench.queue_is("points.main", ready=1)


def to_points(body: bytes, content_type: str, headers: dict[str, Any] | None) -> Message:
    return Message(
        exchange="loyalty.events",
        routing_key="purchase.completed.v1",
        body=body,
        content_type=content_type,
        headers=headers,
    )


async def test_a_header_that_is_no_text_does_not_stop_the_consumer(bench: Bench) -> None:
    bench.echo = Echo(behave=lambda event: dead(event, "not_yet", ""))
    headers = {"shop": "ABCD", "nested": {"list": ["ABCD"]}}
    sent = to_points(envelope_of(purchase("o1")), "application/cloudevents+json", headers)
    await send_bytes(bench, sent, of=b"\xff\xfe\xfd\xfc")
    async with bench.running(), draining(bench):
        await until(lambda: count_is(bench, 1))
    (letter,) = await letters(bench.database)
    assert letter.headers["shop"] == "����"


@pytest.mark.parametrize("headers", [None, {"x": 1}])
async def test_properties_that_nobody_can_read_stop_neither_consumer_nor_drainer(
    bench: Bench, headers: dict[str, Any] | None
) -> None:
    """One sender's bad byte must not end the worker again and again."""
    await send_bytes(bench, to_points(b"not json", "ABCD", headers), of=b"\xff\xfe\xfd\xfc")
    async with bench.running(), draining(bench):
        await bench.publish(envelope_of(purchase("o2")))
        await until(lambda: effects_are(bench, 1))
        await until(lambda: count_is(bench, 1))
    assert (await letters(bench.database))[0].error_type == "not_json"
