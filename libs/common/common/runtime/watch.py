"""Figures that nobody's work produces and somebody must look up: outbox depth and age, open dead letters."""

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from common.runtime import metrics
from common.storage.database import Database

EVERY_SECONDS = 10.0

_FIGURES = """
    SELECT (SELECT count(*) FROM outbox) AS waiting,
           (SELECT min(time) FROM (SELECT time FROM outbox ORDER BY id LIMIT 100) AS first) AS oldest,
           (SELECT count(*) FROM dead_letters WHERE state IN ('new', 'parked')) AS open
"""


async def look(database: Database) -> None:
    """Read the figures once and put them into the metrics."""
    async with database.transaction() as tx:
        row = await tx.fetch_one(_FIGURES)
        assert row is not None
        age = (tx.now - row.oldest).total_seconds() if row.oldest is not None else 0.0
    metrics.outbox_waiting(database.service, row.waiting, age)
    metrics.dead_letters_open(database.service, row.open)


async def watch(database: Database, stop: asyncio.Event, *, every_seconds: float = EVERY_SECONDS) -> None:
    """Until `stop`; a database that does not answer leaves the figures as they were."""
    while not stop.is_set():
        try:
            await look(database)
        except (SQLAlchemyError, OSError, TimeoutError):
            pass
        try:
            await asyncio.wait_for(stop.wait(), every_seconds)
        except TimeoutError:
            continue
