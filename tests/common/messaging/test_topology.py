"""Exchanges, queues and bindings are on the broker as they are written down, whoever declares them."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiormq
import pytest

from common.events.registry import SUBSCRIBERS
from common.messaging import topology
from stack.provision import provide_broker
from tests.servers import Vhost

SERVICES = sorted(SUBSCRIBERS)
RETRIES = {"10s": 10_000, "1m": 60_000, "10m": 600_000}
WHOLE = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}


def on_broker(vhost: Vhost) -> dict[str, Any]:
    exported: dict[str, Any] = vhost.management.get(f"/api/definitions/{vhost.name}")
    return exported


def bindings(exported: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(one["source"], one["destination"], one["routing_key"]) for one in exported["bindings"]}


async def test_what_is_exported_is_what_is_on_the_broker(vhost: Vhost) -> None:
    wanted, found = topology.definitions({}, vhost=vhost.name), on_broker(vhost)
    for kind, names in (("exchanges", ("name", "type", "durable", "arguments")), ("queues", ("name", "arguments"))):
        assert sorted(({key: one[key] for key in names} for one in found[kind]), key=str) == sorted(
            ({key: one[key] for key in names} for one in wanted[kind]), key=str
        )
    assert bindings(found) == bindings(wanted)


async def test_loading_it_again_changes_nothing(vhost: Vhost) -> None:
    before = on_broker(vhost)
    provide_broker(vhost.management, vhost.name, {})
    assert on_broker(vhost) == before


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_declares_the_same_again_as_its_own_user(vhost: Vhost, service: str) -> None:
    before = on_broker(vhost)
    connection = await aiormq.connect(vhost.url(service))
    try:
        for _ in range(2):
            await topology.declare_service(await connection.channel(), service, SUBSCRIBERS[service])
    finally:
        await connection.close()
    assert on_broker(vhost) == before


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_puts_its_lost_queues_back(vhost: Vhost, service: str) -> None:
    before = on_broker(vhost)
    for queue in topology.queues_of(service):
        vhost.management.delete(f"/api/queues/{vhost.name}/{queue.name}")
    connection = await aiormq.connect(vhost.url(service))
    try:
        await topology.declare_service(await connection.channel(), service, SUBSCRIBERS[service])
    finally:
        await connection.close()
    after = on_broker(vhost)
    assert bindings(after) == bindings(before)
    assert sorted(after["queues"], key=str) == sorted(before["queues"], key=str)


async def test_the_queues_are_those_of_the_written_decision(vhost: Vhost) -> None:
    """What messaging.md says, word by word: a queue with other arguments can only be changed by deleting it."""
    wanted: dict[str, dict[str, Any]] = {
        "ops.unrouted": {"x-queue-type": "quorum", "x-max-length": 100_000, "x-delivery-limit": 1_000_000}
    }
    for service in SERVICES:
        wanted[f"{service}.main"] = {
            "x-queue-type": "quorum",
            "x-delivery-limit": 20,
            "x-dead-letter-exchange": "loyalty.dlx",
            "x-dead-letter-routing-key": service,
            **WHOLE,
        }
        wanted[f"{service}.dlq"] = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
        for name, milliseconds in RETRIES.items():
            wanted[f"{service}.retry.{name}"] = {
                "x-queue-type": "quorum",
                "x-delivery-limit": 1_000_000,
                "x-message-ttl": milliseconds,
                "x-dead-letter-exchange": "loyalty.return",
                "x-dead-letter-routing-key": service,
                **WHOLE,
            }
    assert {queue["name"]: queue["arguments"] for queue in on_broker(vhost)["queues"]} == wanted


async def test_a_retry_comes_back_to_its_service_alone(make_vhost: Callable[..., Awaitable[Vhost]]) -> None:
    found = on_broker(await make_vhost(delays={"10s": 0.1, "1m": 0.1, "10m": 0.1}))
    assert {key: queue for source, queue, key in bindings(found) if source == topology.RETURN} == {
        service: f"{service}.main" for service in SERVICES
    }
    assert {key: queue for source, queue, key in bindings(found) if source == topology.RETRY} == {
        f"{service}.{name}": f"{service}.retry.{name}" for service in SERVICES for name in RETRIES
    }


def test_a_message_has_as_many_tries_as_there_are_delays() -> None:
    assert [topology.retry_key("points", attempt) for attempt in (1, 2, 3, 4)] == [
        "points.10s",
        "points.1m",
        "points.10m",
        None,
    ]
