"""Sends events to the broker as any other system would: an ordinary AMQP client, a restricted user, publisher confirms.

Many messages are under way at once; one counts as done when the broker has confirmed it. A lost connection, a late
confirm or a full queue is tried again with what was not confirmed (receivers ignore the second copy); a message that
nobody hears, or that the user may not publish, ends the sending: the rest would fare the same.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import aio_pika
import orjson
from aio_pika import exceptions as amqp
from aio_pika.abc import AbstractConnection, AbstractExchange
from aiormq.exceptions import ChannelAccessRefused, ConnectionNotAllowed

from common.events.contract import Contract
from common.events.event import body_hash_of
from common.events.purchases import PurchaseRefunded
from common.messaging.topology import EVENTS
from common.trace_context import new_traceparent

WINDOW = 500
CONNECT_SECONDS = 15
CONFIRM_SECONDS = 30
PAUSES_SECONDS = (1, 2, 4, 8, 15, 30)
LONGEST_ID = 200


class SendingError(Exception):
    """The broker cannot or will not take the events; the text says why. What was confirmed before stays done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One event ready to go. `position` is its place in the sender's own counting, growing."""

    position: int
    type: str
    body: bytes


def event_id(data: Contract) -> str:
    """The same purchase or return always gets the same id; with another body another one, so that it is noticed."""
    key = f"return-{data.return_id}" if isinstance(data, PurchaseRefunded) else f"purchase-{data.subject()}"
    if len(key) > LONGEST_ID - 10:
        key = hashlib.sha256(key.encode()).hexdigest()
    return f"{key}-{body_hash_of(data).hex()[:8]}"


def letter(position: int, source: str, data: Contract) -> Letter:
    """The event as CloudEvents 1.0 structured JSON. `time` is that of sending; the purchase's own is `occurred_at`."""
    envelope = {
        "specversion": "1.0",
        "id": event_id(data),
        "source": source,
        "type": data.TYPE,
        "subject": data.subject(),
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "traceparent": new_traceparent(),
        "data": data.model_dump(mode="json", exclude_defaults=True),
    }
    return Letter(position=position, type=data.TYPE, body=orjson.dumps(envelope))


class Sender:
    """`async with Sender(url) as sender: await sender.send(letter)`; leaving waits until everything is confirmed.

    `window` is how many messages may be unconfirmed at once. `trouble` is told in a sentence what is being waited for.
    """

    def __init__(
        self, url: str, *, window: int = WINDOW, exchange: str = EVENTS, trouble: Callable[[str], None] = lambda _: None
    ) -> None:
        self.confirmed = 0
        self._url = url
        self._exchange_name = exchange
        self._window = window
        self._trouble = trouble
        self._unconfirmed: dict[int, Letter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._failure: BaseException | None = None
        self._patience = 0
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None

    @property
    def oldest_unconfirmed(self) -> int | None:
        """Everything before this position is done; None when nothing is under way."""
        return next(iter(self._unconfirmed), None)

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None or issubclass(kind, asyncio.CancelledError | KeyboardInterrupt):
                await self.drain()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._close()

    async def send(self, one: Letter) -> None:
        """Hands one letter over, waiting for room in the window; SendingError when the broker will not take any."""
        while self._failure is not None or len(self._unconfirmed) >= self._window:
            if self._failure is not None:
                await self._recover()
            else:
                self._room.clear()
                await self._room.wait()
        self._unconfirmed[one.position] = one
        self._start(one)

    async def drain(self) -> None:
        """Waits until the broker has confirmed all that was handed over."""
        while self._unconfirmed:
            if self._failure is not None:
                await self._recover()
            elif self._tasks:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def _start(self, one: Letter) -> None:
        task = asyncio.create_task(self._publish(one))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, one: Letter) -> None:
        assert self._exchange is not None
        message = aio_pika.Message(
            one.body,
            content_type="application/cloudevents+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            type=one.type,
        )
        try:
            await self._exchange.publish(message, routing_key=one.type, mandatory=True, timeout=CONFIRM_SECONDS)
        except (*amqp.CONNECTION_EXCEPTIONS, TimeoutError) as error:
            if self._failure is None or _is_final(error):
                self._failure = error
        else:
            self._unconfirmed.pop(one.position, None)
            self.confirmed += 1
            self._patience = 0
        finally:
            self._room.set()

    async def _recover(self) -> None:
        """Waits for what is under way, then connects again and sends what was not confirmed, in the old order."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        failure, self._failure = self._failure, None
        if failure is None or _is_final(failure) or self._patience >= len(PAUSES_SECONDS):
            raise SendingError(_sentence(failure, self._url, self._exchange_name)) from failure
        pause = PAUSES_SECONDS[self._patience]
        self._patience += 1
        self._trouble(f"{_sentence(failure, self._url, self._exchange_name)}; trying again in {pause} s")
        await self._close()
        await asyncio.sleep(pause)
        try:
            await self._connect()
        except SendingError as error:
            if _is_final(error.__cause__):
                raise
            self._failure = error.__cause__
            return
        for one in list(self._unconfirmed.values()):
            self._start(one)

    async def _connect(self) -> None:
        try:
            self._connection = await aio_pika.connect(self._url, timeout=CONNECT_SECONDS)
            channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            self._exchange = await channel.get_exchange(self._exchange_name, ensure=False)
        except (*amqp.CONNECTION_EXCEPTIONS, TimeoutError) as error:
            raise SendingError(_sentence(error, self._url, self._exchange_name)) from error

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await asyncio.wait_for(connection.close(), CONNECT_SECONDS)
            except (*amqp.CONNECTION_EXCEPTIONS, TimeoutError):
                pass  # it is gone, which is what was wanted


def _is_final(error: BaseException | None) -> bool:
    refused = (
        *(amqp.PublishError, ChannelAccessRefused, ConnectionNotAllowed, amqp.ChannelNotFoundEntity),
        *(amqp.AuthenticationError, amqp.ProbableAuthenticationError),
    )
    return isinstance(error, refused)


def where(url: str) -> str:
    """The broker's address without the password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _sentence(error: BaseException | None, url: str, exchange: str) -> str:
    broker = where(url)
    match error:
        case amqp.PublishError():
            return f"{broker} gave an event back: no queue hears its type on {exchange} (is the platform set up there?)"
        case ChannelAccessRefused():
            return f"{broker} refused: may not publish this to {exchange} (a shop may write purchase.*, activity.*)"
        case ConnectionNotAllowed():
            return f"{broker} refused: this user may not use this virtual host"
        case amqp.AuthenticationError() | amqp.ProbableAuthenticationError():
            return f"{broker} refused: wrong user or password"
        case amqp.ChannelNotFoundEntity():
            return f"{broker} has no exchange {exchange} (is the platform set up there?)"
        case amqp.DeliveryError():
            return f"{broker} did not take an event: a queue is full or out of order"
        case TimeoutError():
            return f"{broker} did not answer in time (is it blocked by its memory or disk alarm?)"
    return f"{broker} cannot be reached: {error}"
