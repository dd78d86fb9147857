"""Every route is behind its door, and nothing that is sent makes it fall over."""

import asyncio
from collections.abc import Callable

from fastapi import FastAPI
from pydantic import SecretStr

from common.http import create_app, public_routes, walk
from common.security.tokens import TokenVerifier
from common.storage import Database
from notify.__main__ import SERVICE
from notify.dispatch.handlers import points_earned
from notify.settings import Settings
from tests.common.http.conformance import conformance
from tests.notify.events import earned, handled, member


async def test_every_route_refuses_callers_without_the_permission(app: FastAPI, token: Callable[..., str]) -> None:
    assert public_routes(app) == {"GET /health/live", "GET /health/ready", "GET /metrics"}
    assert await walk(app, token) == []


async def test_schemathesis_finds_nothing(
    notify_database: Database, verifier: TokenVerifier, token: Callable[..., str]
) -> None:
    who = await member(notify_database, email="li@example.com")
    await handled(notify_database, points_earned, *(earned(who, order=f"A-{number}") for number in range(5)))
    url = notify_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = create_app(
        service="notify",
        routers=SERVICE.routers,
        problems=SERVICE.problems,
        settings=Settings(database_url=SecretStr(url)),
        verifier=verifier,
    )
    exclude = "^/(metrics|v1/(dead-letters|audit-log|jobs).*)$"  # the framework's own are tried in its tests
    findings = await asyncio.to_thread(conformance, app, token=token(role="admin"), max_examples=5, exclude=exclude)
    assert findings == "", findings
