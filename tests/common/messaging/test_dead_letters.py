"""A message that could not be handled is kept, can be repaired and replayed, and still takes effect once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from aiormq.abc import ChannelFrame

from common.messaging import dead, dead_letters_desk, dead_letters_store
from common.messaging.channel import BatchConnection, Message, frames_of
from common.messaging.dead_letters import LETTER_ID, Stored, WrongBodyError, letter_of
from common.messaging.dead_letters_store import Filter
from common.messaging.drainer import Drainer
from common.messaging.frames import Delivery
from common.runtime import metrics, watch
from common.security.callers import Caller
from common.storage import Database
from tests.common.messaging.conftest import Bench, Echo, envelope_of, purchase, until

OPERATOR = Caller(subject="staff:test", kind="staff", roles=frozenset({"operator"}), permissions=frozenset())
EVERYTHING = Filter()


@asynccontextmanager
async def draining(bench: Bench) -> AsyncIterator[Drainer]:
    drainer, stop = Drainer(bench.vhost.url("points"), bench.database), asyncio.Event()
    task = asyncio.create_task(drainer.run(stop))
    try:
        yield drainer
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def letters(database: Database, wanted: Filter = EVERYTHING) -> list[Stored]:
    async with database.transaction() as tx:
        return await dead_letters_store.find(tx, wanted, after=None, limit=500)


async def set_aside(bench: Bench, *messages: Message) -> None:
    """Straight into the dead-letter queue, as the service itself would."""
    async with BatchConnection(bench.vhost.url("points"), name="test") as connection:
        channel = await connection.channel(confirms=True)
        assert not await channel.publish_batch(messages)


def message(body: bytes, **headers: Any) -> Message:
    return Message(
        exchange="loyalty.dlx",
        routing_key="points",
        body=body,
        content_type="application/cloudevents+json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def refuses_currency(event: Any) -> Any:
    return dead(event, "currency_mismatch", "The programme counts in CNY.") if event.data.currency != "CNY" else None


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
        await until(lambda: _count(bench, 2))


async def _count(bench: Bench, count: int) -> bool:
    return len(await letters(bench.database)) == count


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
        await until(lambda: _count(bench, 250))


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
        await until(lambda: _count(bench, 1))
        await bench.queue_is("points.dlq", ready=0)


async def test_looking_at_a_letter_thirty_times_does_not_lose_it(bench: Bench) -> None:
    await set_aside(bench, message(envelope_of(purchase("o1")), loyalty_error_type="x"))
    for _ in range(30):
        async with BatchConnection(bench.vhost.url("points"), name="looks") as connection:
            channel = await connection.channel()
            await channel.consume("points.dlq", prefetch=10)
            await asyncio.wait_for(channel.arrived.wait(), 20)
    async with draining(bench):
        await until(lambda: _count(bench, 1))


async def replay(bench: Bench, letter: Stored) -> None:
    async with bench.database.transaction() as tx:
        await dead_letters_desk.replay(tx, "points", OPERATOR, letter.id, "rate fixed")


async def test_a_replay_takes_effect_once_however_often_it_is_done(bench: Bench) -> None:
    refuse = True
    bench.echo = Echo(behave=lambda event: dead(event, "not_yet", "") if refuse else None)
    await bench.publish(envelope_of(purchase("o1")))
    async with bench.running(), bench.relaying(), draining(bench):
        await until(lambda: letters(bench.database))
        refuse = False
        (letter,) = await letters(bench.database)
        for _ in range(3):
            await replay(bench, letter)
        await until(bench.effects)
        await bench.queue_is("points.main", ready=0)
        await until(lambda: _outbox_is_empty(bench))
        assert await bench.effects() == {"o1": 1}
    (letter,) = await letters(bench.database)
    assert (letter.state, letter.replays, letter.decided_by, letter.reason) == (
        "replayed",
        3,
        "staff:test",
        "rate fixed",
    )


async def _outbox_is_empty(bench: Bench) -> bool:
    return bool(await bench.value("SELECT count(*) = 0 FROM outbox"))


async def test_a_replay_goes_to_one_service_only(bench: Bench) -> None:
    bench.echo = Echo(behave=lambda event: dead(event, "not_yet", ""))
    await bench.publish(envelope_of(purchase("o1")))
    async with bench.running(), bench.relaying(), draining(bench):
        await until(lambda: letters(bench.database))
        before = await _ready(bench, "analytics.main")
        await replay(bench, (await letters(bench.database))[0])
        await until(lambda: _state_is(bench, "new", replays=1))
        assert await _ready(bench, "analytics.main") == before


async def _ready(bench: Bench, queue: str) -> int:
    async with BatchConnection(bench.vhost.url("operator"), name="test") as connection:
        channel = await connection.channel()
        return int((await channel.queue_declare(queue, passive=True)).message_count or 0)


async def _state_is(bench: Bench, state: str, *, replays: int) -> bool:
    return [(letter.state, letter.replays) for letter in await letters(bench.database)] == [(state, replays)]


async def test_a_replay_that_fails_again_opens_the_same_letter_again(bench: Bench) -> None:
    bench.echo = Echo(behave=lambda event: dead(event, "still_wrong", ""))
    await bench.publish(envelope_of(purchase("o1")))
    async with bench.running(), bench.relaying(), draining(bench):
        await until(lambda: letters(bench.database))
        await replay(bench, (await letters(bench.database))[0])
        await until(lambda: _state_is(bench, "new", replays=1))
    assert await bench.effects() == {}


async def test_a_repaired_letter_takes_effect_as_the_same_event(bench: Bench) -> None:
    bench.echo = Echo(behave=refuses_currency)
    broken = purchase("o1").model_copy(update={"currency": "USD"})
    await bench.publish(envelope_of(broken, event_id="e1"))
    async with bench.running(), bench.relaying(), draining(bench):
        await until(lambda: letters(bench.database))
        (letter,) = await letters(bench.database)
        repaired = orjson.loads(letter.body)
        repaired["data"]["currency"] = "CNY"
        async with bench.database.transaction() as tx:
            await dead_letters_desk.edit(tx, OPERATOR, letter.id, orjson.dumps(repaired))
        await replay(bench, letter)
        await until(bench.effects)
    (letter,) = await letters(bench.database)
    assert letter.body == envelope_of(broken, event_id="e1"), "the original is kept beside the edit"
    assert await bench.value("SELECT event_id FROM inbox") == "e1"


async def test_a_letter_in_binary_mode_is_replayed_in_binary_mode(bench: Bench) -> None:
    refuse = True
    bench.echo = Echo(behave=lambda event: dead(event, "not_yet", "") if refuse else None)
    headers = {"ce-specversion": "1.0", "ce-id": "b1", "ce-source": "//till", "ce-type": "purchase.completed.v1"}
    sent = Message(
        exchange="loyalty.events",
        routing_key="purchase.completed.v1",
        body=purchase("o1").model_dump_json().encode(),
        content_type="application/json",
        headers=headers,
    )
    async with BatchConnection(bench.vhost.url("demo-shop"), name="till") as connection:
        channel = await connection.channel(confirms=True)
        assert not await channel.publish_batch([sent])
    async with bench.running(), bench.relaying(), draining(bench):
        await until(lambda: letters(bench.database))
        refuse = False
        await replay(bench, (await letters(bench.database))[0])
        await until(bench.effects)
    assert await bench.value("SELECT event_id FROM inbox") == "b1"


async def test_an_edit_that_would_fail_again_is_refused(bench: Bench) -> None:
    good = orjson.loads(envelope_of(purchase("o1")))
    await set_aside(bench, message(envelope_of(purchase("o1")), loyalty_error_type="x"))
    async with draining(bench):
        await until(lambda: letters(bench.database))
    (letter,) = await letters(bench.database)
    for wrong, named in (
        (good | {"data": good["data"] | {"amount": -1}}, "amount"),
        (good | {"id": "another"}, "id"),
        (good | {"source": "//other"}, "source"),
        ({"no": "envelope"}, "specversion"),
    ):
        with pytest.raises(WrongBodyError, match=named):
            async with bench.database.transaction() as tx:
                await dead_letters_desk.edit(tx, OPERATOR, letter.id, orjson.dumps(wrong))
    assert (await letters(bench.database))[0].body_edited is None


async def test_what_was_given_up_stays_given_up(bench: Bench) -> None:
    once = message(envelope_of(purchase("o1")), loyalty_error_type="x", loyalty_first_failed_at="2026-01-02T03:04:05Z")
    await set_aside(bench, once)
    async with draining(bench):
        await until(lambda: letters(bench.database))
        (letter,) = await letters(bench.database)
        async with bench.database.transaction() as tx:
            await dead_letters_desk.discard(tx, OPERATOR, letter.id, "test data")
        await set_aside(bench, once)
        await bench.queue_is("points.dlq", ready=0)
    assert await _state_is(bench, "discarded", replays=0)
    for decide in (dead_letters_desk.discard, dead_letters_desk.park):
        with pytest.raises(dead_letters_desk.LetterDecidedError):
            async with bench.database.transaction() as tx:
                await decide(tx, OPERATOR, letter.id, "again")
    with pytest.raises(dead_letters_desk.LetterDecidedError):
        await replay(bench, letter)


async def test_the_sender_trying_again_after_it_was_given_up_is_seen(bench: Bench) -> None:
    once = envelope_of(purchase("o1"))
    await set_aside(bench, message(once, loyalty_error_type="x", loyalty_first_failed_at="2026-01-02T03:04:05Z"))
    async with draining(bench):
        await until(lambda: letters(bench.database))
        async with bench.database.transaction() as tx:
            await dead_letters_desk.discard(tx, OPERATOR, (await letters(bench.database))[0].id, "wrong")
        await set_aside(bench, message(once, loyalty_error_type="y", loyalty_first_failed_at="2100-01-02T03:04:05Z"))
        await until(lambda: _state_is(bench, "new", replays=0))


async def test_a_sender_cannot_hide_its_message_behind_somebody_elses_letter(bench: Bench) -> None:
    await set_aside(bench, message(envelope_of(purchase("o1")), loyalty_error_type="x"))
    async with draining(bench):
        await until(lambda: letters(bench.database))
        (letter,) = await letters(bench.database)
        claims = {LETTER_ID.replace("-", "_"): str(letter.id)}
        await set_aside(bench, message(envelope_of(purchase("o2")), loyalty_error_type="x", **claims))
        await until(lambda: _count(bench, 2))


async def test_many_are_counted_first_and_replayed_then(bench: Bench) -> None:
    bench.echo = Echo(behave=refuses_currency)
    await set_aside(bench, *(message(envelope_of(purchase(f"o{n}")), loyalty_error_type="x") for n in range(30)))
    await set_aside(bench, *(message(envelope_of(purchase(f"p{n}")), loyalty_error_type="y") for n in range(5)))
    async with bench.running(), bench.relaying(), draining(bench):
        await until(lambda: _count(bench, 35))
        async with bench.database.transaction() as tx:
            wanted = Filter(error_type="x")
            tried = await dead_letters_desk.replay_many(tx, "points", OPERATOR, wanted, "", dry_run=True, most=10)
        assert (tried.matched, tried.changed, len(tried.sample)) == (30, 0, 20)
        assert await bench.effects() == {}
        for changed in (20, 10, 0):
            async with bench.database.transaction() as tx:
                done = await dead_letters_desk.replay_many(tx, "points", OPERATOR, wanted, "", dry_run=False, most=20)
            assert done.changed == changed
        await until(lambda: _effects(bench, 30))
    async with bench.database.transaction() as tx:
        found = [
            (row.error_type, row.state, row._mapping["count"])
            for row in await dead_letters_store.groups(tx, EVERYTHING)
        ]
        audited = await tx.fetch_value("SELECT count(*) FROM audit_log WHERE action = 'dead_letter.replayed'")
    assert found == [("x", "replayed", 30), ("y", "new", 5)]
    assert audited == 30


async def _effects(bench: Bench, count: int) -> bool:
    return len(await bench.effects()) == count


async def test_the_number_of_open_letters_is_a_metric(bench: Bench) -> None:
    await set_aside(bench, *(message(envelope_of(purchase(f"o{n}")), loyalty_error_type="x") for n in range(3)))
    async with draining(bench):
        await until(lambda: _count(bench, 3))
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
        await until(lambda: _count(bench, 1))


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
        await until(lambda: _count(bench, 1))
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
        await until(lambda: _effects(bench, 1))
        await until(lambda: _count(bench, 1))
    assert (await letters(bench.database))[0].error_type == "not_json"
