"""A database with the framework's tables and one table of a made-up subject, and an application around it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from fastapi import FastAPI
from sqlalchemy import Connection, text

from common.http import create_app
from common.security.tokens import TokenVerifier
from common.storage import Database, framework
from tests.common.http import things
from tests.servers import Servers


def _framework(connection: Connection) -> None:
    framework.create(Operations(MigrationContext.configure(connection)))


@pytest.fixture(scope="module")
def database_url(servers: Servers) -> Iterator[str]:
    name = f"test_http_{os.urandom(4).hex()}"
    url = urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}"))
    asyncio.run(_create(servers.database_url, name, url))
    yield url
    asyncio.run(_admin(servers.database_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Empty but for the audit log, which nobody can empty."""
    database = Database(
        database_url, service="things", pool_size=5, statement_timeout_seconds=2, lock_timeout_seconds=0.5
    )
    async with database.transaction() as tx:
        for table in ("things", "idempotency_keys", "data_keys", "outbox"):
            await tx.execute(f"DELETE FROM {table}")
    yield database
    await database.close()


async def _create(admin_url: str, name: str, url: str) -> None:
    await _admin(admin_url, f'CREATE DATABASE "{name}"')
    database = Database(url, service="things")
    async with database.engine.begin() as connection:
        await connection.run_sync(_framework)
        await connection.execute(text(things.TABLE))
    await database.close()


async def _admin(admin_url: str, statement: str) -> None:
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def app(database: Database, verifier: TokenVerifier) -> FastAPI:
    return create_app(
        service="things",
        routers=[things.router],
        problems=things.PROBLEMS,
        database=database,
        verifier=verifier,
        max_body_bytes=2_000,
    )


@pytest.fixture
async def anybody(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://things") as client:
        yield client


@pytest.fixture
async def operator(app: FastAPI, token: Callable[..., str]) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {token(role='operator')}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://things", headers=headers
    ) as client:
        yield client
