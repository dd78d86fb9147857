"""Keys that sign tokens: published, changed without a gap, sealed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from common.http import verifier_for
from common.security.callers import SYSTEM
from common.security.masterkeys import new_master_key
from common.security.tokens import TokenError
from common.storage import Database
from members import jobs, keyring
from members.keyring import Keyring
from members.settings import Settings
from members.signing import handlers as signing
from members.signing.handlers import StoredKeys, Terms

Client = Callable[..., Any]


async def issue(database: Database, settings: Settings) -> str:
    async with database.transaction() as tx:
        return await signing.issue(
            tx,
            keyring.current().cipher.masters,
            Terms.of(settings),
            subject="staff:1",
            kind="staff",
            roles=frozenset({"admin"}),
        )


async def test_public_keys_are_published_where_verifiers_look(client: Client) -> None:
    document = (await client(role=None).get("/.well-known/openid-configuration")).json()
    assert document["issuer"] == "http://members.test"
    assert document["token_endpoint"] == "http://members.test/v1/oauth/token"
    assert document["jwks_uri"] == "http://members.test/.well-known/jwks.json"
    (key,) = (await client(role=None).get("/.well-known/jwks.json")).json()["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    assert "d" not in key


async def test_new_key_is_published_before_it_signs_and_the_old_one_believed(
    client: Client, database: Database, settings: Settings
) -> None:
    old = await issue(database, settings)
    answer = await client(role="admin").post("/v1/signing-keys")
    assert answer.status_code == 201
    new, previous = answer.json()
    assert datetime.fromisoformat(new["signs_from"]) > datetime.now(UTC)
    retires = datetime.fromisoformat(previous["retires_at"])
    assert retires > datetime.now(UTC) + timedelta(hours=1)
    verifier = verifier_for(settings, keys=StoredKeys(database))
    assert (await verifier.caller(old)).subject == "staff:1"
    between = await issue(database, settings)
    assert (await verifier.caller(between)).subject == "staff:1"
    async with database.transaction() as tx:
        await tx.execute("UPDATE signing_keys SET signs_from = signs_from - interval '1 hour'")
    assert len((await client(role=None).get("/.well-known/jwks.json")).json()["keys"]) == 2
    later = await issue(database, settings)
    assert (await verifier.caller(later)).subject == "staff:1"


async def test_retired_key_is_believed_no_more(database: Database, settings: Settings, keys: Keyring) -> None:
    old = await issue(database, settings)
    async with database.transaction() as tx:
        await signing.rotate(tx, SYSTEM, keys.cipher.masters, lifetime_seconds=3600)
        await tx.execute(
            "UPDATE signing_keys SET signs_from = signs_from - interval '2 days', "
            "retires_at = retires_at - interval '1 day'"
        )
    with pytest.raises(TokenError) as refused:
        await verifier_for(settings, keys=StoredKeys(database)).caller(old)
    assert refused.value.reason == "unknown_key"
    async with database.transaction() as tx:
        await jobs.signing_keys_tended(tx)
        assert await tx.fetch_value("SELECT count(*) FROM signing_keys") == 1


async def test_old_key_is_changed_by_the_timed_job_once(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("UPDATE signing_keys SET created_at = created_at - interval '91 days'")
    for _ in range(2):
        async with database.transaction() as tx:
            await jobs.signing_keys_tended(tx)
    async with database.transaction() as tx:
        assert await tx.fetch_value("SELECT count(*) FROM signing_keys") == 2


async def test_new_master_key_seals_everything_again(
    database: Database, settings: Settings, client: Client, register: Callable[..., Any]
) -> None:
    member = await register(name="王芳", phone="13800138000")
    old_keys = settings.master_keys.get_secret_value()
    both = settings.model_copy(update={"master_keys": SecretStr(f"k2:{new_master_key()},{old_keys}")})
    keyring.prepare(both)
    async with database.transaction() as tx:
        await jobs.data_keys_rewrapped(tx)
        await jobs.signing_keys_tended(tx)
        assert await tx.fetch_value("SELECT count(*) FROM data_keys WHERE key_id <> 'k2'") == 0
    new = both.master_keys.get_secret_value().partition(",")[0]
    index_key = SecretStr(old_keys.partition(":")[2])
    keyring.prepare(settings.model_copy(update={"master_keys": SecretStr(new), "index_key": index_key}))
    assert await issue(database, settings)
    found = (await client().post("/v1/members/search", json={"phone": "13800138000"})).json()["items"]
    assert found[0]["member_id"] == str(member)
    assert found[0]["name"] == "王*"
