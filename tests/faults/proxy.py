"""A TCP proxy that can fail: cut the connections, refuse new ones, or fall silent without a word (no FIN, no RST)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

READ_BYTES = 64 * 1024


class Proxy:
    """Stands before `host`:`port` at `self.port`."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.connections = 0
        """How many were accepted so far."""
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._pairs: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Accept connections (again, at the same port)."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """As a server that is gone: what is open is reset, new connections are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        for pair in list(self._pairs):
            pair.cancel()

    def freeze(self) -> None:
        """Forward nothing more, in either direction, and say nothing about it; new connections get no answer."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._pairs.add(task)
        task.add_done_callback(self._pairs.discard)
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            await self._flowing.wait()
            back, there = await asyncio.open_connection(*self._target)
            self._writers.add(there)
            await asyncio.gather(self._forward(reader, there), self._forward(back, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for one in (writer, there):
                if one is not None:
                    self._writers.discard(one)
                    one.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(READ_BYTES):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def proxied(url: str, query: str = "") -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the server of `url`, and the URL that goes through it."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    proxy = Proxy(parts.hostname, parts.port)
    await proxy.open()
    user = parts.netloc.rpartition("@")[0]
    try:
        yield proxy, urlunsplit((parts.scheme, f"{user}@127.0.0.1:{proxy.port}", parts.path, query, ""))
    finally:
        proxy.thaw()
        proxy.close()
