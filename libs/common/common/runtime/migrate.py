"""A migrate process: bring the schema up to date, then seed, and end. It may run again at any time."""

import asyncio

from common.runtime import logs
from common.runtime.service import Context, Service, open_database
from common.runtime.settings import ServiceSettings
from common.runtime.supervise import answering
from common.storage import migrations

WAIT_SECONDS = 120
"""How long it waits for a database that is not up yet."""


async def run_migrate(service: Service, settings: ServiceSettings, stop: asyncio.Event) -> int:
    """The exit code: 1 when the database did not answer in time."""
    log = logs.logger("migrate")
    database = open_database(service, settings)
    try:
        if not await answering(
            "the database",
            database.ping,
            stop,
            longest_wait_seconds=settings.connect_retry_limit_seconds,
            give_up_seconds=WAIT_SECONDS,
        ):
            return 1
        await migrations.upgrade(settings.database_url.get_secret_value(), service.name)
        log.info("schema is up to date")
        if service.seed is not None:
            await service.seed(Context(service=service.name, settings=settings, database=database))
            log.info("seeded")
        return 0
    finally:
        await database.close()
