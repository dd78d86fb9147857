"""Rates, measured from outside: how a count grows between its first tenth and its end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType

from common.messaging.channel import BatchChannel, BatchConnection

POLL_SECONDS = 0.02
WARM = 0.1
SINK = "bench.sink"


class Sink:
    """A queue that hears what was published in the end. Use as `async with`; `count()` is how much is in it."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._cleanup = AsyncExitStack()
        self.channel: BatchChannel

    async def __aenter__(self) -> "Sink":
        connection = await self._cleanup.enter_async_context(BatchConnection(self._url, name="bench sink"))
        self.channel = await connection.channel()
        await self.channel.queue_declare(SINK, durable=True, arguments={"x-queue-type": "quorum"})
        await self.channel.queue_bind(SINK, "loyalty.events", self._key)
        await self.channel.queue_purge(SINK)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.channel.queue_delete(SINK)
        await self._cleanup.aclose()

    async def count(self) -> int:
        return int((await self.channel.queue_declare(SINK, passive=True)).message_count or 0)


async def rate(
    count: Callable[[], Awaitable[int]], total: int, *, within_seconds: float, poll_seconds: float = POLL_SECONDS
) -> float:
    """Per second, from when a tenth of `total` is there until all is. Raises TimeoutError with how far it came."""
    began, first, first_at, now = time.monotonic(), 0, 0.0, 0
    while True:
        now = await count()
        at = time.monotonic()
        if not first_at and now >= total * WARM:
            first, first_at = now, at
        if now >= total:
            return (now - first) / max(at - first_at, 1e-9)
        if at - began > within_seconds:
            raise TimeoutError(f"only {now} of {total} after {within_seconds:.0f} s")
        await asyncio.sleep(poll_seconds)
