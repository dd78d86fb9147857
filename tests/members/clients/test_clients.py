"""Other systems: made by admins, let in by OAuth 2.0 client credentials."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from common.http import verifier_for
from common.storage import Database
from members.settings import Settings
from members.signing.handlers import StoredKeys

Client = Callable[..., Any]
SHOP = {"client_id": "shop-1", "name": "Shop", "roles": ["publisher"], "source": "//shop-1"}
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
async def secret(client: Client) -> str:
    answer = await client(role="admin").post("/v1/clients", json=SHOP)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return str(answer.json()["client_secret"])


async def ask(client: Client, **form: str) -> Any:
    return await client(role=None).post("/v1/oauth/token", data={**GRANT, **form})


async def test_client_gets_a_token_that_lets_it_do_its_work_and_nothing_else(
    client: Client, secret: str, app: FastAPI, settings: Settings, database: Database
) -> None:
    app.state.verifier = verifier_for(settings, keys=StoredKeys(database))
    answer = await ask(client, client_id="shop-1", client_secret=secret)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    token = answer.json()["access_token"]
    caller = await app.state.verifier.caller(token)
    assert (caller.subject, caller.kind, caller.permissions) == ("client:shop-1", "client", {"purchases:write"})
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client(role=None).get("/v1/members", headers=headers)).status_code == 403
    assert (await client(role=None).post("/v1/returns", json={}, headers=headers)).status_code == 422


async def test_basic_is_accepted_too(client: Client, secret: str) -> None:
    basic = base64.b64encode(f"shop-1:{secret}".encode()).decode()
    answer = await client(role=None).post("/v1/oauth/token", data=GRANT, headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "shop-1", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "shop-1\u0000", "client_secret": "x"}, 401, "invalid_client"),
        ({}, 401, "invalid_client"),
        ({"grant_type": "password", "client_id": "shop-1"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
    ],
)
async def test_refusals_speak_the_words_of_oauth(
    client: Client, secret: str, form: dict[str, str], status: int, error: str
) -> None:
    answer = await ask(client, **form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_scope_narrows_and_never_widens(client: Client, secret: str) -> None:
    good = await ask(client, client_id="shop-1", client_secret=secret, scope="purchases:write members:read")
    assert good.status_code == 200
    nothing = await ask(client, client_id="shop-1", client_secret=secret, scope="members:read")
    assert (nothing.status_code, nothing.json()["error"]) == (400, "invalid_scope")


async def test_permissions_of_a_client_narrow_its_roles(client: Client, app: FastAPI, settings: Settings) -> None:
    body = {"client_id": "bi", "roles": ["operator"], "permissions": ["members:read"]}
    made = await client(role="admin").post("/v1/clients", json=body)
    assert made.status_code == 201, made.text
    secret = made.json()["client_secret"]
    answer = (await ask(client, client_id="bi", client_secret=secret)).json()
    assert answer["scope"] == "members:read"
    app.state.verifier = verifier_for(settings, keys=StoredKeys(app.state.database))
    assert (await app.state.verifier.caller(answer["access_token"])).permissions == {"members:read"}


async def test_inactive_client_is_not_let_in(client: Client, secret: str) -> None:
    assert (await client(role="admin").patch("/v1/clients/shop-1", json={"active": False})).is_success
    assert (await ask(client, client_id="shop-1", client_secret=secret)).status_code == 401


async def test_secret_before_opens_for_another_day_unless_it_leaked(client: Client, secret: str) -> None:
    admin = client(role="admin")
    second = (await admin.post("/v1/clients/shop-1/secret", json={})).json()["client_secret"]
    for one in (secret, second):
        assert (await ask(client, client_id="shop-1", client_secret=one)).status_code == 200
    third = (await admin.post("/v1/clients/shop-1/secret", json={"keep_previous": False})).json()["client_secret"]
    assert (await ask(client, client_id="shop-1", client_secret=second)).status_code == 401
    assert (await ask(client, client_id="shop-1", client_secret=third)).status_code == 200


async def test_secret_is_shown_once_and_kept_as_a_hash(client: Client, secret: str, database: Database) -> None:
    admin = client(role="admin")
    assert secret not in (await admin.get("/v1/clients/shop-1")).text + (await admin.get("/v1/clients")).text
    async with database.transaction() as tx:
        assert secret not in str(await tx.fetch_all("SELECT clients::text FROM clients"))
        assert secret not in str(await tx.fetch_all("SELECT audit_log::text FROM audit_log"))


@pytest.mark.parametrize(
    "change",
    [
        {"source": None},
        {"source": "//loyalty/points"},
        {"roles": []},
        {"roles": ["king"]},
        {"permissions": ["everything"]},
        {"client_id": "a b"},
        {"client_id": ""},
        {"client_id": "x" * 65},
        {"name": "\u0000"},
        {"colour": "blue"},
    ],
)
async def test_wrong_client_is_refused(client: Client, change: dict[str, Any]) -> None:
    assert (await client(role="admin").post("/v1/clients", json={**SHOP, **change})).status_code == 422


async def test_taken_id_stale_change_and_unknown_client(client: Client, secret: str) -> None:
    admin = client(role="admin")
    assert (await admin.post("/v1/clients", json=SHOP)).json()["code"] == "client_exists"
    assert (await admin.patch("/v1/clients/shop-1", json={"name": "A"}, headers={"If-Match": '"1"'})).is_success
    assert (await admin.patch("/v1/clients/shop-1", json={"name": "B"}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await admin.get("/v1/clients/none")).status_code == 404
    assert (await admin.patch("/v1/clients/shop-1", json={"source": None})).status_code == 422


async def test_a_checkout_hands_in_for_a_source_of_its_own(client: Client) -> None:
    till = {"client_id": "till-1", "roles": ["checkout"]}
    refused = await client(role="admin").post("/v1/clients", json={**till, "name": "Till"})
    assert (refused.status_code, refused.json()["code"]) == (422, "client_invalid")


@pytest.fixture
async def till(client: Client, app: FastAPI, settings: Settings, database: Database) -> dict[str, str]:
    """The bearer header of a checkout."""
    made = await client(role="admin").post(
        "/v1/clients", json={"client_id": "till-1", "name": "Till", "roles": ["checkout"], "source": "//shop-1/till-1"}
    )
    assert made.status_code == 201, made.text
    app.state.verifier = verifier_for(settings, keys=StoredKeys(database))
    answer = await ask(client, client_id="till-1", client_secret=made.json()["client_secret"])
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_a_checkout_may_ask_for_pins_and_see_no_member(client: Client, till: dict[str, str]) -> None:
    nobody = "00000000-0000-7000-8000-000000000000"
    asked = {"pin": "846153", "max_points": 5}
    granted = await client(role=None).post(f"/v1/members/{nobody}/pin-grants", json=asked, headers=till)
    assert granted.status_code == 404
    assert (await client(role=None).get(f"/v1/members/{nobody}", headers=till)).status_code == 403
