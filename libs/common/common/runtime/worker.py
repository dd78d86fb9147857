"""A worker: consumer, relay, drainer of dead letters, timed jobs, the service's own loops, and health over HTTP."""

import asyncio
from functools import partial

from common.messaging.consumer import Consumer
from common.messaging.drainer import Drainer
from common.messaging.relay import Relay
from common.runtime import logs
from common.runtime.health import Check, health_app, serve
from common.runtime.schedule import Scheduler
from common.runtime.service import Context, Service, open_database
from common.runtime.settings import ServiceSettings
from common.runtime.supervise import Part, supervise
from common.runtime.watch import watch
from common.storage.database import Database

FIRST, SECOND, LAST = 0, 1, 2
"""Stages of stopping: first who makes work, then the relay that publishes it, at the end the health server."""


async def run_worker(service: Service, settings: ServiceSettings, stop: asyncio.Event) -> int:
    """Work until `stop`; the exit code. Database and broker may come up later: it is unready until then."""
    database = open_database(service, settings)
    broker_url = settings.rabbitmq_url.get_secret_value()
    relay, drainer = Relay(broker_url, database), Drainer(broker_url, database)
    context = Context(service=service.name, settings=settings, database=database)
    checks: dict[str, Check] = {"database": partial(_database, database), "relay": partial(_relay, relay)}
    parts = [
        Part(name="relay", run=relay.run, stage=SECOND),
        Part(name="drainer", run=drainer.run),
        Part(name="schedule", run=Scheduler(database, service.schedule).run),
        Part(name="watch", run=partial(watch, database)),
        *(Part(name=f"loop {_name(loop)}", run=partial(loop, context)) for loop in service.loops),
    ]
    if service.subscriptions:
        consumer = Consumer(
            broker_url, database, service.subscriptions, prefetch=settings.prefetch, batch_size=settings.batch_size
        )
        checks["consumer"] = partial(_consumer, consumer)
        parts.append(Part(name="consumer", run=consumer.run))
    health = partial(_health, checks, settings)
    parts.append(Part(name="health", run=health, stage=LAST))
    logs.logger("service").info("worker starts", metrics_port=settings.metrics_port, jobs=len(service.schedule))
    try:
        return await supervise(parts, stop, limit_seconds=settings.shutdown_limit_seconds)
    finally:
        await database.close()
        logs.logger("service").info("worker ended")


def _name(loop: object) -> str:
    return f"{getattr(loop, '__module__', '')}.{getattr(loop, '__qualname__', type(loop).__name__)}"


async def _health(checks: dict[str, Check], settings: ServiceSettings, stop: asyncio.Event) -> None:
    await serve(health_app(checks), host=settings.api_host, port=settings.metrics_port, stop=stop, grace_seconds=1)


async def _database(database: Database) -> str | None:
    await database.ping()
    return None


async def _relay(relay: Relay) -> str | None:
    return None if relay.running else "not connected to the broker"


async def _consumer(consumer: Consumer) -> str | None:
    if consumer.stopped_because:
        return f"stopped: {consumer.stopped_because}"
    return None if consumer.running else "not consuming"
