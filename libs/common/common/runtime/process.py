"""`run` makes the process of a service that the command line asks for.

In `points/__main__.py`:

    run(Service(name="points", settings=Settings, subscriptions=SUBSCRIPTIONS, schedule=SCHEDULE, routers=ROUTERS))

`python -m points api` answers HTTP and needs the database, never the broker. `python -m points worker` hears events,
publishes the outbox and runs timed jobs. `python -m points migrate` brings the schema up to date, then seeds.
"""

import argparse
import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from common.runtime import logs, tracing
from common.runtime.api import run_api
from common.runtime.migrate import run_migrate
from common.runtime.service import Service
from common.runtime.settings import ServiceSettings, load, refuse
from common.runtime.supervise import stop_on_signals
from common.runtime.worker import run_worker

GARBAGE_THRESHOLD = 100_000

Main = Callable[[Service, ServiceSettings, asyncio.Event], Awaitable[int]]

COMMANDS: dict[str, Main] = {"api": run_api, "worker": run_worker, "migrate": run_migrate}
NEEDS = {"api": (), "worker": ("rabbitmq_url",), "migrate": ()}


def run(service: Service, arguments: Sequence[str] | None = None) -> NoReturn:
    """Be the process the command line asks for, and end with its exit code (2: wrong settings or arguments)."""
    parser = argparse.ArgumentParser(prog=f"python -m {service.name}", description=f"The {service.name} service.")
    parser.add_argument(
        "command",
        choices=sorted(COMMANDS),
        help="api: answer HTTP; worker: handle events; migrate: prepare the database",
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
            code = runner.run(_main(COMMANDS[command], service, settings))
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


async def _main(main: Main, service: Service, settings: ServiceSettings) -> int:
    return await main(service, settings, stop_on_signals())
