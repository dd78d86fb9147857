"""A service is a list of what it hears, answers and does on time; `run` makes the process of it.

In `points/__main__.py`:

    run(Service(name="points", settings=Settings, subscriptions=SUBSCRIPTIONS, schedule=SCHEDULE, routers=ROUTERS))

`python -m points api` answers HTTP and needs the database, never the broker. `python -m points worker` hears events,
publishes the outbox and runs timed jobs. `python -m points migrate` brings the schema up to date, then seeds.
"""

import argparse
import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from common.runtime import logs, tracing
from common.runtime.schedule import Job
from common.runtime.settings import ServiceSettings, load, refuse
from common.runtime.supervise import answering, stop_on_signals
from common.storage.database import Database

if TYPE_CHECKING:
    from fastapi import APIRouter

MIGRATE_WAIT_SECONDS = 120
GARBAGE_THRESHOLD = 100_000
NEEDS = {"api": (), "worker": ("rabbitmq_url",), "migrate": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a loop or a seed of a service works with. `settings` is an instance of the service's own class."""

    service: str
    settings: Any
    database: Database


WorkerContext = Context

Loop = Callable[[Context, asyncio.Event], Awaitable[None]]
"""A long-running part of a worker: until the event is set, then return soon. One that ends earlier ends the process."""
Seed = Callable[[Context], Awaitable[None]]
"""What `migrate` does after the migrations; it must change nothing the second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """All a process of this service consists of.

    `settings` is the class, read from the environment by `run`. `prepare` is called once with the settings before
    anything else. `app_options` gives further arguments of `common.http.create_app`, such as `state` and `verifier`.
    """

    name: str
    settings: type[ServiceSettings] = ServiceSettings
    subscriptions: Sequence[Any] = ()
    schedule: Sequence[Job] = ()
    routers: "Sequence[APIRouter]" = ()
    problems: Mapping[type[Exception], Any] = field(default_factory=dict)
    loops: Sequence[Loop] = ()
    seed: Seed | None = None
    prepare: Callable[[Any], None] | None = None
    app_options: Callable[[Any, Database], Mapping[str, Any]] | None = None


def run(service: Service, arguments: Sequence[str] | None = None) -> NoReturn:
    """Be the process the command line asks for, and end with its exit code (2: wrong settings or arguments)."""
    parser = argparse.ArgumentParser(prog=f"python -m {service.name}", description=f"The {service.name} service.")
    parser.add_argument(
        "command", choices=sorted(NEEDS), help="api: answer HTTP; worker: handle events; migrate: prepare the database"
    )
    command = parser.parse_args(arguments).command
    settings = load(service.settings, needs=NEEDS[command])
    logs.configure(service.name, level=settings.log_level)
    tracing.configure(
        service.name, endpoint=settings.otel_exporter_otlp_endpoint, sample_ratio=settings.trace_sample_ratio
    )
    if service.prepare is not None:
        try:
            service.prepare(settings)
        except ValueError as error:
            refuse([logs.scrub(str(error))])
    if command == "worker":
        _collect_garbage_rarely()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            code = runner.run(_main(service, command, settings))
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        logs.logger("service").critical(f"{command} failed", exc_info=error)
        code = 1
    finally:
        tracing.shutdown()
    sys.exit(code)


def _collect_garbage_rarely() -> None:
    """A batch makes thousands of short-lived objects and no cycles; looking for cycles in them is wasted work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 50, 50)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def open_database(service: Service, settings: ServiceSettings) -> Database:
    return Database(
        settings.database_url.get_secret_value(), service=service.name, pool_size=settings.database_pool_size
    )


async def _main(service: Service, command: str, settings: ServiceSettings) -> int:
    stop = stop_on_signals()
    if command == "migrate":
        return await _migrate(service, settings, stop)
    if command == "api":
        from common.runtime.api import run_api

        return await run_api(service, settings, stop)
    from common.runtime.worker import run_worker

    return await run_worker(service, settings, stop)


async def _migrate(service: Service, settings: ServiceSettings, stop: asyncio.Event) -> int:
    from common.storage.migrations import upgrade

    log = logs.logger("migrate")
    database = open_database(service, settings)
    try:
        if not await answering(
            "the database",
            database.ping,
            stop,
            longest_wait_seconds=settings.connect_retry_limit_seconds,
            give_up_seconds=MIGRATE_WAIT_SECONDS,
        ):
            return 1
        await upgrade(settings.database_url.get_secret_value(), service.name)
        log.info("schema is up to date")
        if service.seed is not None:
            await service.seed(Context(service=service.name, settings=settings, database=database))
            log.info("seeded")
        return 0
    finally:
        await database.close()
