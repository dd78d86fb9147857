"""An AMQP channel for batches, on aiormq (the layer under aio-pika).

aiormq makes a task for each delivery and a future for each publish; at thousands of messages a second that is most of
the work. Here a delivery is appended to a buffer, and a batch is published as one write with one future for all its
confirmations. Connection, heartbeats, errors and everything rare are aiormq's.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import aiormq
from aiormq.abc import ChannelFrame
from pamqp import commands as spec
from pamqp.body import ContentBody
from pamqp.frame import marshal
from pamqp.header import ContentHeader

from common.messaging.frames import Delivery, FrameTap, TappedTransport

CONNECT_TIMEOUT_SECONDS = 10
PUBLISH_TIMEOUT_SECONDS = 30
CLOSE_TIMEOUT_SECONDS = 5


class UnconfirmedError(Exception):
    """The broker refused a message (nack) or could not route it (return)."""


class Message(NamedTuple):
    """A message to publish. `headers` are AMQP headers, None for none."""

    exchange: str
    routing_key: str
    body: bytes
    content_type: str
    headers: dict[str, Any] | None = None
    mandatory: bool = False


class BatchChannel(aiormq.Channel):
    """A channel that collects deliveries and publishes batches."""

    def __init__(
        self, connection: aiormq.abc.AbstractConnection, number: int, tap: FrameTap, *, confirms: bool
    ) -> None:
        super().__init__(connection, number, publisher_confirms=confirms)
        self.arrived = asyncio.Event()
        """Set while there are deliveries in the buffer, or when the broker has ended the consumer."""
        self.cancelled = False
        self.buffer: deque[Delivery] = deque()
        self._outstanding: set[int] = set()
        self._refused: dict[int, str] = {}
        self._all_confirmed: asyncio.Future[None] | None = None
        self._publishing = asyncio.Lock()
        self.on_consumer_cancel_callbacks.add(self._consumer_cancelled)
        tap.sinks[number] = self

    async def consume(self, queue: str, *, prefetch: int) -> str:
        """Start to fill the buffer from `queue`; returns the consumer tag."""
        await self.basic_qos(prefetch_count=prefetch, timeout=CONNECT_TIMEOUT_SECONDS)
        answer = await self.basic_consume(queue, _unused, timeout=CONNECT_TIMEOUT_SECONDS)
        return str(answer.consumer_tag)

    async def publish_batch(self, messages: Sequence[Message]) -> dict[int, str]:
        """Publish all in one write and wait for every confirmation.

        Returns the reasons by index of those that the broker refused or could not route; {} when all are safe.
        Raises TimeoutError when confirmations fail to come, AMQPError when the channel or connection is lost: then
        nothing is known of any of them.
        """
        if not messages:
            return {}
        async with self._publishing:
            first = self.delivery_tag + 1
            payload = b"".join(
                [
                    frames_of(message, first + index, self.number, self.max_content_size)
                    for index, message in enumerate(messages)
                ]
            )
            self.delivery_tag += len(messages)
            self._outstanding = set(range(first, first + len(messages)))
            self._refused = {}
            done = self._all_confirmed = self.create_future()
            try:
                async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS):
                    await self.write_queue.put(ChannelFrame(payload=payload, should_close=False))
                    await done
            finally:
                self._all_confirmed = None
            return {tag - first: reason for tag, reason in self._refused.items()}

    def check(self) -> None:
        """Raise what ended the channel or the broker's side of its consumer; nothing while both live."""
        if self.is_closed:
            cause = None if self._closing.cancelled() else self._closing.exception()
            # aiormq closes with CancelledError what it gave up itself: that must not look like our own cancellation
            raise cause if isinstance(cause, Exception) else OSError("the channel was closed")
        if self.cancelled:
            raise OSError("the broker ended the consumer (was the queue deleted?)")

    # -- called by the tap

    def delivered(self, delivery: Delivery) -> None:
        self.buffer.append(delivery)
        self.arrived.set()

    def returned(self, message_id: str, reason: str) -> None:
        """The return comes before the confirmation of the same message."""
        if message_id.isdigit():
            self._refused[int(message_id)] = reason

    def confirmed(self, tag: int, *, multiple: bool, positive: bool) -> None:
        outstanding = self._outstanding
        tags = [one for one in outstanding if one <= tag] if multiple else [tag]
        outstanding.difference_update(tags)
        if not positive:
            self._refused.update(dict.fromkeys(tags, "refused by the broker"))
        if not outstanding and self._all_confirmed is not None and not self._all_confirmed.done():
            self._all_confirmed.set_result(None)

    def _consumer_cancelled(self, _: Any) -> None:
        self.cancelled = True
        self.arrived.set()


async def _unused(_: Any) -> None:
    """aiormq wants a callback; deliveries never reach it."""


@lru_cache(maxsize=1024)
def _publish_frame(exchange: str, routing_key: str, mandatory: bool, number: int) -> bytes:
    return marshal(spec.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=mandatory), number)


@lru_cache(maxsize=64)
def _plain_header(content_type: str, number: int) -> tuple[bytes, bytes]:
    """The content header without headers, before and after its eight bytes of body size."""
    frame = marshal(ContentHeader(properties=spec.Basic.Properties(content_type=content_type, delivery_mode=2)), number)
    return frame[:11], frame[19:]


def frames_of(message: Message, tag: int, number: int, most_bytes: int) -> bytes:
    """A message as AMQP frames for channel `number`; `tag` becomes the message id of a mandatory one."""
    body, size = message.body, len(message.body)
    publish = _publish_frame(message.exchange, message.routing_key, message.mandatory, number)
    if message.headers is None and not message.mandatory:
        before, after = _plain_header(message.content_type, number)
        header = before + size.to_bytes(8, "big") + after
    else:
        properties = spec.Basic.Properties(
            content_type=message.content_type,
            delivery_mode=2,
            headers=message.headers,
            message_id=str(tag) if message.mandatory else None,
        )
        header = marshal(ContentHeader(properties=properties, body_size=size), number)
    parts = [body] if size <= most_bytes else [body[at : at + most_bytes] for at in range(0, size, most_bytes)]
    return b"".join([publish, header, *(marshal(ContentBody(part), number) for part in parts if part)])


class BatchConnection:
    """A connection that opens batch channels. Use as `async with`."""

    def __init__(self, url: str, *, name: str) -> None:
        self._url = url
        self._name = name
        self._transport = TappedTransport()
        self._connection: aiormq.abc.AbstractConnection | None = None

    async def __aenter__(self) -> "BatchConnection":
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            self._connection = await aiormq.connect(
                self._url, transport_factory=self._transport, client_properties={"connection_name": self._name}
            )
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if self._connection is not None:
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await self._connection.close()
        except TimeoutError:  # the peer is silent: there is nobody to say goodbye to
            self._transport.abort()
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and not (task and task.cancelling()):
            # aiormq ends with CancelledError what waited for a silent broker; nobody cancelled us.
            raise ConnectionResetError("the broker fell silent") from error

    async def channel(self, *, confirms: bool = False) -> BatchChannel:
        connection, tap = self._connection, self._transport.tap
        if connection is None or tap is None:
            raise RuntimeError("the connection is not open")
        number = max(connection.channels, default=0) + 1
        channel = BatchChannel(connection, number, tap, confirms=confirms)
        connection.channels[number] = channel
        await channel.open(timeout=CONNECT_TIMEOUT_SECONDS)
        return channel
