"""A client of the service's application, with a token or without."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from analytics.api import ROUTERS
from analytics.problems import PROBLEMS
from common.http import create_app
from common.security.tokens import TokenVerifier
from common.storage import Database

Get = Callable[..., Any]


@pytest.fixture
def app(analytics_database: Database, verifier: TokenVerifier) -> Any:
    return create_app(
        service="analytics", routers=ROUTERS, problems=PROBLEMS, database=analytics_database, verifier=verifier
    )


@pytest.fixture
async def anonymous(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://analytics.test") as client:
        yield client


@pytest.fixture
def analyst(anonymous: httpx.AsyncClient, token: Callable[..., str]) -> httpx.AsyncClient:
    anonymous.headers["Authorization"] = f"Bearer {token(role='analyst')}"
    return anonymous
