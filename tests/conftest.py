"""Fixtures for every test: servers, databases, virtual hosts, tokens. Where the servers come from: servers.py."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import BinaryIO, cast
from uuid import uuid4

import pytest

from common.runtime import logs
from common.security.keysets import FixedKeys
from common.security.signing import SigningKey, new_signing_key
from common.security.tokens import TokenRules, TokenVerifier, sign_token
from common.storage.database import Database
from tests import servers as servers_module
from tests.servers import Servers, Vhost

ISSUER = "http://members.test"
AUDIENCE = "loyalty"


def pytest_configure(config: pytest.Config) -> None:
    """Logs are lines as in production, only errors. Under xdist the servers are started once, before the workers."""
    for size in ("COLUMNS", "LINES"):  # of whose terminal ever: tables are as wide as each test says
        os.environ.pop(size, None)
    logs.configure("tests", level="error", out=cast(BinaryIO, sys.stderr.buffer))
    if not hasattr(config, "workerinput") and getattr(config.option, "numprocesses", None):
        shared = servers_module.start()
        shared.export()
        config.add_cleanup(lambda: servers_module.finish(shared))


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """PostgreSQL and RabbitMQ of this session; both answer."""
    found = servers_module.start()
    yield found
    if not hasattr(request.config, "workerinput"):
        servers_module.finish(found)


@pytest.fixture
async def make_database(servers: Servers) -> AsyncIterator[Callable[[str], Awaitable[Database]]]:
    """`await make_database("points")`: a fresh clone of that service's migrated database, dropped at the end."""
    async with AsyncExitStack() as cleanup:

        async def make(service: str) -> Database:
            url = await servers_module.clone(servers, service)
            cleanup.push_async_callback(servers_module.drop, servers, url)
            database = servers_module.patient(url, service)
            cleanup.push_async_callback(database.close)
            return database

        yield make


@pytest.fixture
async def members_database(make_database: Callable[[str], Awaitable[Database]]) -> Database:
    return await make_database("members")


@pytest.fixture
async def points_database(make_database: Callable[[str], Awaitable[Database]]) -> Database:
    return await make_database("points")


@pytest.fixture
async def notify_database(make_database: Callable[[str], Awaitable[Database]]) -> Database:
    return await make_database("notify")


@pytest.fixture
async def analytics_database(make_database: Callable[[str], Awaitable[Database]]) -> Database:
    return await make_database("analytics")


@pytest.fixture
async def make_vhost(servers: Servers) -> AsyncIterator[Callable[..., Awaitable[Vhost]]]:
    """`await make_vhost(delays={"10s": 0.2, "1m": 0.4, "10m": 0.6})`: a virtual host whose retries come back sooner."""
    async with AsyncExitStack() as cleanup:

        async def make(delays: dict[str, float] | None = None) -> Vhost:
            created = await asyncio.to_thread(servers_module.create_vhost, servers, delays)
            cleanup.push_async_callback(asyncio.to_thread, servers.management.delete_vhost, created.name)
            return created

        yield make


@pytest.fixture
async def vhost(make_vhost: Callable[..., Awaitable[Vhost]]) -> Vhost:
    """A virtual host of the test's own with the whole topology; `vhost.url("points")`, `vhost.url("demo-shop")`, …"""
    return await make_vhost()


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """The key that signs the tests' tokens."""
    return new_signing_key()


@pytest.fixture
def verifier(signing_key: SigningKey) -> TokenVerifier:
    """Believes the tokens of fixture `token`; give it to the app under test."""
    return TokenVerifier(TokenRules(issuer=ISSUER, audience=AUDIENCE), FixedKeys(signing_key.public))


@pytest.fixture
def token(signing_key: SigningKey) -> Callable[..., str]:
    """`token(role="operator")` or `token(role="admin", permissions=["points:read"])`: a signed access token.

    `permissions` narrow what the role may do; `lifetime_seconds` below zero makes a token that has expired.
    """

    def make(
        *,
        role: str = "operator",
        permissions: list[str] | None = None,
        subject: str = "staff:test",
        kind: str = "staff",
        lifetime_seconds: int = 600,
    ) -> str:
        return sign_token(
            signing_key,
            issuer=ISSUER,
            audience=AUDIENCE,
            subject=subject,
            kind="client" if kind == "client" else "staff",
            roles=frozenset({role}),
            token_id=uuid4().hex,
            now=datetime.now(UTC),
            lifetime_seconds=lifetime_seconds,
            scope=None if permissions is None else " ".join(permissions),
        )

    return make
