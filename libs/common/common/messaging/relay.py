"""The relay: outbox rows become messages, and are gone when the broker has confirmed them.

Rows are taken with FOR UPDATE SKIP LOCKED, so several workers share the work, and a row that commits late is not
skipped as it would be with a cursor. A kill between confirmation and commit publishes again under the same event id.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

import orjson
from aiormq.exceptions import AMQPError
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from common.messaging.channel import BatchChannel, BatchConnection, Message
from common.runtime import logs, metrics, tracing
from common.storage.database import Database
from common.storage.transaction import Transaction

BATCH_SIZE = 500
POLL_FIRST_SECONDS, POLL_LAST_SECONDS = 0.05, 0.5
RECONNECT_FIRST_SECONDS, RECONNECT_LAST_SECONDS = 0.5, 30.0
REPORT_EVERY_SECONDS = 5.0

_TAKE = """
    DELETE FROM outbox
    WHERE id = ANY(ARRAY(SELECT id FROM outbox ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED))
    RETURNING id, exchange, routing_key, content_type, headers, body
"""
_WAITING = "SELECT count(*) AS count, coalesce(extract(epoch FROM now() - min(time)), 0) AS oldest FROM outbox"

log = logs.logger("relay")


class RefusedError(Exception):
    """The broker refused messages: the rows stay in the outbox and are tried again."""


class Relay:
    """Publishes the outbox of one service. `running` is true while it has a connection."""

    def __init__(self, url: str, database: Database) -> None:
        self.running = False
        self._url = url
        self._database = database
        self._reported = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`; reconnects with growing pauses."""
        delay = RECONNECT_FIRST_SECONDS
        while not stop.is_set():
            try:
                async with BatchConnection(self._url, name=f"{self._database.service} relay") as connection:
                    channel = await connection.channel(confirms=True)
                    self.running = True
                    delay = RECONNECT_FIRST_SECONDS
                    await self._publish_until(stop, channel)
            except (AMQPError, RefusedError, SQLAlchemyError, OSError, TimeoutError, RuntimeError) as error:
                metrics.published(self._database.service, 1, "failed")
                log.warning("relay interrupted", error=f"{type(error).__name__}: {error}"[:300])
                await _wait(stop, delay * random.uniform(0.5, 1.0))
                delay = min(delay * 2, RECONNECT_LAST_SECONDS)
            finally:
                self.running = False

    async def _publish_until(self, stop: asyncio.Event, channel: BatchChannel) -> None:
        poll = POLL_FIRST_SECONDS
        while not stop.is_set():
            channel.check()  # an idle relay must notice, too, or it would call itself ready
            self._database.committed.clear()
            count = await self.publish_some(channel)
            await self._report()
            if count:
                poll = POLL_FIRST_SECONDS
            if count < BATCH_SIZE:
                woken = await _wait(self._database.committed, poll, stop)
                poll = POLL_FIRST_SECONDS if woken else min(poll * 2, POLL_LAST_SECONDS)

    async def publish_some(self, channel: BatchChannel) -> int:
        """Publish one batch; returns how many. What is not confirmed stays in the outbox."""
        async with self._database.transaction() as tx:
            rows = await tx.fetch_all(_TAKE, {"most": BATCH_SIZE})
            if rows:
                began = time.time_ns()
                refused = await channel.publish_batch([message_of(row) for row in sorted(rows, key=_by_id)])
                if refused:
                    raise RefusedError(f"{len(refused)} messages refused: {next(iter(refused.values()))}")
                if tracing.exporting():
                    _record(rows, began)
        metrics.published(self._database.service, len(rows))
        return len(rows)

    async def _report(self) -> None:
        now = time.monotonic()
        if now - self._reported < REPORT_EVERY_SECONDS:
            return
        self._reported = now
        async with self._database.transaction() as tx:
            count, oldest = await waiting(tx)
        metrics.outbox_waiting(self._database.service, count, oldest)


async def waiting(tx: Transaction) -> tuple[int, float]:
    """How many events wait in the outbox, and for how many seconds the oldest."""
    row = await tx.fetch_one(_WAITING)
    return (int(row.count), float(row.oldest)) if row is not None else (0, 0.0)  # type: ignore[call-overload]


def _by_id(row: Row[Any]) -> int:
    return int(row.id)


def message_of(row: Row[Any]) -> Message:
    """An outbox row as a message."""
    return Message(
        exchange=row.exchange,
        routing_key=row.routing_key,
        body=row.body,
        content_type=row.content_type,
        headers=None if row.headers == "{}" else orjson.loads(row.headers),
    )


def _record(rows: Sequence[Row[Any]], began: int) -> None:
    for row in rows:
        traceparent = str(orjson.loads(row.body).get("traceparent", "")) if row.headers == "{}" else ""
        tracing.published(traceparent, exchange=row.exchange, event_type=row.routing_key, started_ns=began)


async def _wait(event: asyncio.Event, seconds: float, stop: asyncio.Event | None = None) -> bool:
    """Whether `event` was set before `seconds` had passed (or `stop` was set)."""
    waits = [asyncio.ensure_future(one.wait()) for one in (event, stop) if one is not None]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
    return event.is_set()
