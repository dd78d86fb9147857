"""`create_app`: one service's HTTP application, the same around every subject."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from common.http import audit_log, health
from common.http.answers import Answers, answer_http_exception
from common.http.doors import refuse_unguarded
from common.http.envelope import Envelope
from common.http.openapi import document
from common.http.problems import Problems
from common.http.verifier import verifier_for
from common.messaging import dead_letters_api
from common.runtime import jobs_api
from common.runtime.health import Check
from common.runtime.settings import ServiceSettings
from common.runtime.web import Observed
from common.security.tokens import TokenVerifier
from common.storage import Database

MAX_BODY_BYTES = 1_048_576
VERSION = "1"

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    *,
    service: str,
    routers: Sequence[APIRouter],
    problems: Problems | None = None,
    settings: ServiceSettings | None = None,
    database: Database | None = None,
    verifier: TokenVerifier | None = None,
    checks: Mapping[str, Check] | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
    title: str = "",
    description: str = "",
    state: Mapping[str, Any] | None = None,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """The application of `service`: health, metrics, audit log and OpenAPI beside its own `routers`.

    `database` and `verifier` are made from `settings` when not given; a database made here is closed at the end.
    `problems` maps domain errors to answers; `checks` are asked by /health/ready beside the database; `state` becomes
    `request.app.state.<name>`; `lifespan` runs while the application does. The broker is never touched.

    Raises UnguardedRouteError when a route has neither `allow(...)` nor `public()`.
    """
    opened: Database | None = None
    if database is None or verifier is None:
        if settings is None:
            raise ValueError("create_app needs settings, or a database and a verifier")
        verifier = verifier or verifier_for(settings)
        if database is None:
            url, size = settings.database_url.get_secret_value(), settings.database_pool_size
            database = opened = Database(url, service=service, pool_size=size)
    answers = Answers(problems or {})
    app = FastAPI(
        title=title or f"loyalty {service}",
        description=description,
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_life(opened, lifespan),
        middleware=[
            Middleware(Observed, service=service),
            Middleware(Envelope, answers=answers, max_body_bytes=max_body_bytes),
        ],
        exception_handlers={HTTPException: answer_http_exception, RequestValidationError: answer_http_exception},
    )
    app.state.service = service
    app.state.settings = settings
    app.state.database = database
    app.state.verifier = verifier
    app.state.answers = answers
    app.state.ready_checks = {"database": _answering(database), **(checks or {})}
    for name, value in (state or {}).items():
        setattr(app.state, name, value)
    for router in (health.router, *routers, dead_letters_api.router, jobs_api.router, audit_log.router):
        app.include_router(router)
    refuse_unguarded(app)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


def _answering(database: Database) -> Check:
    async def check() -> str | None:
        await database.ping()
        return None

    return check


def _life(opened: Database | None, inner: Lifespan | None) -> Lifespan:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if opened is not None:
                stack.push_async_callback(opened.close)
            if inner is not None:
                await stack.enter_async_context(inner(app))
            yield

    return life
