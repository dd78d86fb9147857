"""A service is a list of what it hears, answers and does on time; `common.runtime.process` makes a process of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

from common.runtime.schedule import Job
from common.runtime.settings import ServiceSettings
from common.storage.database import Database


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
    routers: Sequence[APIRouter] = ()
    problems: Mapping[type[Exception], Any] = field(default_factory=dict)
    loops: Sequence[Loop] = ()
    seed: Seed | None = None
    prepare: Callable[[Any], None] | None = None
    app_options: Callable[[Any, Database], Mapping[str, Any]] | None = None


def open_database(service: Service, settings: ServiceSettings) -> Database:
    return Database(
        settings.database_url.get_secret_value(), service=service.name, pool_size=settings.database_pool_size
    )
