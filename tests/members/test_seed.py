"""What `migrate` makes sure of, and which tokens the API believes."""

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from common.runtime.service import Context
from common.storage import Database
from members.api import app_options
from members.keyring import Keyring
from members.seed import seed
from members.settings import Settings
from members.staff import handlers as staff


async def test_migrate_makes_programme_key_and_first_admin_once(
    members_database: Database, settings: Settings, keys: Keyring
) -> None:
    told = settings.model_copy(
        update={"admin_email": "Root@Example.com", "admin_password": SecretStr("a good password")}
    )
    context = Context(service="members", settings=told, database=members_database)
    await asyncio.gather(*(seed(context) for _ in range(3)))
    await seed(context)
    async with members_database.transaction() as tx:
        for table in ("programme", "programme_history", "tier_rules", "signing_keys", "staff_accounts", "outbox"):
            assert await tx.fetch_value(f"SELECT count(*) FROM {table}") == 1, table
    assert (await staff.log_in(members_database, "root@example.com", "a good password")).role == "admin"


async def test_without_an_admin_in_the_environment_none_is_made(
    members_database: Database, settings: Settings, keys: Keyring
) -> None:
    await seed(Context(service="members", settings=settings, database=members_database))
    async with members_database.transaction() as tx:
        assert not await tx.fetch_value("SELECT count(*) FROM staff_accounts")


async def test_tokens_of_another_issuer_are_verified_as_everywhere(database: Database, settings: Settings) -> None:
    assert "verifier" in app_options(settings, database)
    outside = settings.model_copy(update={"token_algorithms": "RS256"})
    assert app_options(outside, database) == {}


async def test_500_members_are_registered_in_one_batch(client: Callable[..., Any]) -> None:
    batch = [
        {"name": f"名 {n}", "email": f"c{n}@example.com", "external_ids": [{"system": "//cdnow", "id": str(n)}]}
        for n in range(500)
    ]
    answer = await client().post("/v1/members/batch", json={"members": batch})
    assert answer.json()["registered"] == 500
