"""Each broker user can do its own things and nothing else, tried one by one on the broker."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiormq
import pytest
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import AMQPError, ChannelAccessRefused

from common.events.registry import CONTRACTS, PUBLISHERS, SUBSCRIBERS
from common.messaging import topology
from tests.servers import Vhost

SERVICES = sorted(SUBSCRIBERS)
SHOP, CRM = "demo-shop", "demo-crm"
Try = Callable[[AbstractChannel], Awaitable[Any]]


@pytest.fixture
async def user(vhost: Vhost, request: pytest.FixtureRequest) -> AsyncIterator["User"]:
    connection = await aiormq.connect(vhost.url(request.param))
    yield User(request.param, connection)
    await connection.close()


class User:
    def __init__(self, name: str, connection: AbstractConnection) -> None:
        self.name = name
        self._connection = connection

    async def may(self, attempt: Try) -> bool:
        """Whether the broker lets the user; any other error is an error of the test."""
        channel = await self._connection.channel()
        try:
            await attempt(channel)
        except ChannelAccessRefused:
            return False
        await channel.close()
        return True

    async def may_publish(self, exchange: str, key: str) -> bool:
        return await self.may(lambda channel: channel.basic_publish(b"{}", exchange=exchange, routing_key=key))


def call(method: str, *arguments: Any, **named: Any) -> Try:
    """A method of the channel, to be called later."""
    return lambda channel: getattr(channel, method)(*arguments, **named)


def declare(queue: topology.Queue) -> Try:
    return lambda channel: channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)


def consume(queue: str) -> Try:
    async def nothing(_: Any) -> None: ...

    return lambda channel: channel.basic_consume(queue, nothing)


@pytest.mark.parametrize("user", SERVICES, indirect=True)
async def test_a_service_can_do_all_its_own_things(user: User) -> None:
    for queue in topology.queues_of(user.name):
        assert await user.may(declare(queue))
        assert await user.may(consume(queue.name))
    for binding in topology.bindings_of(user.name):
        assert await user.may(call("queue_bind", binding.queue, binding.exchange, binding.key))
    for contract in PUBLISHERS[user.name]:
        assert await user.may_publish(topology.EVENTS, contract.TYPE)
        assert await user.may_publish(topology.EVENTS, contract.TYPE.replace(".v1", ".v2"))
    for name in topology.RETRY_DELAYS_SECONDS:
        assert await user.may_publish(topology.RETRY, f"{user.name}.{name}")
    assert await user.may_publish(topology.RETURN, user.name)
    assert await user.may_publish(topology.DEAD, user.name)


@pytest.mark.parametrize("user", SERVICES, indirect=True)
async def test_a_service_can_do_nothing_to_the_queues_of_others(user: User) -> None:
    others = [queue for other in SERVICES if other != user.name for queue in topology.queues_of(other)]
    for queue in [*others, topology.unrouted_queue()]:
        name = queue.name
        assert not await user.may(declare(queue))
        assert not await user.may(consume(name))
        assert not await user.may(call("basic_get", name))
        assert not await user.may(call("queue_purge", name))
        assert not await user.may(call("queue_delete", name))
        assert not await user.may(call("queue_bind", name, topology.EVENTS, "#"))
        assert not await user.may(call("queue_unbind", name, topology.EVENTS, "#"))
        assert not await user.may_publish("", name)


@pytest.mark.parametrize("user", SERVICES, indirect=True)
async def test_a_service_cannot_speak_for_others(user: User) -> None:
    own = {contract.TYPE for contract in PUBLISHERS[user.name]}
    for event_type in sorted(set(CONTRACTS) - own):
        assert not await user.may_publish(topology.EVENTS, event_type)
    for other in sorted({*SERVICES, "ops"} - {user.name}):
        assert not await user.may_publish(topology.RETURN, other)
        assert not await user.may_publish(topology.DEAD, other)
        assert not await user.may_publish(topology.RETRY, f"{other}.10s")
    assert not await user.may_publish(topology.EVENTS, "")
    assert not await user.may_publish(topology.UNROUTED, user.name)


@pytest.mark.parametrize("user", [*SERVICES, SHOP, CRM], indirect=True)
async def test_nobody_changes_exchanges(user: User) -> None:
    for exchange in topology.EXCHANGES:
        assert not await user.may(call("exchange_delete", exchange.name))
        assert not await user.may(
            call(
                "exchange_declare",
                exchange.name,
                exchange_type=exchange.type,
                durable=True,
                arguments=exchange.arguments,
            )
        )
    assert not await user.may(call("exchange_declare", "mine", exchange_type="topic"))


@pytest.mark.parametrize("user", [SHOP, CRM], indirect=True)
async def test_a_publisher_publishes_what_is_its_own_to_say_and_nothing_else(user: User) -> None:
    own = {contract.TYPE for contract in PUBLISHERS["outside"]}
    if user.name == SHOP:
        own = {event_type for event_type in own if event_type.startswith(("purchase.", "activity."))}
    for event_type in sorted(CONTRACTS):
        assert await user.may_publish(topology.EVENTS, event_type) == (event_type in own), event_type
    for key in ("", "purchase", "purchase.completed", "purchase.completed.v1.more", "xpurchase.completed.v1"):
        assert not await user.may_publish(topology.EVENTS, key)
    for exchange in ("", "amq.topic", topology.RETURN, topology.RETRY, topology.DEAD, topology.UNROUTED):
        assert not await user.may_publish(exchange, "purchase.completed.v1")


@pytest.mark.parametrize("user", [SHOP, CRM], indirect=True)
async def test_a_publisher_hears_nothing_and_declares_nothing(user: User) -> None:
    for queue in [topology.unrouted_queue(), *(q for service in SERVICES for q in topology.queues_of(service))]:
        assert not await user.may(consume(queue.name))
        assert not await user.may(declare(queue))
        assert not await user.may(call("queue_purge", queue.name))
    assert not await user.may(call("queue_declare", "mine"))
    assert not await user.may(call("queue_declare", "", exclusive=True))


async def test_a_user_cannot_enter_another_virtual_host(
    make_vhost: Callable[..., Awaitable[Vhost]], vhost: Vhost
) -> None:
    stranger = "nobody-" + vhost.name
    vhost.management.put(f"/api/users/{stranger}", {"password": "test", "tags": ""})
    try:
        with pytest.raises(AMQPError):
            await aiormq.connect(vhost.url(stranger))
    finally:
        vhost.management.delete(f"/api/users/{stranger}")


@pytest.mark.parametrize("user", [SHOP], indirect=True)
async def test_a_key_that_nobody_hears_lands_in_ops_unrouted(user: User, vhost: Vhost) -> None:
    assert await user.may_publish(topology.EVENTS, "purchase.dreamt.v1")
    connection = await aiormq.connect(vhost.url("operator"))
    try:
        channel = await connection.channel()
        got = await channel.basic_get(topology.UNROUTED_QUEUE)
        assert got.body == b"{}"
        assert got.routing_key == "purchase.dreamt.v1"
    finally:
        await connection.close()
