"""The outbox: messages that left a transaction and wait for the relay. Rows are deleted when the broker confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

EVENTS_EXCHANGE = "loyalty.events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message. The routing key is the event type unless `routing_key` says otherwise (replays name a service).

    `body` is the payload as JSON; `headers` is a JSON object of further message headers.
    """

    event_id: str
    source: str
    type: str
    subject: str
    time: datetime
    traceparent: str
    body: bytes
    exchange: str = EVENTS_EXCHANGE
    routing_key: str = ""
    content_type: str = "application/json"
    headers: str = "{}"


INSERT = text("""
    INSERT INTO outbox (
        event_id, source, type, subject, time, traceparent, body, exchange, routing_key, content_type, headers)
    SELECT * FROM unnest(
        CAST(:event_id AS text[]), CAST(:source AS text[]), CAST(:type AS text[]), CAST(:subject AS text[]),
        CAST(:time AS timestamptz[]), CAST(:traceparent AS text[]), CAST(:body AS bytea[]), CAST(:exchange AS text[]),
        CAST(:routing_key AS text[]), CAST(:content_type AS text[]), CAST(:headers AS text[]))
""")


async def insert(connection: AsyncConnection, outgoing: Sequence[Outgoing]) -> None:
    """All rows in one statement, in the order they were emitted."""
    await connection.execute(
        INSERT,
        {
            "event_id": [row.event_id for row in outgoing],
            "source": [row.source for row in outgoing],
            "type": [row.type for row in outgoing],
            "subject": [row.subject for row in outgoing],
            "time": [row.time for row in outgoing],
            "traceparent": [row.traceparent for row in outgoing],
            "body": [row.body for row in outgoing],
            "exchange": [row.exchange for row in outgoing],
            "routing_key": [row.routing_key or row.type for row in outgoing],
            "content_type": [row.content_type for row in outgoing],
            "headers": [row.headers for row in outgoing],
        },
    )
