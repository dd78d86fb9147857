"""Bad input over HTTP, to the real processes with real tokens: each gets its error, and nothing is half done."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.faults.oracle import nothing_under_way
from tests.faults.world import World, new_world
from tests.servers import Servers

pytestmark = pytest.mark.slow

SHOP = "//shop.example/web"
ADMIN = {"email": "admin@example.com", "password": "correct-horse-battery"}
ANALYST = {"email": "analyst@example.com", "password": "staple-battery-horse"}
PURCHASE = {
    "source": SHOP,
    "order_id": "order-1",
    "occurred_at": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
    "currency": "CNY",
    "amount": 25_800,
}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Desk:
    world: World
    address: str
    member: UUID
    admin: httpx.AsyncClient
    analyst: httpx.AsyncClient

    def body(self, **change: Any) -> dict[str, Any]:
        return {**PURCHASE, "member_id": str(self.member), **change}


@pytest.fixture
async def desk(servers: Servers, tmp_path: Path) -> AsyncIterator[Desk]:
    """Members' API and worker run; one member, one purchase of hers, an admin and an analyst."""
    async with new_world(servers, tmp_path, ["members"]) as world:
        first = {"ADMIN_EMAIL": ADMIN["email"], "ADMIN_PASSWORD": ADMIN["password"]}
        assert await world.start("members", "migrate", **first).ended() == 0
        await world.started("members")
        api = await world.started("members", "api")
        address = f"http://127.0.0.1:{api.port}"
        async with (
            httpx.AsyncClient(base_url=address, timeout=30) as admin,
            httpx.AsyncClient(base_url=address, timeout=30) as analyst,
        ):
            await log_in(admin, ADMIN)
            account = {**ANALYST, "name": "Analyst", "role": "analyst"}
            assert (await admin.post("/v1/staff", json=account)).status_code == 201
            await log_in(analyst, ANALYST)
            registered = (await admin.post("/v1/members", json={"name": "林小满"})).raise_for_status().json()
            desk = Desk(world, address, UUID(registered["member_id"]), admin, analyst)
            assert (await admin.post("/v1/purchases", json=desk.body())).status_code == 202
            await world.until_value("members", "SELECT count(*) FROM purchases", 1)
            await nothing_under_way(world)
            yield desk


async def log_in(client: httpx.AsyncClient, account: dict[str, str]) -> None:
    answer = (await client.post("/v1/staff/login", json=account)).raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["title"]
    assert body["detail"]
    assert len(body["trace_id"]) == 32
    return answer.status_code, body["code"]


async def state(world: World) -> dict[str, Any]:
    tables = ("purchases", "returns", "members", "outbox", "inbox", "dead_letters", "resolutions", "submissions")
    known = {
        row.name for row in await world.rows("members", "SELECT table_name AS name FROM information_schema.tables")
    }
    return {name: await world.value("members", f"SELECT count(*) FROM {name}") for name in tables if name in known}


WRONG: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("negative amount", {"amount": -1}, (422, "invalid_request")),
    ("half a cent", {"amount": 1.5}, (422, "invalid_request")),
    ("no currency", {"currency": "yuan"}, (422, "invalid_request")),
    ("another currency", {"currency": "EUR"}, (422, "purchase_refused")),
    ("long ago", {"occurred_at": "1066-10-14T09:00:00Z"}, (422, "purchase_refused")),
    ("to come", {"occurred_at": "2999-01-01T00:00:00Z"}, (422, "purchase_refused")),
    ("no zone", {"occurred_at": "2026-03-01T09:30:00"}, (422, "invalid_request")),
    ("unknown member", {"member_id": str(uuid4())}, (422, "purchase_refused")),
    ("same order, another body", {"order_id": "order-1", "amount": 99}, (409, "order_id_reused")),
    ("speaking for us", {"source": "//loyalty/points"}, (403, "source_not_yours")),
]


async def test_every_bad_request_gets_its_error_and_changes_nothing(desk: Desk) -> None:
    before = await state(desk.world)
    for name, change, wanted in WRONG:
        body = desk.body(**{"order_id": "order-2", **change})
        assert code_of(await desk.admin.post("/v1/purchases", json=body)) == wanted, name
    for content in (b"order-2;25800;CNY", b"{", b"[]"):
        answer = await desk.admin.post("/v1/purchases", content=content, headers=JSON)
        assert code_of(answer) in ((400, "malformed_body"), (422, "invalid_request")), content
    huge = json.dumps(desk.body(shop="x" * 10_000_000)).encode()
    assert code_of(await desk.admin.post("/v1/purchases", content=huge, headers=JSON))[0] == 413
    assert (await desk.admin.post("/v9/purchases", json=desk.body())).status_code == 404
    await nothing_under_way(desk.world)
    assert await state(desk.world) == before


async def test_who_may_not_is_told_so_and_changes_nothing(desk: Desk) -> None:
    before = await state(desk.world)
    body = desk.body(order_id="order-2")
    async with httpx.AsyncClient(base_url=desk.address) as anybody:
        assert code_of(await anybody.post("/v1/purchases", json=body)) == (401, "not_authenticated")
        token = desk.admin.headers["Authorization"]
        forged = {"Authorization": token[:-8] + "AAAAAAAA"}
        assert (await anybody.post("/v1/purchases", json=body, headers=forged)).status_code == 401
        rubbish = {"Authorization": "Bearer a.b.c"}
        assert code_of(await anybody.post("/v1/purchases", json=body, headers=rubbish)) == (401, "token_malformed")
    status, code = code_of(await desk.analyst.post("/v1/purchases", json=body))
    assert status == 403, code
    assert await state(desk.world) == before


async def test_a_replayed_key_gets_the_first_answer_and_another_body_a_conflict(desk: Desk) -> None:
    key = {"Idempotency-Key": "till-7-0001"}
    body = desk.body(order_id="order-3")
    first = await desk.admin.post("/v1/purchases", json=body, headers=key)
    again = await desk.admin.post("/v1/purchases", json=body, headers=key)
    assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)
    other = await desk.admin.post("/v1/purchases", json={**body, "amount": 1}, headers=key)
    assert code_of(other) == (422, "idempotency_key_reused")
    await desk.world.until_value("members", "SELECT count(*) FROM purchases", 2)
    await nothing_under_way(desk.world)
    assert await desk.world.value("members", "SELECT amount FROM purchases WHERE order_id = 'order-3'") == 25_800
