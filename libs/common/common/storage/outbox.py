"""The outbox: messages that left a transaction and wait for the relay. Rows are deleted when the broker confirmed."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from common.events.cloudevent import CONTENT_TYPE

EVENTS_EXCHANGE = "loyalty.events"


class Outgoing(NamedTuple):
    """One message as it will go out. `headers` is a JSON object of AMQP headers."""

    routing_key: str
    body: bytes
    exchange: str = EVENTS_EXCHANGE
    content_type: str = CONTENT_TYPE
    headers: str = "{}"


INSERT = text("""
    INSERT INTO outbox (exchange, routing_key, content_type, headers, body, time)
    SELECT :exchange, routing_key, :content_type, :headers, body, :time
    FROM unnest(CAST(:routing_keys AS text[]), CAST(:bodies AS bytea[]))
        WITH ORDINALITY AS new(routing_key, body, place)
    ORDER BY place
""")


def _alike(one: Outgoing) -> tuple[str, str, str]:
    return (one.exchange, one.content_type, one.headers)


async def insert(connection: AsyncConnection, outgoing: Sequence[Outgoing], time: datetime) -> None:
    """All rows, in the order they were emitted: one statement for each run that differs in key and body alone."""
    for (exchange, content_type, headers), group in groupby(outgoing, key=_alike):
        rows = list(group)
        await connection.execute(
            INSERT,
            {
                "exchange": exchange,
                "content_type": content_type,
                "headers": headers,
                "time": time,
                "routing_keys": [row.routing_key for row in rows],
                "bodies": [row.body for row in rows],
            },
        )
