"""A dead letter is repaired, replayed, given up; whatever is done to it, it takes effect once."""

import orjson
import pytest

from common.messaging import dead, dead_letters_desk, dead_letters_store
from common.messaging.channel import BatchConnection, Message
from common.messaging.dead_letters import LETTER_ID, Stored, WrongBodyError
from common.messaging.dead_letters_store import Filter
from common.security.callers import Caller
from tests.common.messaging.conftest import Bench, Echo, envelope_of, purchase, until
from tests.common.messaging.letters import (
    EVERYTHING,
    count_is,
    draining,
    effects_are,
    letters,
    message,
    refuses_currency,
    set_aside,
    state_is,
)

OPERATOR = Caller(subject="staff:test", kind="staff", roles=frozenset({"operator"}), permissions=frozenset())


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
        await until(lambda: state_is(bench, "new", replays=1))
        assert await _ready(bench, "analytics.main") == before


async def _ready(bench: Bench, queue: str) -> int:
    async with BatchConnection(bench.vhost.url("operator"), name="test") as connection:
        channel = await connection.channel()
        return int((await channel.queue_declare(queue, passive=True)).message_count or 0)


async def test_a_replay_that_fails_again_opens_the_same_letter_again(bench: Bench) -> None:
    bench.echo = Echo(behave=lambda event: dead(event, "still_wrong", ""))
    await bench.publish(envelope_of(purchase("o1")))
    async with bench.running(), bench.relaying(), draining(bench):
        await until(lambda: letters(bench.database))
        await replay(bench, (await letters(bench.database))[0])
        await until(lambda: state_is(bench, "new", replays=1))
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
    assert await state_is(bench, "discarded", replays=0)
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
        await until(lambda: state_is(bench, "new", replays=0))


async def test_a_sender_cannot_hide_its_message_behind_somebody_elses_letter(bench: Bench) -> None:
    await set_aside(bench, message(envelope_of(purchase("o1")), loyalty_error_type="x"))
    async with draining(bench):
        await until(lambda: letters(bench.database))
        (letter,) = await letters(bench.database)
        claims = {LETTER_ID.replace("-", "_"): str(letter.id)}
        await set_aside(bench, message(envelope_of(purchase("o2")), loyalty_error_type="x", **claims))
        await until(lambda: count_is(bench, 2))


async def test_many_are_counted_first_and_replayed_then(bench: Bench) -> None:
    bench.echo = Echo(behave=refuses_currency)
    await set_aside(bench, *(message(envelope_of(purchase(f"o{n}")), loyalty_error_type="x") for n in range(30)))
    await set_aside(bench, *(message(envelope_of(purchase(f"p{n}")), loyalty_error_type="y") for n in range(5)))
    async with bench.running(), bench.relaying(), draining(bench):
        await until(lambda: count_is(bench, 35))
        async with bench.database.transaction() as tx:
            wanted = Filter(error_type="x")
            tried = await dead_letters_desk.replay_many(tx, "points", OPERATOR, wanted, "", dry_run=True, most=10)
        assert (tried.matched, tried.changed, len(tried.sample)) == (30, 0, 20)
        assert await bench.effects() == {}
        for changed in (20, 10, 0):
            async with bench.database.transaction() as tx:
                done = await dead_letters_desk.replay_many(tx, "points", OPERATOR, wanted, "", dry_run=False, most=20)
            assert done.changed == changed
        await until(lambda: effects_are(bench, 30))
    async with bench.database.transaction() as tx:
        found = [
            (row.error_type, row.state, row._mapping["count"])
            for row in await dead_letters_store.groups(tx, EVERYTHING)
        ]
        audited = await tx.fetch_value("SELECT count(*) FROM audit_log WHERE action = 'dead_letter.replayed'")
    assert found == [("x", "replayed", 30), ("y", "new", 5)]
    assert audited == 30
