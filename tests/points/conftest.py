from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from common.http import create_app
from common.security.tokens import TokenVerifier
from common.storage import Database
from points import keyring

Client = httpx.AsyncClient


class _Keys:
    master_keys = SecretStr("test:" + "A" * 43)
    index_key = SecretStr("B" * 43)


@pytest.fixture(autouse=True)
def keys() -> None:
    """The master key of the tests: coupons seal their codes, rewards their addresses."""
    keyring.prepare(_Keys)


def make_app(database: Database, verifier: TokenVerifier) -> FastAPI:
    from points.__main__ import SERVICE  # not above: the tests of one subject's decisions need no other subject

    return create_app(
        service="points", routers=SERVICE.routers, problems=SERVICE.problems, database=database, verifier=verifier
    )


@pytest.fixture
def app(points_database: Database, verifier: TokenVerifier) -> FastAPI:
    return make_app(points_database, verifier)


@pytest.fixture
def client(app: FastAPI, token: Callable[..., str]) -> Any:
    """`async with client(role="support") as support:` a caller of the API."""

    @asynccontextmanager
    async def make(**claims: Any) -> AsyncIterator[Client]:
        headers = {"Authorization": f"Bearer {token(**claims)}"}
        transport = httpx.ASGITransport(app)
        async with Client(transport=transport, base_url="http://points", headers=headers) as made:
            yield made

    return make


@pytest.fixture
async def operator(client: Any) -> AsyncIterator[Client]:
    async with client(role="operator") as made:
        yield made


@pytest.fixture
async def auditor(client: Any) -> AsyncIterator[Client]:
    async with client(role="auditor") as made:
        yield made
