"""Every purchase takes effect once, whatever comes, and what cannot be handled is set aside with the reason."""

import asyncio

import orjson
import pytest

from common.events import Event
from common.events.purchases import PurchaseCompleted
from common.messaging import Outcome, dead, duplicate, retry
from tests.common.messaging.conftest import Bench, Echo, envelope_of, purchase, until


async def test_every_purchase_takes_effect_once(bench: Bench) -> None:
    orders = [f"o{n}" for n in range(1200)]
    await bench.publish(*(envelope_of(purchase(order)) for order in orders))
    async with bench.running(batch_size=100):
        await until(lambda: _count(bench, 1200))
        await bench.queue_is("points.main", ready=0)
    assert set((await bench.effects()).values()) == {1}


async def test_the_same_event_again_has_no_effect_and_is_counted(bench: Bench) -> None:
    body = envelope_of(purchase("o1"))
    await bench.publish(body, body, envelope_of(purchase("o2")))
    async with bench.running():
        await until(lambda: _count(bench, 2))
        await bench.publish(body)
        await until(lambda: _value_is(bench, "SELECT sum(count) FROM duplicates", 2))
    assert await bench.effects() == {"o1": 1, "o2": 1}


async def test_the_same_id_with_another_body_is_set_aside(bench: Bench) -> None:
    async with bench.running():
        await bench.publish(envelope_of(purchase("o1")))
        await until(lambda: _count(bench, 1))
        await bench.publish(envelope_of(purchase("o1", amount=999)))
        (letter,) = await bench.messages("points.dlq", 1)
    assert letter.headers["loyalty-error-type"] == "event_id_reused"
    assert orjson.loads(letter.body)["data"]["amount"] == 999
    assert await bench.effects() == {"o1": 1}


@pytest.mark.parametrize(
    ("body", "reason", "says"),
    [
        (b"not json", "not_json", "not JSON"),
        (b"[1, 2]", "not_a_cloudevent", "specversion"),
        (b'{"specversion":"0.3","id":"1","source":"s","type":"purchase.completed.v1"}', "not_a_cloudevent", "0.3"),
        (b'{"specversion":"1.0","id":"1","type":"purchase.completed.v1"}', "not_a_cloudevent", "source"),
        (
            b'{"specversion":"1.0","id":"1","source":"s","type":"purchase.completed.v9","data":{}}',
            "unknown_version",
            "v1",
        ),
        (b'{"specversion":"1.0","id":"1","source":"s","type":"cat.fed.v1","data":{}}', "unknown_type", "cat.fed.v1"),
        (
            b'{"specversion":"1.0","id":"1","source":"s","type":"purchase.completed.v1","data":{"amount":-1}}',
            "invalid_data",
            "amount: Input should be greater than or equal to 0",
        ),
        (b" " * (10 * 1024 * 1024), "too_large", "10485760 bytes"),
    ],
    ids=["not json", "no envelope", "old envelope", "no source", "version", "type", "negative amount", "10 MB"],
)
async def test_a_message_nobody_can_read_is_set_aside_with_the_reason(
    bench: Bench, body: bytes, reason: str, says: str
) -> None:
    async with bench.running():
        await bench.publish(body, envelope_of(purchase("good")))
        (letter,) = await bench.messages("points.dlq", 1)
        await until(lambda: _count(bench, 1))
    assert letter.body == body
    assert letter.headers["loyalty-error-type"] == reason
    assert says in letter.headers["loyalty-error-message"]


async def test_binary_mode_is_understood(bench: Bench) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "b1", "ce-source": "//till", "ce-type": "purchase.completed.v1"}
    async with bench.running():
        await bench.publish(purchase("o1").model_dump_json().encode(), headers=headers)
        await until(lambda: _count(bench, 1))


async def test_a_retried_event_comes_back_to_this_service_alone_until_it_goes_well(bench: Bench) -> None:
    attempts: list[int] = []

    def not_yet(event: Event[PurchaseCompleted]) -> Outcome | None:
        attempts.append(event.attempt)
        return retry(event, "unknown_member") if event.attempt < 3 else None

    bench.echo = Echo(behave=not_yet)
    async with bench.running():
        await bench.publish(envelope_of(purchase("o1")))
        await until(lambda: _count(bench, 1))
    assert attempts == [1, 2, 3]
    await bench.queue_is("analytics.main", ready=1)


async def test_after_its_last_try_an_event_is_dead_with_its_story(bench: Bench) -> None:
    bench.echo = Echo(behave=lambda event: retry(event, "unknown_member", "There is no such member."))
    async with bench.running():
        await bench.publish(envelope_of(purchase("o1")))
        (letter,) = await bench.messages("points.dlq", 1)
    assert letter.headers["loyalty-attempt"] == 4
    assert letter.headers["loyalty-error-type"] == "unknown_member"
    assert letter.headers["loyalty-error-message"] == "There is no such member."
    assert letter.headers["loyalty-routing-key"] == "purchase.completed.v1"
    assert await bench.value("SELECT count(*) FROM inbox") == 0


async def test_a_dead_event_leaves_no_trace_but_its_letter(bench: Bench) -> None:
    def refuse(event: Event[PurchaseCompleted]) -> Outcome | None:
        return dead(event, "currency_mismatch", "No.") if event.data.order_id == "bad" else None

    bench.echo = Echo(behave=refuse)
    async with bench.running():
        await bench.publish(envelope_of(purchase("bad")), envelope_of(purchase("good")))
        await bench.messages("points.dlq", 1)
        await until(lambda: _count(bench, 1))
    assert await bench.value("SELECT array_agg(event_id) FROM inbox") == ["e-good"]


@pytest.mark.parametrize("place", [0, 77, 199])
async def test_a_poison_event_is_found_wherever_it_stands_in_the_batch(bench: Bench, place: int) -> None:
    def poison(event: Event[PurchaseCompleted]) -> None:
        if event.data.order_id == f"o{place}":
            raise ZeroDivisionError("poison")

    bench.echo = Echo(behave=poison)
    await bench.publish(*(envelope_of(purchase(f"o{n}")) for n in range(200)))
    async with bench.running():
        (letter,) = await bench.messages("points.dlq", 1)
        await until(lambda: _count(bench, 199))
    assert letter.headers["loyalty-error-type"] == "ZeroDivisionError"
    assert set((await bench.effects()).values()) == {1}


async def test_a_handler_that_always_fails_stops_instead_of_emptying_the_queue(bench: Bench) -> None:
    def broken(event: Event[PurchaseCompleted]) -> None:
        raise RuntimeError("bad deploy")

    bench.echo = Echo(behave=broken)
    await bench.publish(*(envelope_of(purchase(f"o{n}")) for n in range(300)))
    async with bench.running() as consumer:
        await until(lambda: consumer.stopped_because)
        assert not consumer.running
    assert "50 events in a row failed" in consumer.stopped_because
    await bench.queue_is("points.main", ready=300)
    await bench.queue_is("points.dlq", ready=0)
    assert not await bench.effects()


async def test_a_natural_key_seen_before_is_counted_as_a_duplicate(bench: Bench) -> None:
    bench.echo = Echo(behave=lambda event: duplicate(event) if event.data.order_id == "old" else None)
    async with bench.running():
        await bench.publish(envelope_of(purchase("old")), envelope_of(purchase("new")))
        await until(lambda: _count(bench, 1))
    assert await bench.value("SELECT sum(count) FROM duplicates") == 1
    assert await bench.value("SELECT count(*) FROM inbox") == 2


async def test_stopping_finishes_the_batch_in_hand_and_leaves_the_rest(bench: Bench) -> None:
    await bench.publish(*(envelope_of(purchase(f"o{n}")) for n in range(500)))
    async with bench.running(batch_size=10, prefetch=50):
        await until(lambda: bench.echo.batches)
    done = len(await bench.effects())
    assert 0 < done < 500
    await bench.queue_is("points.main", ready=500 - done)


async def test_two_consumers_on_one_queue_share_the_work_without_doubling(bench: Bench) -> None:
    await bench.publish(*(envelope_of(purchase(f"o{n}")) for n in range(1000)))
    async with bench.running(batch_size=50, prefetch=100), bench.running(batch_size=50, prefetch=100):
        await until(lambda: _count(bench, 1000))
        await asyncio.sleep(0)
    assert set((await bench.effects()).values()) == {1}


async def _count(bench: Bench, wanted: int) -> bool:
    return sum((await bench.effects()).values()) == wanted


async def _value_is(bench: Bench, sql: str, wanted: int) -> bool:
    return bool(await bench.value(sql) == wanted)
