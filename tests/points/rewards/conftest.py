from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from common.http import create_app
from common.security.masterkeys import new_master_key
from common.security.tokens import TokenVerifier
from common.storage import Database
from points import keyring


@pytest.fixture(autouse=True)
def master_key() -> Iterator[None]:
    """Personal data can be sealed and opened."""
    keyring.prepare(SimpleNamespace(master_keys=SecretStr(f"k1:{new_master_key()}")))
    yield
    keyring.prepare(SimpleNamespace(master_keys=SecretStr("")))


@pytest.fixture
def app(points_database: Database, verifier: TokenVerifier) -> FastAPI:
    """The doors of rewards alone."""
    from points.problems import PROBLEMS
    from points.reward_fulfilment.api import router as fulfilment
    from points.reward_offers.api import router as offers
    from points.reward_orders.api import router as orders
    from points.rewards.api import router as rewards

    return create_app(
        service="points",
        routers=[offers, rewards, orders, fulfilment],
        problems=PROBLEMS,
        database=points_database,
        verifier=verifier,
    )


@pytest.fixture
def client(app: FastAPI, token: Callable[..., str]) -> Any:
    """`async with client(role="support") as support:` a caller of the API."""

    @asynccontextmanager
    async def make(**claims: Any) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {token(**claims)}"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://points", headers=headers) as made:
            yield made

    return make


@pytest.fixture
async def operator(client: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with client(role="operator") as made:
        yield made


@pytest.fixture
async def till(client: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with client(role="checkout", subject="client:shop", kind="client") as made:
        yield made
