"""Bad input gets a clear answer, and never a 5xx."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from common.storage import Database

GOOD = {"name": "a", "amount": 5}


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:loyalty:problem:{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert len(body["trace_id"]) == 32
    return body


async def test_no_token_is_401_and_says_how(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.post("/v1/things", json=GOOD)
    problem_of(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="loyalty"'


async def test_no_token_is_401_whatever_the_body_is(anybody: httpx.AsyncClient) -> None:
    for body in (b"", b"{", b"x" * 1_999):
        answer = await anybody.post("/v1/things", content=body, headers={"Content-Type": "application/json"})
        problem_of(answer, 401, "not_authenticated")


async def test_expired_token_is_401(anybody: httpx.AsyncClient, token: Callable[..., str]) -> None:
    headers = {"Authorization": f"Bearer {token(role='operator', lifetime_seconds=-31)}"}
    answer = await anybody.get("/v1/things", headers=headers)
    problem_of(answer, 401, "token_expired")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_token_just_expired_is_within_the_clock_skew(
    anybody: httpx.AsyncClient, token: Callable[..., str]
) -> None:
    headers = {"Authorization": f"Bearer {token(role='operator', lifetime_seconds=-20)}"}
    assert (await anybody.get("/v1/things", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "header", ["Basic YTpi", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Bearer é", "bearer ☃", "x" * 9000]
)
async def test_rubbish_instead_of_a_token_is_401(anybody: httpx.AsyncClient, header: str) -> None:
    answer = await anybody.get("/v1/things", headers={b"Authorization": header.encode()})
    problem_of(answer, 401, "token_malformed")


async def test_wrong_role_is_403_and_names_the_permission(
    anybody: httpx.AsyncClient, token: Callable[..., str]
) -> None:
    headers = {"Authorization": f"Bearer {token(role='analyst')}"}
    answer = await anybody.post("/v1/things", json=GOOD, headers=headers)
    assert problem_of(answer, 403, "permission_missing")["permission"] == "rules:write"
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_scope_narrows_what_a_role_may(anybody: httpx.AsyncClient, token: Callable[..., str]) -> None:
    headers = {"Authorization": f"Bearer {token(role='operator', permissions=['rules:read'])}"}
    assert (await anybody.get("/v1/things", headers=headers)).status_code == 200
    problem_of(await anybody.post("/v1/things", json=GOOD, headers=headers), 403, "permission_missing")


async def test_every_wrong_field_is_named(operator: httpx.AsyncClient) -> None:
    answer = await operator.post("/v1/things", json={"name": "", "amount": -1, "extra": 1})
    body = problem_of(answer, 422, "invalid_request")
    assert [error["field"] for error in body["errors"]] == ["body.name", "body.amount", "body.extra"]
    assert all(error["reason"] for error in body["errors"])


async def test_the_answer_does_not_repeat_what_was_sent(operator: httpx.AsyncClient) -> None:
    answer = await operator.post("/v1/things", json={"name": "a", "amount": "swordfish"})
    assert "swordfish" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a\x00b", "amount": 1},
        {"name": "\ud800", "amount": 1},
        {"name": "a", "amount": 2**63},
        {"name": "a", "amount": 10**15 + 1},
        {"name": "a", "amount": 1.5},
        {"name": "a", "amount": "1"},
        {"name": "a", "amount": True},
        {"name": "a", "amount": None},
        {"name": "a", "amount": float("nan")},
        {"name": "a", "amount": float("inf")},
        {"name": "a" * 201, "amount": 1},
        {"name": ["a"], "amount": 1},
        {"name": "a", "amount": 1, "note": "\x00"},
        {"name": "a", "amount": 1, "since": "0001-01-01T00:00:00+14:00"},
        {"name": "a", "amount": 1, "since": "9999-12-31T23:59:59-14:00"},
        {"name": "a", "amount": 1, "since": "0001-01-01T00:00:00Z"},
        {"name": "a", "amount": 1, "since": "9999-12-31T23:59:59.999999Z"},
        {"name": "a", "amount": 1, "since": "2024-01-01T00:00:00"},
        {"name": "a", "amount": 1, "since": "yesterday"},
        {"name": "a", "amount": 1, "since": "1700000000"},
        {"name": "a", "amount": 1, "since": 1700000000},
        {"name": "a", "amount": 1, "since": "2024-01-01"},
        {"name": "a", "amount": 1, "since": "2024-02-30T00:00:00Z"},
        [],
        "text",
        7,
        None,
    ],
)
async def test_what_cannot_be_stored_is_422(operator: httpx.AsyncClient, body: object) -> None:
    content = json.dumps(body)
    answer = await operator.post("/v1/things", content=content, headers={"Content-Type": "application/json"})
    problem_of(answer, 422, "invalid_request")


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"name": "a"', b"\xff\xfe", b'{"name": "\xc3("}', b"[" * 1_900, b'{"amount": ' + b"9" * 1_900, b"'a'"],
)
async def test_what_is_not_json_is_400(operator: httpx.AsyncClient, content: bytes) -> None:
    answer = await operator.post("/v1/things", content=content, headers={"Content-Type": "application/json"})
    problem_of(answer, 400, "malformed_body")


async def test_missing_body_names_the_body(operator: httpx.AsyncClient) -> None:
    body = problem_of(await operator.post("/v1/things"), 422, "invalid_request")
    assert body["errors"] == [{"field": "body", "reason": "Field required"}]


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", "json"])
async def test_other_media_types_are_415(operator: httpx.AsyncClient, media_type: str) -> None:
    answer = await operator.post("/v1/things", content=b"{}", headers={"Content-Type": media_type})
    problem_of(answer, 415, "unsupported_media_type")


async def test_json_with_a_suffix_or_charset_is_read(operator: httpx.AsyncClient) -> None:
    for media_type in ("application/vnd.things+json", "application/json; charset=utf-8", "Application/JSON"):
        answer = await operator.post("/v1/things", content=json.dumps(GOOD), headers={"Content-Type": media_type})
        assert answer.status_code == 201


async def test_a_body_over_the_limit_is_413_announced_or_not(operator: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    headers = {"Content-Type": "application/json"}
    problem_of(await operator.post("/v1/things", content=b"x" * 2_001, headers=headers), 413, "body_too_large")
    problem_of(await operator.post("/v1/things", content=pieces(), headers=headers), 413, "body_too_large")
    problem_of(await operator.post("/v1/bytes", content=pieces()), 413, "body_too_large")
    assert (await operator.post("/v1/bytes", content=b"x" * 2_000)).json() == {"bytes": 2_000}


async def test_unknown_address_is_404_and_wrong_method_405(operator: httpx.AsyncClient) -> None:
    problem_of(await operator.get("/nowhere"), 404, "not_found")
    answer = await operator.delete("/v1/things")
    problem_of(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


async def test_bad_path_and_query_are_422(operator: httpx.AsyncClient) -> None:
    body = problem_of(await operator.get("/v1/things/a%00b"), 422, "invalid_request")
    assert body["errors"][0]["field"] == "path.name"
    for limit in ("0", "201", "-1", "x", "99999999999999999999", "1.5", ""):
        body = problem_of(await operator.get("/v1/things", params={"limit": limit}), 422, "invalid_request")
        assert body["errors"][0]["field"] == "query.limit"


async def test_invalid_utf8_in_path_and_query_is_not_ours_to_break_on(operator: httpx.AsyncClient) -> None:
    for path in ("/v1/things/%ff", "/v1/things/%ed%a0%80", "/v1/audit-log?actor=%ff%00"):
        assert (await operator.get(path)).status_code in {403, 404, 422}


async def test_domain_error_becomes_its_problem_with_its_facts(operator: httpx.AsyncClient) -> None:
    answer = await operator.post("/v1/things", json={"name": "a", "amount": 1_001})
    body = problem_of(answer, 409, "too_much")
    assert (body["amount"], body["limit"], body["detail"]) == (1_001, 1_000, "1001 is more than 1000")
    assert "secret" not in answer.text
    problem_of(await operator.get("/v1/things/a"), 404, "unknown_thing")


async def test_unforeseen_exception_is_500_with_nothing_internal(operator: httpx.AsyncClient) -> None:
    answer = await operator.post("/v1/things", json={**GOOD, "note": "break"})
    problem_of(answer, 500, "internal_error")
    assert "swordfish" not in answer.text
    assert "Traceback" not in answer.text
    problem_of(await operator.get("/v1/things/a"), 404, "unknown_thing")


@pytest.mark.parametrize(
    "body", [{"text": "\x00"}, {"bigint": 2**70}, {"text": "\ud800"}, {"timestamptz": "never"}, {"uuid": "x"}]
)
async def test_what_slips_through_to_the_database_is_still_422(
    operator: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    answer = await operator.post("/v1/raw", content=json.dumps(body), headers={"Content-Type": "application/json"})
    problem_of(answer, 422, "value_not_storable")


async def test_slow_statement_and_held_lock_are_503_and_may_be_tried_again(
    operator: httpx.AsyncClient, database: Database
) -> None:
    answer = await operator.post("/v1/sql", json={"a": "SELECT pg_sleep(5)"})
    problem_of(answer, 503, "database_busy")
    assert answer.headers["retry-after"] == "2"
    async with database.transaction() as tx:
        await tx.execute("LOCK TABLE things IN EXCLUSIVE MODE")
        answer = await operator.post("/v1/things", json=GOOD)
    problem_of(answer, 503, "database_busy")


async def test_a_connection_lost_in_the_middle_is_503_and_the_next_request_works(operator: httpx.AsyncClient) -> None:
    answer = await operator.post("/v1/sql", json={"a": "SELECT pg_terminate_backend(pg_backend_pid())"})
    problem_of(answer, 503, "database_unavailable")
    assert (await operator.get("/v1/things")).status_code == 200


async def test_all_connections_in_use_is_503(app: FastAPI, operator: httpx.AsyncClient, database: Database) -> None:
    small = Database(database.engine.url.render_as_string(hide_password=False), service="things", pool_size=1)
    small.engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    app.state.database = small
    async with small.transaction():
        problem_of(await operator.get("/v1/things"), 503, "database_unavailable")
    assert (await operator.get("/v1/things")).status_code == 200
    await small.close()


async def test_request_and_trace_ids_come_back(operator: httpx.AsyncClient) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    sent = {"X-Request-Id": "abc-1", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    answer = await operator.get("/v1/things/none", headers=sent)
    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.headers["traceparent"][3:35] == trace
    assert answer.json()["trace_id"] == trace
    strange = await operator.get("/v1/things/none", headers={"X-Request-Id": 'x" y', "traceparent": "00-nonsense"})
    assert strange.headers["x-request-id"] != 'x" y'
    assert len(strange.json()["trace_id"]) == 32


async def test_two_requests_at_once_have_their_own_traces(operator: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(operator.get("/v1/things/none") for _ in range(5)))
    assert len({answer.json()["trace_id"] for answer in answers}) == 5


async def test_stale_revision_is_412(operator: httpx.AsyncClient) -> None:
    await operator.post("/v1/things", json=GOOD)
    assert (await operator.put("/v1/things/a", json=GOOD, headers={"If-Match": '"1"'})).json() == {"revision": 2}
    answer = await operator.put("/v1/things/a", json=GOOD, headers={"If-Match": '"1"'})
    assert problem_of(answer, 412, "stale")["revision"] == 2
    problem_of(await operator.put("/v1/things/a", json=GOOD, headers={"If-Match": "x"}), 422, "invalid_request")


async def test_health_and_metrics_need_no_token(anybody: httpx.AsyncClient) -> None:
    assert (await anybody.get("/health/live")).json() == {"status": "alive"}
    assert (await anybody.get("/health/ready")).json() == {"status": "ready", "checks": {"database": "ok"}}
    await anybody.get("/v1/things")
    assert (
        'loyalty_http_requests_total{method="GET",route="/v1/things",service="things",status="401"}'
        in (await anybody.get("/metrics")).text
    )


async def test_database_down_is_503_and_unready_but_alive(
    app: FastAPI, anybody: httpx.AsyncClient, token: Callable[..., str]
) -> None:
    await app.state.database.close()
    app.state.database = Database("postgresql://nobody:x@127.0.0.1:1/none", service="things")
    headers = {"Authorization": f"Bearer {token(role='operator')}"}
    answer = await anybody.get("/v1/things", headers=headers)
    problem_of(answer, 503, "database_unavailable")
    assert answer.headers["retry-after"] == "5"
    answer = await anybody.post("/v1/things", json=GOOD, headers={**headers, "Idempotency-Key": "k"})
    problem_of(answer, 503, "database_unavailable")
    assert (await anybody.get("/v1/untouched", headers=headers)).status_code == 200
    assert (await anybody.get("/health/live")).status_code == 200
