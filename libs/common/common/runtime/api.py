"""An API process: the service's HTTP door. It needs the database and never the broker; events wait in the outbox."""

import asyncio

from common.http import create_app
from common.runtime import logs
from common.runtime.health import serve
from common.runtime.service import Service, open_database
from common.runtime.settings import ServiceSettings
from common.runtime.supervise import Part, supervise


async def run_api(service: Service, settings: ServiceSettings, stop: asyncio.Event) -> int:
    """Answer until `stop`; the exit code. It starts while the database is down, and is unready until it answers."""
    database = open_database(service, settings)
    app = create_app(
        service=service.name,
        settings=settings,
        routers=list(service.routers),
        problems=dict(service.problems),
        database=database,
        **(service.app_options(settings, database) if service.app_options is not None else {}),
    )

    async def http(stop: asyncio.Event) -> None:
        grace = settings.shutdown_limit_seconds * 0.8
        await serve(app, host=settings.api_host, port=settings.api_port, stop=stop, grace_seconds=grace)

    logs.logger("service").info("api starts", host=settings.api_host, port=settings.api_port)
    try:
        return await supervise([Part(name="http", run=http)], stop, limit_seconds=settings.shutdown_limit_seconds)
    finally:
        await database.close()
        logs.logger("service").info("api ended")
