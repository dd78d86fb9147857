"""One transaction: state and outgoing events are committed together or not at all."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from common.events.cloudevent import structured
from common.events.contract import Contract
from common.events.event import Event, new_event_id
from common.runtime import tracing
from common.storage import outbox
from common.trace_context import child_of

Params = Mapping[str, Any] | None


@lru_cache(maxsize=1024)
def _clause(sql: str) -> TextClause:
    return text(sql)


class Transaction:
    """SQL and events of one unit of work. `now` (UTC) is read once, so that all its rows agree on the time.

    SQL is text with `:name` parameters; arrays are passed as lists: `unnest(CAST(:ids AS uuid[]))`. Each distinct text
    is parsed once, so texts are constants of `store.py`, never built from data.
    """

    def __init__(self, connection: AsyncConnection, *, service: str) -> None:
        self.connection = connection
        self.now = datetime.now(UTC)
        self._service = service
        self._source = f"//loyalty/{service}"
        self._outgoing: list[outbox.Outgoing] = []

    async def execute(self, sql: str, params: Params = None) -> int:
        """The number of rows the statement touched."""
        return (await self.connection.execute(_clause(sql), params)).rowcount

    async def fetch_all(self, sql: str, params: Params = None) -> Sequence[Row[Any]]:
        return (await self.connection.execute(_clause(sql), params)).fetchall()

    async def fetch_one(self, sql: str, params: Params = None) -> Row[Any] | None:
        return (await self.connection.execute(_clause(sql), params)).fetchone()

    async def fetch_value(self, sql: str, params: Params = None) -> Any:
        return (await self.connection.execute(_clause(sql), params)).scalar()

    def emit(
        self,
        data: Contract,
        *,
        cause: Event[Contract] | None = None,
        source: str | None = None,
        id: str | None = None,
    ) -> str:
        """Publish `data` after the commit; returns the event's id. The trace of `cause` goes on in it.

        `source` is this service unless the event speaks for somebody else. An `id` that is derived from the cause
        makes the event the same one however often it is emitted.
        """
        event_id = id or new_event_id()
        above = cause.traceparent if cause else ""
        traceparent = child_of(above)
        tracing.emitted(traceparent, cause=above, service=self._service)
        self._outgoing.append(
            outbox.Outgoing(
                routing_key=data.TYPE,
                body=structured(
                    id=event_id,
                    source=source or self._source,
                    type=data.TYPE,
                    subject=data.subject(),
                    time=self.now,
                    traceparent=traceparent,
                    data=data.__pydantic_serializer__.to_json(data),
                ),
            )
        )
        return event_id

    def publish_again(self, outgoing: outbox.Outgoing) -> None:
        """Put a message into the outbox as it is (replays of dead letters)."""
        self._outgoing.append(outgoing)

    async def flush(self) -> int:
        """Write the outbox rows; returns how many. Called once, by the database, before the commit."""
        outgoing, self._outgoing = self._outgoing, []
        if outgoing:
            await outbox.insert(self.connection, outgoing, self.now)
        return len(outgoing)
