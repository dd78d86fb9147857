"""The same request with the same key is done once, and answered the same."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI

from common.storage import Database

GOOD = {"name": "a", "amount": 5}


def key(value: str) -> dict[str, str]:
    return {"Idempotency-Key": value}


async def calls(database: Database, name: str = "a") -> int | None:
    async with database.transaction() as tx:
        found: int | None = await tx.fetch_value("SELECT calls FROM things WHERE name = :name", {"name": name})
    return found


@pytest.fixture
async def other(app: FastAPI, token: Callable[..., str]) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {token(role='admin', subject='staff:other')}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://things", headers=headers
    ) as client:
        yield client


async def test_the_first_answer_is_given_again(operator: httpx.AsyncClient, database: Database) -> None:
    first = await operator.post("/v1/things", json=GOOD, headers=key("k"))
    again = await operator.post("/v1/things", json=GOOD, headers=key("k"))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["location"] == "/v1/things/a"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await calls(database) == 1


async def test_without_a_key_it_is_done_each_time(operator: httpx.AsyncClient, database: Database) -> None:
    await operator.post("/v1/things", json=GOOD)
    await operator.post("/v1/things", json=GOOD)
    assert await calls(database) == 2


async def test_quoted_and_bare_keys_are_the_same(operator: httpx.AsyncClient, database: Database) -> None:
    await operator.post("/v1/things", json=GOOD, headers=key('"k"'))
    assert (await operator.post("/v1/things", json=GOOD, headers=key("k"))).headers["idempotency-replayed"] == "true"
    assert await calls(database) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/things", {"name": "a", "amount": 6}),
        ("PUT", "/v1/things/a", GOOD),
        ("POST", "/v1/things?x=1", GOOD),
    ],
)
async def test_another_request_with_the_same_key_is_refused(
    operator: httpx.AsyncClient, database: Database, method: str, path: str, body: dict[str, object]
) -> None:
    await operator.post("/v1/things", json=GOOD, headers=key("k"))
    answer = await operator.request(method, path, json=body, headers=key("k"))
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await calls(database) == 1
    assert (await operator.post("/v1/things", json=GOOD, headers=key("k"))).status_code == 201


async def test_keys_of_two_callers_are_apart(
    operator: httpx.AsyncClient, other: httpx.AsyncClient, database: Database
) -> None:
    await operator.post("/v1/things", json=GOOD, headers=key("k"))
    answer = await other.post("/v1/things", json=GOOD, headers=key("k"))
    assert "idempotency-replayed" not in answer.headers
    assert await calls(database) == 2


async def test_of_many_at_once_one_is_done_and_all_get_its_answer(
    operator: httpx.AsyncClient, database: Database
) -> None:
    body = {**GOOD, "note": "slow"}
    answers = await asyncio.gather(*(operator.post("/v1/things", json=body, headers=key("k")) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.content for answer in answers}) == 1
    assert sorted("idempotency-replayed" in answer.headers for answer in answers) == [False, True, True, True, True]
    assert await calls(database) == 1


async def test_one_that_takes_too_long_is_409_for_the_others_then_its_answer(
    operator: httpx.AsyncClient, database: Database
) -> None:
    body = {**GOOD, "note": "very slow"}
    first = asyncio.create_task(operator.post("/v1/things", json=body, headers=key("k")))
    await asyncio.sleep(0.2)
    second = await operator.post("/v1/things", json=body, headers=key("k"))
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_key_in_progress")
    assert second.headers["retry-after"] == "2"
    assert (await first).status_code == 201
    assert (await operator.post("/v1/things", json=body, headers=key("k"))).status_code == 201
    assert await calls(database) == 1


async def test_a_refusal_is_remembered_and_its_effect_rolled_back(
    operator: httpx.AsyncClient, database: Database
) -> None:
    body = {"name": "big", "amount": 5_000}
    first = await operator.post("/v1/things", json=body, headers=key("k"))
    again = await operator.post("/v1/things", json=body, headers=key("k"))
    assert (first.status_code, again.status_code) == (409, 409)
    assert first.content == again.content
    assert again.headers["content-type"] == "application/problem+json"
    assert await calls(database, "big") is None


async def test_a_failure_of_ours_is_not_remembered(operator: httpx.AsyncClient, database: Database) -> None:
    body = {**GOOD, "note": "break"}
    for _ in range(2):
        answer = await operator.post("/v1/things", json=body, headers=key("k"))
        assert answer.status_code == 500
        assert "idempotency-replayed" not in answer.headers
    assert await calls(database) is None
    assert (await operator.post("/v1/things", json=GOOD, headers=key("k"))).status_code == 201


async def test_a_request_that_never_began_is_not_remembered(operator: httpx.AsyncClient, database: Database) -> None:
    for content in (b"{", b'{"name": ""}'):
        headers = {**key("k"), "Content-Type": "application/json"}
        assert (await operator.post("/v1/things", content=content, headers=headers)).status_code in {400, 422}
    assert (await operator.post("/v1/things", json=GOOD, headers=key("k"))).status_code == 201


@pytest.mark.parametrize("value", ["", " ", "x" * 256, "a b", "é", "a\tb"])
async def test_a_bad_key_is_400(operator: httpx.AsyncClient, value: str) -> None:
    answer = await operator.post("/v1/things", json=GOOD, headers={b"Idempotency-Key": value.encode()})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


async def test_a_key_on_a_reading_request_means_nothing(operator: httpx.AsyncClient) -> None:
    assert (await operator.get("/v1/things", headers=key("k"))).status_code == 200


async def test_neither_key_nor_answer_can_be_read_in_the_database(
    operator: httpx.AsyncClient, database: Database
) -> None:
    await operator.post("/v1/things", json={"name": "Wang Fang", "amount": 1}, headers=key("my-own-key"))
    async with database.transaction() as tx:
        row = await tx.fetch_one("SELECT key, body, status FROM idempotency_keys")
    assert row is not None
    assert row.status == 201
    assert "my-own-key" not in row.key
    assert b"Wang" not in row.body


async def test_a_streamed_answer_cannot_be_kept(operator: httpx.AsyncClient) -> None:
    assert (await operator.post("/v1/stream")).content == b"ab"
    assert (await operator.post("/v1/stream", headers=key("k"))).status_code == 500
