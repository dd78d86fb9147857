"""What people see and decide about dead letters over HTTP."""

import base64
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from common.http import create_app, walk
from common.messaging import dead_letters_store
from common.messaging.dead_letters import letter_of
from common.messaging.frames import Delivery
from common.security.tokens import TokenVerifier
from common.storage import Database
from tests.common.messaging.conftest import envelope_of, purchase

Client = httpx.AsyncClient


@pytest.fixture
async def client(database: Database, verifier: TokenVerifier, token: Callable[..., str]) -> AsyncIterator[Client]:
    app = create_app(service="points", routers=[], database=database, verifier=verifier)
    headers = {"Authorization": f"Bearer {token(role='operator')}"}
    async with Client(transport=httpx.ASGITransport(app), base_url="http://points", headers=headers) as made:
        yield made


async def set_aside(database: Database, *bodies: bytes, error: str = "unknown_member", at: int = 0) -> None:
    headers = {
        "loyalty-error-type": error,
        "loyalty-error-message": f"Something about {error}.",
        "loyalty-first-failed-at": (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at)).isoformat(),
        "loyalty-routing-key": "purchase.completed.v1",
    }
    async with database.transaction() as tx:
        taken = [Delivery(1, False, "points", "", "application/cloudevents+json", headers, body) for body in bodies]
        await dead_letters_store.add(tx, [letter_of(delivery) for delivery in taken])


def submitted(order: str) -> bytes:
    """A purchase by a telephone number: openly personal."""
    envelope = orjson.loads(envelope_of(purchase(order)))
    envelope["type"] = "purchase.submitted.v1"
    envelope["data"] = envelope["data"] | {"customer": {"phone": "13800138000"}}
    del envelope["data"]["member_id"]
    return orjson.dumps(envelope)


async def items(client: Client, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/dead-letters", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def outbox(database: Database) -> list[Any]:
    async with database.transaction() as tx:
        return list(await tx.fetch_all("SELECT * FROM outbox ORDER BY id"))


async def test_letters_are_listed_newest_first_in_pages(client: Client, database: Database) -> None:
    for n in range(5):
        await set_aside(database, envelope_of(purchase(f"o{n}")))
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        body = (await client.get("/v1/dead-letters", params=query)).json()
        seen += [item["event_id"] for item in body["items"]]
        cursor = body["next"]
        if cursor is None:
            break
    assert seen == [f"e-o{n}" for n in reversed(range(5))]


async def test_letters_are_filtered_by_everything_that_matters(client: Client, database: Database) -> None:
    await set_aside(database, envelope_of(purchase("o1")), error="unknown_member")
    await set_aside(database, envelope_of(purchase("o2")), b"broken", error="not_json")
    assert len(await items(client)) == 3
    assert [item["event_id"] for item in await items(client, error_type="unknown_member")] == ["e-o1"]
    assert len(await items(client, type="purchase.completed.v1")) == 2
    assert len(await items(client, source="//till", error_type="not_json")) == 1
    assert len(await items(client, state=["new", "parked"])) == 3
    assert await items(client, state="discarded") == []
    assert await items(client, to="2020-01-01T00:00:00Z") == []
    assert len(await items(client, **{"from": "2020-01-01T00:00:00Z"})) == 3
    assert (await client.get("/v1/dead-letters", params={"state": "lost"})).status_code == 422


async def test_groups_show_what_fails_most(client: Client, database: Database) -> None:
    await set_aside(database, *(envelope_of(purchase(f"o{n}")) for n in range(3)), error="unknown_member")
    await set_aside(database, b"broken", error="not_json")
    groups = (await client.get("/v1/dead-letters/groups")).json()["items"]
    assert [(group["error_type"], group["count"]) for group in groups] == [("unknown_member", 3), ("not_json", 1)]
    assert groups[0]["sample_message"] == "Something about unknown_member."


async def test_a_letter_shows_its_message_and_its_error(client: Client, database: Database) -> None:
    await set_aside(database, envelope_of(purchase("o1")))
    letter_id = (await items(client))[0]["id"]
    letter = (await client.get(f"/v1/dead-letters/{letter_id}")).json()
    assert letter["body"]["data"]["order_id"] == "o1"
    assert (letter["body_edited"], letter["body_base64"], letter["edited"]) == (None, None, False)
    assert letter["headers"]["loyalty-error-type"] == "unknown_member"
    assert letter["trace_id"] == "a" * 32


async def test_a_message_that_is_no_json_is_shown_in_bytes(client: Client, database: Database) -> None:
    await set_aside(database, b"\xff\x00 not json")
    letter_id = (await items(client))[0]["id"]
    letter = (await client.get(f"/v1/dead-letters/{letter_id}")).json()
    assert letter["body"] is None
    assert base64.b64decode(letter["body_base64"]) == b"\xff\x00 not json"
    assert letter["body_hex"].startswith("ff 00 20 6e")


async def test_a_huge_message_is_shown_in_part(client: Client, database: Database) -> None:
    await set_aside(database, b'"' + b"x" * 10_000_000 + b'"')
    (summary,) = await items(client)
    letter = (await client.get(f"/v1/dead-letters/{summary['id']}")).json()
    assert summary["body_bytes"] == 10_000_002
    assert letter["body"] is None
    assert len(letter["body_base64"]) < 400_000


async def test_a_message_nested_without_end_is_shown_in_bytes(client: Client, database: Database) -> None:
    await set_aside(database, b"[" * 900 + b"]" * 900)
    letter_id = (await items(client))[0]["id"]
    answer = await client.get(f"/v1/dead-letters/{letter_id}")
    assert (answer.status_code, answer.json()["body"], answer.json()["body_base64"][:4]) == (200, None, "W1tb")
    deep = '{"body": ' + "[" * 900 + "]" * 900 + "}"
    headers = {"Content-Type": "application/json"}
    edited = await client.put(f"/v1/dead-letters/{letter_id}/body", content=deep, headers=headers)
    assert edited.status_code == 422


async def test_open_personal_data_is_masked_unless_it_may_be_seen(
    client: Client, database: Database, token: Callable[..., str]
) -> None:
    await set_aside(database, submitted("o1"))
    letter_id = (await items(client))[0]["id"]
    masked = {
        "Authorization": f"Bearer {token(role='operator', permissions=['dead_letters:read', 'dead_letters:write'])}"
    }
    letter = (await client.get(f"/v1/dead-letters/{letter_id}", headers=masked)).json()
    assert letter["body"]["data"]["customer"]["phone"] == "***"
    edited = await client.put(f"/v1/dead-letters/{letter_id}/body", json={"body": letter["body"]}, headers=masked)
    assert edited.status_code == 422, "the mask must not become the member's number"
    letter = (await client.get(f"/v1/dead-letters/{letter_id}")).json()
    assert letter["body"]["data"]["customer"]["phone"] == "13800138000"
    async with database.transaction() as tx:
        seen = await tx.fetch_all("SELECT action, actor FROM audit_log")
    assert [(row.action, row.actor) for row in seen] == [("dead_letter.revealed", "staff:test")]


async def test_an_edit_is_checked_kept_and_taken_back(client: Client, database: Database) -> None:
    await set_aside(database, envelope_of(purchase("o1")))
    letter_id = (await items(client))[0]["id"]
    body = (await client.get(f"/v1/dead-letters/{letter_id}")).json()["body"]
    wrong = body | {"data": body["data"] | {"amount": -5, "currency": "yuan"}}
    refused = await client.put(f"/v1/dead-letters/{letter_id}/body", json={"body": wrong})
    assert refused.status_code == 422
    assert refused.json()["code"] == "dead_letter_body_invalid"
    assert len(refused.json()["errors"]) == 2
    right = body | {"data": body["data"] | {"amount": 500}}
    letter = (await client.put(f"/v1/dead-letters/{letter_id}/body", json={"body": right})).json()
    assert (letter["edited"], letter["body"]["data"]["amount"], letter["body_edited"]["data"]["amount"]) == (
        True,
        100,
        500,
    )
    assert (await client.delete(f"/v1/dead-letters/{letter_id}/body")).json()["edited"] is False


async def test_a_replay_leaves_by_the_outbox_to_this_service_alone(client: Client, database: Database) -> None:
    body = envelope_of(purchase("o1"))
    await set_aside(database, body)
    letter_id = (await items(client))[0]["id"]
    answer = await client.post(f"/v1/dead-letters/{letter_id}/replay", json={"reason": "member registered now"})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["replays"], answer.json()["decided_by"]) == (
        "replayed",
        1,
        "staff:test",
    )
    (row,) = await outbox(database)
    assert (row.exchange, row.routing_key) == ("loyalty.return", "points")
    assert row.body == body
    assert "loyalty-attempt" not in orjson.loads(row.headers)
    assert (await client.post(f"/v1/dead-letters/{letter_id}/replay")).json()["replays"] == 2


async def test_replaying_many_is_a_dry_run_first(client: Client, database: Database) -> None:
    await set_aside(database, *(envelope_of(purchase(f"o{n}")) for n in range(5)))
    await set_aside(database, envelope_of(purchase("x")), error="other")
    tried = (await client.post("/v1/dead-letters/replay", json={"error_type": "unknown_member"})).json()
    assert (tried["dry_run"], tried["matched"], tried["changed"], len(tried["sample"])) == (True, 5, 0, 5)
    assert await outbox(database) == []
    really = {"error_type": "unknown_member", "dry_run": False, "limit": 3}
    assert (await client.post("/v1/dead-letters/replay", json=really)).json()["changed"] == 3
    assert (await client.post("/v1/dead-letters/replay", json=really)).json()["changed"] == 2
    assert (await client.post("/v1/dead-letters/replay", json=really)).json()["changed"] == 0
    assert len(await outbox(database)) == 5


async def test_giving_up_needs_a_reason(client: Client, database: Database) -> None:
    await set_aside(database, envelope_of(purchase("o1")), envelope_of(purchase("o2")))
    first, second = [item["id"] for item in await items(client)]
    assert (await client.post(f"/v1/dead-letters/{first}/discard", json={})).status_code == 422
    parked = await client.post(f"/v1/dead-letters/{first}/park", json={"reason": "asked the shop"})
    assert parked.json()["state"] == "parked"
    given_up = await client.post(f"/v1/dead-letters/{first}/discard", json={"reason": "a test order"})
    assert (given_up.json()["state"], given_up.json()["reason"]) == ("discarded", "a test order")
    again = await client.post(f"/v1/dead-letters/{first}/replay")
    assert (again.status_code, again.json()["code"], again.json()["state"]) == (409, "dead_letter_decided", "discarded")
    assert (await client.post("/v1/dead-letters/discard", json={"dry_run": False})).status_code == 422
    many = await client.post("/v1/dead-letters/discard", json={"dry_run": False, "reason": "all tests"})
    assert many.json()["sample"] == [second]


async def test_an_unknown_letter_is_not_found(client: Client) -> None:
    for method, path in (("GET", ""), ("POST", "/replay"), ("DELETE", "/body")):
        answer = await client.request(method, f"/v1/dead-letters/{uuid4()}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "dead_letter_not_found")


async def test_only_who_may_gets_in(database: Database, verifier: TokenVerifier, token: Callable[..., str]) -> None:
    app = create_app(service="points", routers=[], database=database, verifier=verifier)
    assert await walk(app, lambda role: token(role=role)) == []


async def test_timed_jobs_are_listed_and_run_by_hand(client: Client, database: Database) -> None:
    assert (await client.get("/v1/jobs")).json() == {"items": []}
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO schedule (name, due_at) VALUES ('ledger.check', now() + interval '1 hour')")
    answer = await client.post("/v1/jobs/ledger.check/run")
    assert answer.status_code == 202
    (job,) = (await client.get("/v1/jobs")).json()["items"]
    assert datetime.fromisoformat(job["due_at"]) <= datetime.now(UTC)
    assert (await client.post("/v1/jobs/nothing.there/run")).json()["code"] == "job_not_found"
    async with database.transaction() as holder:
        await holder.fetch_one("SELECT name FROM schedule FOR UPDATE")
        running = await client.post("/v1/jobs/ledger.check/run")
    assert (running.status_code, running.json()["code"]) == (409, "job_running")
