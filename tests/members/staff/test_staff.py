"""Staff: accounts, logging in, and being locked out."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from common.http import verifier_for
from common.security.callers import SYSTEM
from common.storage import Database
from members.keyring import Keyring
from members.settings import Settings
from members.signing.handlers import StoredKeys
from members.staff import handlers as staff
from members.staff import store

Client = Callable[..., Any]
ANNA = {"email": "Anna@Example.com", "name": "Anna", "role": "operator", "password": "correct horse battery"}
GOOD = {"email": "anna@example.com", "password": ANNA["password"]}
WRONG = {"email": "anna@example.com", "password": "wrong"}


@pytest.fixture
async def anna(client: Client) -> Any:
    answer = await client(role="admin").post("/v1/staff", json=ANNA)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_staff_log_in_and_the_token_lets_them_in(
    client: Client, anna: dict[str, Any], app: FastAPI, settings: Settings, database: Database
) -> None:
    app.state.verifier = verifier_for(settings, keys=StoredKeys(database))
    answer = await client(role=None).post("/v1/staff/login", json=GOOD)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["staff"]["role"]) == ("Bearer", 3600, "operator")
    caller = await app.state.verifier.caller(body["access_token"])
    assert (caller.subject, caller.kind, caller.roles) == (f"staff:{anna['staff_id']}", "staff", {"operator"})
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert (await client(role=None).get("/v1/members", headers=headers)).status_code == 200
    assert (await client(role=None).get("/v1/staff", headers=headers)).status_code == 403


async def test_password_is_never_shown_or_kept(client: Client, anna: dict[str, Any], database: Database) -> None:
    assert "password" not in str(anna)
    async with database.transaction() as tx:
        found = await store.by_email(tx, "anna@example.com")
    assert found is not None
    assert found.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize("email", ["anna@example.com", "nobody@example.com"])
async def test_after_five_wrong_passwords_nobody_learns_whether_the_address_exists(
    client: Client, anna: dict[str, Any], email: str
) -> None:
    nobody = client(role=None)
    for _ in range(5):
        refused = await nobody.post("/v1/staff/login", json={"email": email, "password": "wrong"})
        assert (refused.status_code, refused.json()["code"]) == (401, "login_refused")
    locked = await nobody.post("/v1/staff/login", json={"email": email, "password": ANNA["password"]})
    assert (locked.status_code, locked.json()["code"]) == (423, "account_locked")
    assert locked.json()["locked_until"]
    assert int(locked.headers["Retry-After"]) > 0


async def test_guessing_in_parallel_gains_nothing(client: Client, anna: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(client(role=None).post("/v1/staff/login", json=WRONG) for _ in range(9)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [423] * 4


async def test_good_password_forgives_the_wrong_ones(client: Client, anna: dict[str, Any]) -> None:
    nobody = client(role=None)
    for _ in range(3):
        for _ in range(3):
            await nobody.post("/v1/staff/login", json=WRONG)
        assert (await nobody.post("/v1/staff/login", json=GOOD)).status_code == 200


async def test_lock_ends_with_its_time_or_with_a_new_password(
    client: Client, anna: dict[str, Any], database: Database
) -> None:
    nobody = client(role=None)
    for _ in range(6):
        await nobody.post("/v1/staff/login", json=WRONG)
    async with database.transaction() as tx:
        await tx.execute("UPDATE login_attempts SET expires_at = now() - interval '1 second'")
    assert (await nobody.post("/v1/staff/login", json=GOOD)).status_code == 200
    for _ in range(6):
        await nobody.post("/v1/staff/login", json=WRONG)
    new = {"password": "another good one"}
    assert (await client(role="admin").patch(f"/v1/staff/{anna['staff_id']}", json=new)).is_success
    assert (await nobody.post("/v1/staff/login", json={**GOOD, **new})).status_code == 200
    async with database.transaction() as tx:
        await staff.tries_forgotten(tx)


async def test_inactive_staff_are_not_let_in(client: Client, anna: dict[str, Any]) -> None:
    changed = await client(role="admin").patch(f"/v1/staff/{anna['staff_id']}", json={"active": False})
    assert changed.json()["active"] is False
    assert (await client(role=None).post("/v1/staff/login", json=GOOD)).status_code == 401


async def test_own_password_is_changed_with_the_old_one(client: Client, anna: dict[str, Any]) -> None:
    nobody = client(role=None)
    body = {**GOOD, "new_password": "a quite new password"}
    assert (await nobody.post("/v1/staff/password", json={**body, "password": "wrong"})).status_code == 401
    assert (await nobody.post("/v1/staff/password", json={**body, "new_password": "short"})).status_code == 422
    assert (await nobody.post("/v1/staff/password", json=body)).status_code == 200
    assert (await nobody.post("/v1/staff/login", json=GOOD)).status_code == 401
    assert (await nobody.post("/v1/staff/login", json={**GOOD, "password": body["new_password"]})).status_code == 200


async def test_last_admin_stays(client: Client, database: Database) -> None:
    async with database.transaction() as tx:
        assert await staff.seed(tx, email="root@example.com", password="first admin password")
        assert not await staff.seed(tx, email="other@example.com", password="first admin password")
    (root,) = (await client(role="admin").get("/v1/staff")).json()["items"]
    for change in ({"active": False}, {"role": "support"}):
        answer = await client(role="admin").patch(f"/v1/staff/{root['staff_id']}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    await client(role="admin").post("/v1/staff", json={**ANNA, "role": "admin"})
    assert (await client(role="admin").patch(f"/v1/staff/{root['staff_id']}", json={"active": False})).is_success


async def test_stale_change_and_taken_address_are_refused(client: Client, anna: dict[str, Any]) -> None:
    admin, path = client(role="admin"), f"/v1/staff/{anna['staff_id']}"
    assert (await admin.patch(path, json={"name": "A"}, headers={"If-Match": '"1"'})).is_success
    assert (await admin.patch(path, json={"name": "B"}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await admin.post("/v1/staff", json=ANNA)).json()["code"] == "staff_exists"


@pytest.mark.parametrize(
    "change",
    [
        {"password": "short"},
        {"password": "aaaaaaaaaaaa"},
        {"password": "anna@example.com"},
        {"password": "x" * 201},
        {"role": "king"},
        {"email": "nobody"},
        {"email": "a\u0000@b"},
        {"name": "\u0000"},
    ],
)
async def test_wrong_account_is_refused(client: Client, change: dict[str, str]) -> None:
    assert (await client(role="admin").post("/v1/staff", json={**ANNA, **change})).status_code == 422


async def test_everything_done_to_accounts_is_audited(client: Client, anna: dict[str, Any], database: Database) -> None:
    await client(role="admin").patch(f"/v1/staff/{anna['staff_id']}", json={"role": "support"})
    async with database.transaction() as tx:
        rows = await tx.fetch_all(
            "SELECT action FROM audit_log WHERE subject = :id ORDER BY id", {"id": anna["staff_id"]}
        )
    assert [row.action for row in rows] == ["staff.made", "staff.changed"]


async def test_unknown_account_is_404(client: Client) -> None:
    assert (await client(role="admin").get("/v1/staff/00000000-0000-7000-8000-000000000000")).status_code == 404


def test_system_is_nobody_of_the_staff(keys: Keyring) -> None:
    assert not SYSTEM.permissions
