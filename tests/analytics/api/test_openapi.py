"""The OpenAPI document of analytics is true, and no question makes a server error."""

import asyncio
from collections.abc import Callable

from pydantic import SecretStr

from analytics.api import ROUTERS
from analytics.problems import PROBLEMS
from common.http import create_app, public_routes, walk
from common.runtime.settings import ServiceSettings
from common.security.tokens import TokenVerifier
from common.storage import Database
from tests.common.http.conformance import conformance


async def test_every_route_refuses_callers_without_the_permission(
    analytics_database: Database, verifier: TokenVerifier, token: Callable[..., str]
) -> None:
    app = create_app(
        service="analytics",
        routers=ROUTERS,
        problems=PROBLEMS,
        settings=ServiceSettings(database_url=SecretStr("postgresql://nobody@localhost/nothing")),
        database=analytics_database,
        verifier=verifier,
    )
    assert public_routes(app) == {"GET /health/live", "GET /health/ready", "GET /metrics"}
    assert await walk(app, token) == []


async def test_schemathesis_finds_nothing(
    analytics_database: Database, verifier: TokenVerifier, token: Callable[..., str]
) -> None:
    url = analytics_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = create_app(
        service="analytics",
        routers=ROUTERS,
        problems=PROBLEMS,
        settings=ServiceSettings(database_url=SecretStr(url)),
        verifier=verifier,
    )
    exclude = "^/(metrics|v1/(dead-letters|audit-log|jobs).*)$"  # the framework's own are tried in its tests
    findings = await asyncio.to_thread(conformance, app, token=token(role="admin"), max_examples=3, exclude=exclude)
    assert findings == "", findings
