"""Exchanges, queues, bindings and permissions, as data: declared, exported and tested from here.

Every service has a main queue, three delay queues and a dead-letter queue. Events go out by `loyalty.events`; expired
retries and replays come back by `loyalty.return` to one service alone, or the others would get them again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from common.events.registry import PUBLISHERS, SUBSCRIBERS
from common.storage.outbox import EVENTS_EXCHANGE

EVENTS = EVENTS_EXCHANGE
UNROUTED = "loyalty.unrouted"
RETRY = "loyalty.retry"
RETURN = "loyalty.return"
DEAD = "loyalty.dlx"
UNROUTED_QUEUE = "ops.unrouted"

RETRY_DELAYS_SECONDS = {"10s": 10, "1m": 60, "10m": 600}
DELIVERY_LIMIT = 20
NEVER_DROP = 1_000_000  # RabbitMQ 4 drops a message after 20 returns unless told otherwise: looking is not deleting
UNROUTED_MAX = 100_000
NO_KEY = "(?!)"  # matches nothing, where `^$` would match the empty key


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    name: str
    type: str = "topic"
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    exchange: str
    queue: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What one broker user may do; all are regular expressions. `topics` limits the keys it may write, by exchange."""

    configure: str
    write: str
    read: str
    topics: dict[str, str]


EXCHANGES = (
    Exchange(name=EVENTS, arguments={"alternate-exchange": UNROUTED}),
    Exchange(name=UNROUTED, type="fanout", arguments={}),
    Exchange(name=RETRY, arguments={}),
    Exchange(name=RETURN, arguments={}),
    Exchange(name=DEAD, arguments={}),
)


def main_queue(service: str) -> str:
    return f"{service}.main"


def dead_queue(service: str) -> str:
    return f"{service}.dlq"


def retry_key(service: str, attempt: int) -> str | None:
    """Where the copy of a message goes that failed its `attempt`-th time; None when it has had all its tries."""
    delays = tuple(RETRY_DELAYS_SECONDS)
    return f"{service}.{delays[attempt - 1]}" if attempt <= len(delays) else None


def _quorum(limit: int, **more: Any) -> dict[str, Any]:
    return {"x-queue-type": "quorum", "x-delivery-limit": limit, **more}


def _dead_lettering(exchange: str, key: str) -> dict[str, Any]:
    return {
        "x-dead-letter-exchange": exchange,
        "x-dead-letter-routing-key": key,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def queues_of(service: str, delays: Mapping[str, float] = RETRY_DELAYS_SECONDS) -> list[Queue]:
    """The five queues of a service; `delays` (seconds by name) only for tests that cannot wait."""
    return [
        Queue(name=main_queue(service), arguments=_quorum(DELIVERY_LIMIT, **_dead_lettering(DEAD, service))),
        *(
            Queue(
                name=f"{service}.retry.{name}",
                arguments=_quorum(
                    NEVER_DROP, **{"x-message-ttl": int(seconds * 1000)}, **_dead_lettering(RETURN, service)
                ),
            )
            for name, seconds in delays.items()
        ),
        Queue(name=dead_queue(service), arguments=_quorum(NEVER_DROP)),
    ]


def bindings_of(service: str, types: tuple[str, ...] | None = None) -> list[Binding]:
    """What flows into the queues of a service; `types` are the event types it hears."""
    hears = SUBSCRIBERS[service] if types is None else types
    return [
        *(Binding(exchange=EVENTS, queue=main_queue(service), key=type_) for type_ in hears),
        Binding(exchange=RETURN, queue=main_queue(service), key=service),
        *(
            Binding(exchange=RETRY, queue=f"{service}.retry.{name}", key=f"{service}.{name}")
            for name in RETRY_DELAYS_SECONDS
        ),
        Binding(exchange=DEAD, queue=dead_queue(service), key=service),
    ]


def _keys_of(service: str) -> str:
    """The routing keys a service may publish: those of its own contracts, in any version."""
    nouns = sorted({contract.TYPE.rsplit(".", 1)[0] for contract in PUBLISHERS[service]})
    return rf"^({'|'.join(map(re.escape, nouns))})\.v[0-9]+$" if nouns else NO_KEY


def permission_of(service: str) -> Permission:
    """A service's user: its own queues, its own keys."""
    own = rf"{service}\..*"
    return Permission(
        configure=rf"^{own}$",
        write=rf"^({own}|loyalty\.(events|retry|return|dlx))$",
        read=rf"^({own}|loyalty\.(events|retry|return|dlx))$",
        topics={
            EVENTS: _keys_of(service),
            RETRY: rf"^{service}\.({'|'.join(RETRY_DELAYS_SECONDS)})$",
            RETURN: rf"^{service}$",
            DEAD: rf"^{service}$",
        },
    )


SHOP_NOUNS = ("activity", "purchase")
"""What a till or a web shop speaks of. Who belongs together and who is one person is not for a shop to say."""
TRUSTED_SUFFIX = "-crm"
"""Publishers whose name ends so may write all contracts that come from outside: segments and merges too."""


def publisher_permission(name: str) -> Permission:
    """An outside system's user: it may write its kinds of events to `loyalty.events` and do nothing else."""
    outside = sorted({contract.TYPE.rsplit(".", 1)[0] for contract in PUBLISHERS["outside"]})
    trusted = [key for key in outside if not key.startswith(tuple(f"{noun}." for noun in SHOP_NOUNS))]
    own = [rf"({'|'.join(SHOP_NOUNS)})\.[a-z_]+", *(map(re.escape, trusted) if name.endswith(TRUSTED_SUFFIX) else ())]
    return Permission(
        configure="^$",
        write=rf"^{re.escape(EVENTS)}$",
        read="^$",
        topics={EVENTS: rf"^({'|'.join(own)})\.v[0-9]+$", RETRY: NO_KEY, RETURN: NO_KEY, DEAD: NO_KEY},
    )


def operator_permission() -> Permission:
    """Who provisions and looks at everything."""
    return Permission(configure=".*", write=".*", read=".*", topics={})


SERVICES = tuple(SUBSCRIBERS)


def permissions(publishers: tuple[str, ...] = ("demo-shop", "demo-crm")) -> dict[str, Permission]:
    """The whole matrix, by user."""
    return {
        **{service: permission_of(service) for service in SERVICES},
        **{publisher: publisher_permission(publisher) for publisher in publishers},
        "operator": operator_permission(),
    }


def definitions(
    users: dict[str, str], *, vhost: str = "/", delays: dict[str, float] | None = None, hashed: bool = False
) -> dict[str, Any]:
    """RabbitMQ's definitions document (`POST /api/definitions`). `users` maps names to passwords.

    Names that are neither a service nor `operator` are publishers. With `hashed` the passwords are salted hashes.
    """
    matrix = permissions(tuple(name for name in users if name not in SERVICES and name != "operator"))
    secret = "password_hash" if hashed else "password"
    return {
        "vhosts": [{"name": vhost}],
        "users": [
            {"name": name, secret: password, "tags": ["administrator"] if name == "operator" else []}
            for name, password in users.items()
        ],
        "permissions": [
            {"user": user, "vhost": vhost, "configure": p.configure, "write": p.write, "read": p.read}
            for user, p in matrix.items()
            if user in users
        ],
        "topic_permissions": [
            {"user": user, "vhost": vhost, "exchange": exchange, "write": keys, "read": ".*"}
            for user, p in matrix.items()
            if user in users
            for exchange, keys in p.topics.items()
        ],
        "exchanges": [
            {
                "name": e.name,
                "vhost": vhost,
                "type": e.type,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": e.arguments,
            }
            for e in EXCHANGES
        ],
        "queues": [
            {"name": q.name, "vhost": vhost, "durable": True, "auto_delete": False, "arguments": q.arguments}
            for q in [
                unrouted_queue(),
                *(q for service in SERVICES for q in queues_of(service, delays or RETRY_DELAYS_SECONDS)),
            ]
        ],
        "bindings": [
            {
                "source": b.exchange,
                "vhost": vhost,
                "destination": b.queue,
                "destination_type": "queue",
                "routing_key": b.key,
                "arguments": {},
            }
            for b in [
                Binding(exchange=UNROUTED, queue=UNROUTED_QUEUE, key=""),
                *(b for service in SERVICES for b in bindings_of(service)),
            ]
        ],
    }


def unrouted_queue() -> Queue:
    """Where messages with a key nobody hears are kept, the newest of them, and alerted on."""
    return Queue(
        name=UNROUTED_QUEUE,
        arguments={"x-queue-type": "quorum", "x-max-length": UNROUTED_MAX, "x-delivery-limit": NEVER_DROP},
    )


class Declarer(Protocol):
    """The part of an AMQP channel that `declare_service` needs."""

    async def queue_declare(self, queue: str, *, durable: bool, arguments: dict[str, Any]) -> Any: ...
    async def queue_bind(self, queue: str, exchange: str, routing_key: str) -> Any: ...


async def declare_service(
    channel: Declarer,
    service: str,
    types: tuple[str, ...],
    delays: Mapping[str, float] = RETRY_DELAYS_SECONDS,
) -> None:
    """Declare the service's own queues and bindings, as its own broker user may. The exchanges must exist."""
    for queue in queues_of(service, delays):
        await channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
    for binding in bindings_of(service, types):
        await channel.queue_bind(binding.queue, binding.exchange, binding.key)
