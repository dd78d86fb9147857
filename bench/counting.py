"""Rates, measured from outside: from the first effect to the last."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType

from common.messaging.channel import BatchChannel, BatchConnection

POLL_SECONDS = 0.02
SLOW_POLL_SECONDS = 0.25
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
    begun: Callable[[], Awaitable[int]],
    done: Callable[[], Awaitable[int]],
    total: int,
    *,
    within_seconds: float,
) -> float:
    """Per second, from the first effect (`begun` is not 0 any more) until `done` says `total`.

    Raises TimeoutError that says how far it came.
    """
    limit, began = time.monotonic() + within_seconds, 0.0
    while True:
        if not began and await begun():
            began = time.monotonic()
        now = await done() if began else 0
        if now >= total:
            return total / (time.monotonic() - began)
        if time.monotonic() > limit:
            raise TimeoutError(f"only {now} of {total} after {within_seconds:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


async def until(count: Callable[[], Awaitable[int]], total: int, *, within_seconds: float) -> None:
    """Wait until there are as many. Raises TimeoutError that says how far it came."""
    limit = time.monotonic() + within_seconds
    while True:
        now = await count()
        if now >= total:
            return
        if time.monotonic() > limit:
            raise TimeoutError(f"only {now} of {total} after {within_seconds:.0f} s")
        await asyncio.sleep(SLOW_POLL_SECONDS)
