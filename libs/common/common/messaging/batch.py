"""One batch of deliveries, from bytes to committed effects. What goes wrong is found out event by event."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asyncpg.exceptions import PostgresError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from common.events.contract import Contract
from common.events.event import Event
from common.messaging import envelope
from common.messaging.frames import Delivery
from common.messaging.outcomes import DEAD, DONE, DUPLICATE, RETRY, Outcome
from common.messaging.rejects import RejectLimit
from common.messaging.subscriptions import Subscription
from common.runtime import logs, metrics
from common.storage import inbox
from common.storage.database import Database
from common.storage.transaction import Transaction

BATCH_TIMEOUT_SECONDS = 30
TRIES = 5
AGAIN = {"40001": "serialization", "40P01": "deadlock", "55P03": "lock_timeout"}
"""SQLSTATEs after which the same batch, done again, may go well."""

DOWN = ("08", "28", "3D", "53", "57", "25006")
"""SQLSTATE classes (and one state) of a database that cannot work just now."""
STATEMENT_TIMEOUT = "57014"

log = logs.logger("consumer")


class DatabaseDownError(Exception):
    """The database does not answer: nothing is wrong with the messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A delivery that must go to a retry queue or to the dead letters; `event` is None when it could not be read."""

    delivery: Delivery
    word: str
    reason: str
    message: str
    attempt: int
    event: Event[Any] | None = None


@dataclass(slots=True)
class Result:
    """What became of a batch."""

    handled: list[tuple[Event[Any], str]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def counts(self) -> Counter[tuple[str, str]]:
        return Counter(
            [(event.type, word) for event, word in self.handled]
            + [("unreadable", DEAD) for failure in self.failures if failure.attempt == 0]
        )


class _Item(NamedTuple):
    event: Event[Any]
    delivery: Delivery


class Batches:
    """Handles batches for one service. After DatabaseDownError or RejectLimitError nothing may be acknowledged."""

    def __init__(self, database: Database, subscriptions: Sequence[Subscription], rejects: RejectLimit) -> None:
        self._database = database
        self._subscriptions = subscriptions
        self._contracts: Mapping[str, type[Contract]] = {one.contract.TYPE: one.contract for one in subscriptions}
        self._rejects = rejects

    async def handle(self, deliveries: Sequence[Delivery]) -> Result:
        """Decode, drop duplicates, and take effect in one transaction; bisect when that fails."""
        result = Result()
        items = self._decode(deliveries, result)
        repeated = Counter((event.source, event.type) for event, word in result.handled if word == DUPLICATE)
        if items:
            await self._take_effect(items, result)
        if repeated:
            await self._count(repeated)
        return result

    async def _count(self, repeated: Mapping[inbox.Key, int]) -> None:
        """Count the duplicates within a batch. The effects are committed: no failure to count may keep the messages."""
        try:
            async with self._database.transaction() as tx:
                await inbox.count_duplicates(tx, repeated)
        except (SQLAlchemyError, PostgresError, OSError) as error:
            log.warning("duplicates were not counted", count=sum(repeated.values()), error=_first_line(error))

    def _decode(self, deliveries: Sequence[Delivery], result: Result) -> list[_Item]:
        """One item per event; the same event twice in the batch is a duplicate, or dead with another body."""
        items: dict[inbox.Key, _Item] = {}
        for delivery in deliveries:
            try:
                event = envelope.decode(delivery, self._contracts)
            except envelope.BadMessageError as bad:
                result.failures.append(
                    Failure(delivery=delivery, word=DEAD, reason=bad.reason, message=bad.message, attempt=0)
                )
                continue
            first = items.setdefault((event.source, event.id), _Item(event, delivery))
            if first.event is not event:
                self._again(first.event.type, first.event.body_hash, _Item(event, delivery), result)
        return [items[key] for key in sorted(items)]

    def _again(self, known_type: str, known_hash: bytes, item: _Item, result: Result) -> None:
        if (known_type, known_hash) == (item.event.type, item.event.body_hash):
            result.handled.append((item.event, DUPLICATE))
        else:
            self._fail(item, DEAD, "event_id_reused", "The same source and id came before with another body.", result)

    @staticmethod
    def _fail(item: _Item, word: str, reason: str, message: str, result: Result) -> None:
        result.handled.append((item.event, word))
        result.failures.append(
            Failure(
                delivery=item.delivery,
                word=word,
                reason=reason,
                message=message,
                attempt=item.event.attempt,
                event=item.event,
            )
        )

    async def _take_effect(self, items: list[_Item], result: Result) -> None:
        failed: Exception | None = None
        try:
            outcome = await self._with_tries(items)
        except DatabaseDownError:
            raise
        except Exception as error:  # a handler may raise anything: the event is set aside, the others go on
            failed = error
        if failed is None:
            self._rejects.went_well(len(items))
            result.handled += outcome.handled
            result.failures += outcome.failures
        elif len(items) == 1:
            self._unexpected(items[0], failed, result)
        else:
            metrics.batch_retried(self._database.service, "bisect")
            middle = len(items) // 2
            await self._take_effect(items[:middle], result)
            await self._take_effect(items[middle:], result)

    def _unexpected(self, item: _Item, error: Exception, result: Result) -> None:
        log.error(
            "handler failed",
            type=item.event.type,
            event_id=item.event.id,
            source=item.event.source,
            trace_id=item.event.traceparent[3:35],
            attempt=item.event.attempt,
            exc_info=error,
        )
        self._rejects.rejected(f"{type(error).__name__}: {error}")
        self._fail(item, RETRY, type(error).__name__, _first_line(error), result)

    async def _with_tries(self, items: list[_Item]) -> Result:
        """The whole batch again after a deadlock or the like; the database gone is DatabaseDownError."""
        for attempt in range(1, TRIES + 1):
            limit = asyncio.timeout(BATCH_TIMEOUT_SECONDS)
            try:
                async with limit:
                    return await self._once(items)
            except (DBAPIError, PoolTimeoutError, PostgresError, OSError) as error:
                if limit.expired():
                    if not await self._database_answers():
                        raise DatabaseDownError("the database is silent") from error
                    raise
                reason = AGAIN.get(_sqlstate(error))
                if reason is None:
                    if _database_is_down(error):
                        raise DatabaseDownError(_first_line(error)) from error
                    raise
                metrics.batch_retried(self._database.service, reason)
                if attempt == TRIES:
                    raise
                await asyncio.sleep(random.uniform(0.01, 0.05) * 2**attempt)
        raise AssertionError("unreachable")

    async def _database_answers(self) -> bool:
        try:
            await self._database.ping()
        except Exception:  # whatever keeps it from answering
            return False
        return True

    async def _once(self, items: list[_Item]) -> Result:
        result = Result()
        async with self._database.transaction() as tx:
            fresh = await self._only_new(tx, items, result)
            by_event = {id(item.event): item for item in fresh}
            words: dict[int, Outcome] = {}
            for subscription in self._subscriptions:
                kind = subscription.contract.TYPE
                events = [item.event for item in fresh if item.event.type == kind]
                if events:
                    outcomes = await subscription.handler(tx, events)
                    words.update((id(outcome.event), outcome) for outcome in outcomes or ())
            without_effect: list[Event[Any]] = []
            for key, item in by_event.items():
                outcome = words.get(key)
                if outcome is None or outcome.word == DUPLICATE:
                    result.handled.append((item.event, DONE if outcome is None else DUPLICATE))
                else:
                    without_effect.append(item.event)
                    self._fail(item, outcome.word, outcome.reason, outcome.message, result)
            if without_effect:
                await inbox.forget(tx, without_effect)
            repeated = Counter((event.source, event.type) for event, word in result.handled if word == DUPLICATE)
            if repeated:
                await inbox.count_duplicates(tx, repeated)
        return result

    async def _only_new(self, tx: Transaction, items: list[_Item], result: Result) -> list[_Item]:
        taken_before = await inbox.take(tx, [item.event for item in items])
        if not taken_before:
            return items
        old = [item for item in items if (item.event.source, item.event.id) in taken_before]
        before = await inbox.known(tx, [item.event for item in old])
        for item in old:
            known_type, known_hash = before[(item.event.source, item.event.id)]
            self._again(known_type, known_hash, item, result)
        return [item for item in items if (item.event.source, item.event.id) not in taken_before]


def _sqlstate(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def _database_is_down(error: BaseException) -> bool:
    """No connection, connection lost, shutting down, read-only, out of disk: the messages are innocent."""
    if isinstance(error, PoolTimeoutError | OSError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _sqlstate(error)
    if state:
        return state in DOWN or (state[:2] in DOWN and state != STATEMENT_TIMEOUT)
    return isinstance(error, InterfaceError | OperationalError)


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return text.splitlines()[0][:500]
