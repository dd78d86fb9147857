"""Figures that nobody's work produces and somebody must look up: how many dead letters are open."""

import asyncio
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from common.runtime import metrics
from common.storage.database import Database

EVERY_SECONDS = 10.0

_OPEN = "SELECT count(*) FROM dead_letters WHERE state IN ('new', 'parked')"


async def look(database: Database) -> None:
    """Read the figures once and put them into the metrics."""
    async with database.transaction() as tx:
        metrics.dead_letters_open(database.service, await tx.fetch_value(_OPEN))


async def watch(database: Database, stop: asyncio.Event, *, every_seconds: float = EVERY_SECONDS) -> None:
    """Until `stop`; a database that does not answer leaves the figures as they were."""
    while not stop.is_set():
        with suppress(SQLAlchemyError, OSError, TimeoutError):
            await look(database)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_seconds)
