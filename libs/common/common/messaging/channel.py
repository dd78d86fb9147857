"""An AMQP channel for batches, on aiormq (the layer under aio-pika).

aiormq makes a task for each delivery and a future for each publish; at thousands of messages a second that is most of
the work. Here a delivery is appended to a buffer, and a batch is published as one write with one future for all its
confirmations. Everything else (frames, connection, heartbeats, errors) is aiormq's.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiormq
from aiormq.abc import ChannelFrame, ConfirmationFrameType
from pamqp import commands as spec
from pamqp.body import ContentBody
from pamqp.frame import marshal
from pamqp.header import ContentHeader

CONNECT_TIMEOUT_SECONDS = 10
PUBLISH_TIMEOUT_SECONDS = 30


class UnconfirmedError(Exception):
    """The broker refused a message (nack) or could not route it (return)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to publish. `headers` are AMQP headers, None for none."""

    exchange: str
    routing_key: str
    body: bytes
    content_type: str
    headers: dict[str, Any] | None = None
    mandatory: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that came, with what is needed to answer for it."""

    tag: int
    redelivered: bool
    routing_key: str
    exchange: str
    content_type: str
    headers: dict[str, Any]
    body: bytes


class BatchChannel(aiormq.Channel):
    """A channel that collects deliveries and publishes batches."""

    def __init__(self, connection: aiormq.abc.AbstractConnection, number: int, *, confirms: bool) -> None:
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

    # -- deliveries

    async def consume(self, queue: str, *, prefetch: int) -> str:
        """Start to fill the buffer from `queue`; returns the consumer tag."""
        await self.basic_qos(prefetch_count=prefetch, timeout=CONNECT_TIMEOUT_SECONDS)
        answer = await self.basic_consume(queue, _unused, timeout=CONNECT_TIMEOUT_SECONDS)
        return str(answer.consumer_tag)

    async def _on_deliver_frame(self, frame: spec.Basic.Deliver) -> None:
        header = await self._get_frame()
        if not isinstance(header, ContentHeader):
            raise ValueError(f"unexpected frame {header!r} instead of a content header")
        size = header.body_size
        body = b""
        if size:
            part: Any = await self._get_frame()
            body = part.value
            if len(body) < size:
                parts = [body]
                have = len(body)
                while have < size:
                    part = await self._get_frame()
                    parts.append(part.value)
                    have += len(part.value)
                body = b"".join(parts)
        properties = header.properties
        self.buffer.append(
            Delivery(
                frame.delivery_tag or 0,
                bool(frame.redelivered),
                frame.routing_key or "",
                frame.exchange or "",
                properties.content_type or "",
                properties.headers or {},
                body,
            )
        )
        self.arrived.set()

    def _consumer_cancelled(self, _: Any) -> None:
        self.cancelled = True
        self.arrived.set()

    # -- publishing

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
            payload = b"".join([self._frames_of(message, first + index) for index, message in enumerate(messages)])
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

    def _frames_of(self, message: Message, tag: int) -> bytes:
        properties = spec.Basic.Properties(
            content_type=message.content_type,
            delivery_mode=2,
            headers=message.headers,
            message_id=str(tag) if message.mandatory else None,
        )
        frames: list[Any] = [
            spec.Basic.Publish(exchange=message.exchange, routing_key=message.routing_key, mandatory=message.mandatory),
            ContentHeader(properties=properties, body_size=len(message.body)),
        ]
        limit = self.max_content_size
        # An empty body has no frame at all: the broker would close the connection over one.
        frames += [ContentBody(message.body[at : at + limit]) for at in range(0, len(message.body), limit)]
        return b"".join([marshal(frame, self.number) for frame in frames])

    async def _on_confirm_frame(self, frame: ConfirmationFrameType) -> None:
        tag = frame.delivery_tag or 0
        outstanding = self._outstanding
        multiple = not isinstance(frame, spec.Basic.Reject) and frame.multiple
        tags = [one for one in outstanding if one <= tag] if multiple else [tag]
        outstanding.difference_update(tags)
        if isinstance(frame, spec.Basic.Nack):
            self._refused.update(dict.fromkeys(tags, "refused by the broker"))
        if not outstanding and self._all_confirmed is not None and not self._all_confirmed.done():
            self._all_confirmed.set_result(None)

    async def _on_return_frame(self, frame: spec.Basic.Return) -> None:
        # The return comes before the confirmation of the same message.
        message = await self._read_content(frame, await self._get_frame())  # type: ignore[arg-type]
        tag = message.header.properties.message_id
        if tag and tag.isdigit():
            self._refused[int(tag)] = f"no queue for key {frame.routing_key!r} on {frame.exchange!r}"


async def _unused(_: Any) -> None:
    """aiormq wants a callback; deliveries never reach it."""


class BatchConnection:
    """A connection that opens batch channels. Use as `async with`."""

    def __init__(self, url: str, *, name: str) -> None:
        self._url = url
        self._name = name
        self._connection: aiormq.abc.AbstractConnection | None = None

    async def __aenter__(self) -> "BatchConnection":
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            self._connection = await aiormq.connect(self._url, client_properties={"connection_name": self._name})
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def channel(self, *, confirms: bool = False) -> BatchChannel:
        connection = self._connection
        if connection is None:
            raise RuntimeError("the connection is not open")
        number = max(connection.channels, default=0) + 1
        channel = BatchChannel(connection, number, confirms=confirms)
        connection.channels[number] = channel
        await channel.open(timeout=CONNECT_TIMEOUT_SECONDS)
        return channel
