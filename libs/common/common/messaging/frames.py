"""A fast path for the frames that come by the thousand: deliveries, returns and confirmations.

aiormq (with pamqp) turns each frame into objects and passes it through two queues and three coroutines: that is half of
the CPU of a worker. `FrameTap` stands between the socket and aiormq, takes out those four kinds of frames for the
channels that ask for it, and lets everything else pass as it came.

Source: AMQP 0-9-1, sections 2.3.5 (frames) and 4.2 (methods and content): https://www.rabbitmq.com/amqp-0-9-1-protocol
"""

import asyncio
import struct
import time
from typing import Any, NamedTuple, Protocol

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from pamqp.header import ContentHeader
from yarl import URL

READ_BYTES = 256 * 1024
METHOD, HEADER, BODY, END = 1, 2, 3, 0xCE
BASIC_RETURN, BASIC_DELIVER, BASIC_ACK, BASIC_NACK = ((60 << 16) | method for method in (50, 60, 80, 120))
FEW = 0x1000  # delivery-mode, the only property of our own messages beside the content type
CONTENT_TYPE = 0x8000
HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"
SIGN_OF_LIFE_SECONDS = 1.0
UNREADABLE = "loyalty-properties-unreadable"
"""The header of a message whose properties could not be decoded."""

_FRAME = struct.Struct(">BHI")
_LONG = struct.Struct(">I")
_LONGLONG = struct.Struct(">Q")
_TAG_AND_FLAGS = struct.Struct(">QB")
_CONTENT = struct.Struct(">HHQH")


class Delivery(NamedTuple):
    """A message that came, with what is needed to answer for it."""

    tag: int
    redelivered: bool
    routing_key: str
    exchange: str
    content_type: str
    headers: dict[str, Any]
    body: bytes


class Sink(Protocol):
    """A channel that takes its frames from the tap."""

    def delivered(self, delivery: Delivery) -> None: ...
    def returned(self, message_id: str, reason: str) -> None: ...
    def confirmed(self, tag: int, *, multiple: bool, positive: bool) -> None: ...


class _Content:
    """A delivery or return whose header and body are still coming."""

    __slots__ = ("body", "content_type", "headers", "message_id", "method", "missing")

    def __init__(self, method: bytes) -> None:
        self.method = method
        self.missing = -1
        self.body: list[bytes] = []
        self.content_type = self.message_id = ""
        self.headers: dict[str, Any] = {}

    def header(self, payload: bytes) -> None:
        _, _, self.missing, flags = _CONTENT.unpack_from(payload)
        if flags == CONTENT_TYPE | FEW:
            self.content_type = payload[15 : 15 + payload[14]].decode("utf-8", "replace")
            return
        header = ContentHeader()
        try:
            header.unmarshal(payload)
        except (ValueError, KeyError, IndexError, struct.error, RecursionError):
            # Any sender can write properties that nobody can read: that is the message's fault, not the connection's.
            self.headers = {UNREADABLE: True}
            return
        self.content_type = header.properties.content_type or ""
        self.message_id = header.properties.message_id or ""
        self.headers = dict(header.properties.headers or {})


def _shortstr(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    return data[at + 1 : end].decode("utf-8", "replace"), end


class FrameTap:
    """Reads the socket; is the `reader` that aiormq reads the remaining frames from."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.sinks: dict[int, Sink] = {}
        self._reader = reader
        self._raw = b""
        self._passed = bytearray()
        self._contents: dict[int, _Content] = {}
        self._alive = 0.0

    def at_eof(self) -> bool:
        return not self._passed and not self._raw and self._reader.at_eof()

    async def readexactly(self, count: int) -> bytes:
        """The next bytes for aiormq; IncompleteReadError when the connection ends before."""
        while len(self._passed) < count:
            data = await self._reader.read(READ_BYTES)
            if not data:
                raise asyncio.IncompleteReadError(bytes(self._passed), count)
            self._sort(self._raw + data if self._raw else data)
        taken = bytes(self._passed[:count])
        del self._passed[:count]
        return taken

    async def read(self, count: int = -1) -> bytes:
        """What is left, after a protocol error."""
        rest = bytes(self._passed) + self._raw + await self._reader.read(count)
        self._passed.clear()
        self._raw = b""
        return rest

    def _sort(self, data: bytes) -> None:
        """Give each whole frame to its channel's sink, or to aiormq; keep what is not whole yet."""
        at, size, took = 0, len(data), False
        while size - at >= 8:
            kind, number, length = _FRAME.unpack_from(data, at)
            end = at + 8 + length
            if kind == 0x41:  # "AMQP": the server's way to say that it speaks another version
                self._passed += data[at:]
                at = size
                break
            if end > size:
                break
            sink = self.sinks.get(number)
            if sink is not None and self._taken(sink, kind, number, data[at + 7 : end - 1]):
                took = True
            else:
                self._passed += data[at:end]
            at = end
        self._raw = data[at:]
        now = time.monotonic()
        if took and now - self._alive > SIGN_OF_LIFE_SECONDS:
            # aiormq must see that the connection lives, though its frames went another way.
            self._alive = now
            self._passed += HEARTBEAT

    def _taken(self, sink: Sink, kind: int, number: int, payload: bytes) -> bool:
        if kind == METHOD:
            method = _LONG.unpack_from(payload)[0]
            if method in (BASIC_DELIVER, BASIC_RETURN):
                self._contents[number] = _Content(payload)
                return True
            if method in (BASIC_ACK, BASIC_NACK):
                tag, flags = _TAG_AND_FLAGS.unpack_from(payload, 4)
                sink.confirmed(tag, multiple=bool(flags & 1), positive=method == BASIC_ACK)
                return True
            return False
        content = self._contents.get(number)
        if content is None:
            return False
        if kind == HEADER:
            content.header(payload)
        else:
            content.body.append(payload)
            content.missing -= len(payload)
        if content.missing == 0:
            del self._contents[number]
            _complete(sink, content)
        return True


def _complete(sink: Sink, content: _Content) -> None:
    method = content.method
    if _LONG.unpack_from(method)[0] == BASIC_DELIVER:
        at = 5 + method[4]  # the consumer tag is not needed: one consumer a channel
        tag, redelivered = _TAG_AND_FLAGS.unpack_from(method, at)
        exchange, at = _shortstr(method, at + 9)
        routing_key, _ = _shortstr(method, at)
        body = content.body[0] if len(content.body) == 1 else b"".join(content.body)
        sink.delivered(
            Delivery(tag, bool(redelivered & 1), routing_key, exchange, content.content_type, content.headers, body)
        )
        return
    _, at = _shortstr(method, 6)  # after the reply code: its text
    exchange, at = _shortstr(method, at)
    routing_key, _ = _shortstr(method, at)
    sink.returned(content.message_id, f"no queue for key {routing_key!r} on {exchange!r}")


class TappedTransport(TransportFactory):
    """Opens aiormq's usual transport and puts a tap into it."""

    def __init__(self) -> None:
        self.tap: FrameTap | None = None
        self._writer: asyncio.StreamWriter | None = None

    def abort(self) -> None:
        """Drop the connection at once, with what was not sent yet."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def create(self, url: URL, **kwargs: Any) -> tuple[Any, asyncio.StreamWriter]:
        usual = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, writer = await usual.create(url, limit=READ_BYTES, **kwargs)
        self.tap, self._writer = FrameTap(reader), writer
        return self.tap, writer
