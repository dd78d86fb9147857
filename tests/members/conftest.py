"""What tests of members share: an application, a keyring, a seeded database, somebody to call it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from common.events.programme import ProgrammeSettings, TierStep
from common.http import create_app
from common.security.callers import SYSTEM
from common.security.masterkeys import new_master_key
from common.security.roles import ROLES
from common.security.tokens import TokenVerifier
from common.storage import Database
from members import keyring
from members.api import ROUTERS
from members.problems import PROBLEMS
from members.programme import handlers as programme
from members.registry import handlers as registry
from members.registry.domain import Member
from members.registry.handlers import Registration
from members.settings import Settings
from members.signing import handlers as signing

LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
TIERS = (
    TierStep(key="base", name="普通", rank=0, threshold=0),
    TierStep(key="silver", name="银牌", rank=1, threshold=10_000),
    TierStep(key="gold", name="金牌", rank=2, threshold=30_000),
)
SETTINGS = ProgrammeSettings(name="Test", currency="CNY", tiers=TIERS, tier_window_days=0)

Client = Callable[..., httpx.AsyncClient]


@pytest.fixture
def settings() -> Settings:
    return Settings(
        database_url=SecretStr("postgresql://nobody@localhost/nothing"),
        master_keys=SecretStr(f"k1:{new_master_key()}"),
        token_issuer="http://members.test",
    )


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> keyring.Keyring:
    keyring.prepare(settings)
    return keyring.current()


@pytest.fixture
async def database(members_database: Database, keys: keyring.Keyring) -> Database:
    """Seeded as `migrate` does it, with three tiers by life-long spend."""
    async with members_database.transaction() as tx:
        await programme.seed(tx)
        await programme.change(tx, SYSTEM, SETTINGS)
        await signing.ensure(tx, keys.cipher.masters)
    return members_database


@pytest.fixture
def app(database: Database, verifier: TokenVerifier, settings: Settings) -> FastAPI:
    return create_app(
        service="members",
        routers=ROUTERS,
        problems=PROBLEMS,
        settings=settings,
        database=database,
        verifier=verifier,
    )


@pytest.fixture
async def client(app: FastAPI, token: Callable[..., str]) -> AsyncIterator[Client]:
    """`client()` calls as an operator, `client(role="support")` as another, `client(role=None)` without a token."""
    opened: list[httpx.AsyncClient] = []

    def make(role: str | None = "operator", **claims: Any) -> httpx.AsyncClient:
        assert role is None or role in ROLES
        headers = {} if role is None else {"Authorization": f"Bearer {token(role=role, **claims)}"}
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        made = httpx.AsyncClient(transport=transport, base_url="http://members", headers=headers)
        opened.append(made)
        return made

    yield make
    for one in opened:
        await one.aclose()


@pytest.fixture
def register(database: Database, keys: keyring.Keyring) -> Callable[..., Awaitable[UUID]]:
    """`await register(phone="13800138000")`: a member's id."""

    async def make(**fields: Any) -> UUID:
        registration = Registration(**{"registered_at": LONG_AGO, **fields})
        async with database.transaction() as tx:
            (answer,) = await registry.register(tx, SYSTEM, keys, [registration])
        assert isinstance(answer, Member), answer
        return answer.member_id

    return make


@pytest.fixture
def outbox(database: Database) -> Callable[..., Awaitable[Sequence[Any]]]:
    """What waits to go out, in order: `type`, `source`, `id`, `subject`, `traceparent`, `data` (as JSON: `body`)."""

    async def rows(type_: str = "") -> Sequence[Any]:
        async with database.transaction() as tx:
            found = await tx.fetch_all("SELECT body FROM outbox ORDER BY id")
        messages = [SimpleNamespace(**orjson.loads(row.body)) for row in found]
        for message in messages:
            message.body = orjson.dumps(message.data)
        return [message for message in messages if type_ in ("", message.type)]

    return rows
