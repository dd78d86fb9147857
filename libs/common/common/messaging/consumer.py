"""The consumer of one service: batches from its main queue, acknowledged after their effects are committed.

    collect what is there → decode → one transaction → copies to retry queues or dead letters → acknowledge

Nothing is acknowledged before it is safe somewhere else, so a kill at any moment costs repetition, never a message.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiormq.exceptions import AMQPError

from common.messaging import copies, topology
from common.messaging.batch import Batches, DatabaseDownError, Result
from common.messaging.channel import CONNECT_TIMEOUT_SECONDS, BatchChannel, BatchConnection, UnconfirmedError
from common.messaging.frames import Delivery
from common.messaging.rejects import RejectLimit, RejectLimitError
from common.messaging.subscriptions import Subscription
from common.runtime import logs, metrics, tracing
from common.storage.database import Database

SUSPECTS = 16
PROBE_FIRST_SECONDS, PROBE_LAST_SECONDS = 1.0, 60.0
RECONNECT_FIRST_SECONDS, RECONNECT_LAST_SECONDS = 0.5, 30.0

log = logs.logger("consumer")


@dataclass(slots=True)
class _InFlight:
    """A batch that is being handled; its deliveries end at `last`."""

    last: Delivery
    task: "asyncio.Task[None]"


class Consumer:
    """Consumes `<service>.main`. `run` returns when `stop` is set; `stopped_because` says why it gave up earlier.

    `prefetch` is how many messages the broker hands out ahead, `batch_size` how many are handled in one transaction,
    `batches_in_flight` how many transactions may run beside each other.
    """

    def __init__(
        self,
        url: str,
        database: Database,
        subscriptions: Sequence[Subscription],
        *,
        prefetch: int = 1000,
        batch_size: int = 500,
        batches_in_flight: int = 2,
        retry_delays_seconds: Mapping[str, float] = topology.RETRY_DELAYS_SECONDS,
    ) -> None:
        self.service = database.service
        self.running = False
        self.stopped_because = ""
        self._url = url
        self._database = database
        self._types = tuple(one.contract.TYPE for one in subscriptions)
        self._retry_delays_seconds = retry_delays_seconds
        self._prefetch = prefetch
        self._batch_size = batch_size
        self._batches_in_flight = batches_in_flight
        self._batches = Batches(database, subscriptions, RejectLimit())

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; reconnects, pauses while the database is down, gives up at the reject limit."""
        delay = RECONNECT_FIRST_SECONDS
        while not stop.is_set():
            began = time.monotonic()
            try:
                await self._session(stop)
                continue
            except DatabaseDownError as error:
                log.warning("database is down: paused", error=str(error))
                metrics.consumer_restarted(self.service, "database")
                await self._until_database_answers(stop)
                continue
            except RejectLimitError as error:
                self.stopped_because = str(error)
                log.error("stopped: too much fails", error=str(error))
                metrics.consumer_restarted(self.service, "reject_limit")
                await stop.wait()
                return
            except (AMQPError, UnconfirmedError, OSError, TimeoutError, RuntimeError) as error:
                log.warning("broker connection lost", error=f"{type(error).__name__}: {error}")
                metrics.consumer_restarted(self.service, "broker")
            if time.monotonic() - began > RECONNECT_LAST_SECONDS:
                delay = RECONNECT_FIRST_SECONDS
            await _sleep_unless(stop, delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, RECONNECT_LAST_SECONDS)

    async def _session(self, stop: asyncio.Event) -> None:
        """One connection's life. Leaving it closes the channel: what is not acknowledged is delivered again."""
        async with BatchConnection(self._url, name=f"{self.service} consumer") as connection:
            incoming = await connection.channel()
            outgoing = await connection.channel(confirms=True)
            await topology.declare_service(incoming, self.service, self._types, self._retry_delays_seconds)
            flow = _Flow(self, incoming, outgoing)
            await flow.open(1)
            self._set_running(True)
            stopping = asyncio.ensure_future(stop.wait())
            closing = incoming.closing
            try:
                while not stop.is_set():
                    await flow.advance(stopping, closing)
                await flow.finish()
            finally:
                self._set_running(False)
                stopping.cancel()
                await flow.abandon()

    def _set_running(self, running: bool) -> None:
        self.running = running
        metrics.consumer_running(self.service, running)

    async def _until_database_answers(self, stop: asyncio.Event) -> None:
        delay = PROBE_FIRST_SECONDS
        while not stop.is_set():
            await _sleep_unless(stop, delay)
            try:
                await self._database.ping()
            except Exception as error:  # whatever keeps it from answering, it is asked again
                log.info("database still down", error=type(error).__name__, next_try_seconds=delay)
                delay = min(delay * 2, PROBE_LAST_SECONDS)
            else:
                log.info("database answers: resumed")
                return

    def take(self, buffer: deque[Delivery]) -> list[Delivery]:
        """The next batch. Messages that came before are suspects: few at a time, and singly after another failure.

        A message that kills the process would otherwise take its whole batch with it, until the delivery limit.
        """
        if not buffer[0].redelivered:
            batch: list[Delivery] = []
            while buffer and len(batch) < self._batch_size and not buffer[0].redelivered:
                batch.append(buffer.popleft())
            return batch
        most = 1 if _count(buffer[0]) > 1 else SUSPECTS
        batch = [buffer.popleft()]
        while buffer and len(batch) < most and buffer[0].redelivered and _count(buffer[0]) <= 1:
            batch.append(buffer.popleft())
        return batch

    def window_after(self, last: Delivery) -> int:
        """How many messages the broker may hand out ahead, once this one has gone well: few while there are suspects.

        Each message handed out to a process that dies counts as one more failure of that message. With the whole
        window open, a message that kills the process would take all that stand behind it to the delivery limit.
        """
        if not last.redelivered:
            return self._prefetch
        return 1 if _count(last) > 1 else min(SUSPECTS, self._prefetch)

    async def handle(self, batch: list[Delivery], outgoing: BatchChannel) -> None:
        """Take effect, copy away what failed, write down what happened. Afterwards the batch may be acknowledged."""
        began = time.perf_counter()
        with tracing.batch_span(self.service, topology.main_queue(self.service)) as seen:
            result = await self._batches.handle(batch)
            if tracing.exporting():
                seen += [(event.traceparent, event.type) for event, _ in result.handled]
        if result.failures:
            refused = await outgoing.publish_batch([copies.copy_of(self.service, one) for one in result.failures])
            if refused:
                raise UnconfirmedError(f"a copy for a retry queue was not taken: {next(iter(refused.values()))}")
        self._report(result, time.perf_counter() - began)

    def _report(self, result: Result, seconds: float) -> None:
        now = datetime.now(UTC)
        logs.log_events(result.handled, now=now, service=self.service)
        for failure in result.failures:
            event = failure.event
            log.warning(
                "event set aside",
                trace_id=event.traceparent[3:35] if event else "",
                event_id=event.id if event else "",
                subject=event.subject if event else "",
                outcome=failure.word,
                reason=failure.reason,
                message=failure.message,
                attempt=max(failure.attempt, 1),
                routing_key=failure.delivery.routing_key,
            )
        oldest = min((event.time for event, _ in result.handled), default=now)
        metrics.batch_done(
            self.service, result.counts(), seconds=seconds, oldest_lag_seconds=(now - oldest).total_seconds()
        )


class _Flow:
    """The batches in flight on one channel; acknowledged up to the first that is not finished."""

    def __init__(self, consumer: Consumer, incoming: BatchChannel, outgoing: BatchChannel) -> None:
        self._consumer = consumer
        self._incoming = incoming
        self._outgoing = outgoing
        self._in_flight: deque[_InFlight] = deque()
        self._tag = ""
        self._window = self._wanted = 0

    async def open(self, window: int) -> None:
        """Let the broker hand out this many messages ahead."""
        if self._tag:
            await self._incoming.basic_cancel(self._tag, timeout=CONNECT_TIMEOUT_SECONDS)
        self._tag = await self._incoming.consume(topology.main_queue(self._consumer.service), prefetch=window)
        self._window = self._wanted = window

    async def advance(self, stopping: "asyncio.Future[Any]", closing: "asyncio.Future[None]") -> None:
        """Start a batch if there is one and room for it; else wait until something happens. Raises what it raised."""
        await self._settle()
        self._incoming.check()
        if self._wanted > self._window:
            await self.open(self._wanted)
        room = len(self._in_flight) < self._consumer._batches_in_flight
        if room and self._incoming.buffer:
            batch = self._consumer.take(self._incoming.buffer)
            task = asyncio.create_task(self._consumer.handle(batch, self._outgoing))
            self._in_flight.append(_InFlight(batch[-1], task))
            return
        waiting: list[asyncio.Future[object]] = [stopping, closing, *(one.task for one in self._in_flight)]  # type: ignore[list-item]
        arrived = None
        if room:
            self._incoming.arrived.clear()
            arrived = asyncio.ensure_future(self._incoming.arrived.wait())
            waiting.append(arrived)  # type: ignore[arg-type]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if arrived is not None:
            arrived.cancel()

    async def _settle(self, *, written: bool = False) -> None:
        """Acknowledge the finished batches at the front, all at once; raise if the first unfinished one failed.

        `written` waits until the acknowledgement has left, which closing the connection would not.
        """
        last = 0
        while self._in_flight and self._in_flight[0].task.done():
            one = self._in_flight[0]
            if one.task.exception() is not None:
                break
            last = one.last.tag
            self._wanted = max(self._wanted, self._consumer.window_after(one.last))
            self._in_flight.popleft()
        if last:
            await self._incoming.basic_ack(last, multiple=True, wait=written)
        if self._in_flight and self._in_flight[0].task.done():
            self._in_flight[0].task.result()

    async def finish(self) -> None:
        """Take nothing more, wait for the batches in hand and acknowledge them."""
        await self._incoming.basic_cancel(self._tag, timeout=CONNECT_TIMEOUT_SECONDS)
        while self._in_flight:
            await asyncio.wait([self._in_flight[0].task])
            await self._settle(written=True)

    async def abandon(self) -> None:
        """The connection is lost: let the batches end (their effects count once anyway) and forget them."""
        await asyncio.gather(*(one.task for one in self._in_flight), return_exceptions=True)
        self._in_flight.clear()


def _count(delivery: Delivery) -> int:
    """How often the broker gave the message out before."""
    count = delivery.headers.get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0


async def _sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
