"""Waiting: for the queue, for a mail server that is away, for the end."""

import asyncio
import time

from prometheus_client import Gauge

from common.runtime import logs
from common.runtime.metrics import REGISTRY
from notify.channels.domain import pause_seconds

PAUSED = Gauge("loyalty_mail_provider_paused", "1 while the mail server is left alone", registry=REGISTRY)


class Gate:
    """Closed for a while after the mail server could not be reached; all connections wait at it."""

    def __init__(self) -> None:
        self._failures = 0
        self._opens_at = 0.0
        self._log = logs.logger("sender")

    async def wait(self, stop: asyncio.Event) -> None:
        while not stop.is_set() and (left := self._opens_at - time.monotonic()) > 0:
            await sleep(stop, left)

    def close(self, reason: str) -> None:
        if time.monotonic() < self._opens_at:
            return  # another connection has just found out
        self._failures += 1
        seconds = pause_seconds(self._failures)
        self._opens_at = time.monotonic() + seconds
        PAUSED.set(1)
        self._log.warning("mail server is left alone", reason=reason, pause_seconds=seconds)

    def open(self) -> None:
        if self._failures:
            self._failures, self._opens_at = 0, 0.0
            PAUSED.set(0)
            self._log.info("mail server is back")


async def sleep(stop: asyncio.Event, seconds: float) -> None:
    """So many seconds, or until somebody wants to stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def either(first: asyncio.Event, second: asyncio.Event) -> None:
    """Until one of the two is set."""
    waits = [asyncio.create_task(event.wait()) for event in (first, second)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
