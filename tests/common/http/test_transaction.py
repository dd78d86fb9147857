"""One transaction per request, committed before the answer is sent."""

from collections.abc import Callable, MutableMapping
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from common.events.programme import ProgrammeSettings, ProgrammeUpdated
from common.http import CurrentCaller, Router, Tx, allow, create_app
from common.runtime.settings import ServiceSettings
from common.security.tokens import TokenVerifier
from common.storage import Database
from tests.common.http.things import PROBLEMS

GOOD = {"name": "a", "amount": 5}
CLASH = {"name": "b", "amount": 5, "checked": "same"}


async def test_the_effect_is_committed_before_the_first_byte_of_the_answer(
    app: FastAPI, database: Database, token: Callable[..., str]
) -> None:
    seen: list[Any] = []

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        async def noting(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                async with database.transaction() as tx:
                    seen.append(await tx.fetch_value("SELECT count(*) FROM things"))
            await send(message)

        await app(scope, receive, noting)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(spy), base_url="http://things") as client:
        answer = await client.post(
            "/v1/things", json=GOOD, headers={"Authorization": f"Bearer {token(role='operator')}"}
        )
    assert answer.status_code == 201
    assert seen == [1]


async def test_a_commit_that_fails_is_an_error_answer(operator: httpx.AsyncClient) -> None:
    """The unique constraint is deferred: it fails at the commit, when the route has long returned its 201."""
    assert (await operator.post("/v1/things", json={**CLASH, "name": "a"})).status_code == 201
    answer = await operator.post("/v1/things", json=CLASH)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert (await operator.get("/v1/things/b")).status_code == 404


async def test_a_commit_that_fails_is_an_error_answer_with_a_key_too(operator: httpx.AsyncClient) -> None:
    assert (await operator.post("/v1/things", json={**CLASH, "name": "a"})).status_code == 201
    first = await operator.post("/v1/things", json=CLASH, headers={"Idempotency-Key": "k"})
    again = await operator.post("/v1/things", json=CLASH, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (409, 409)
    assert again.headers["idempotency-replayed"] == "true"


async def test_an_error_rolls_everything_back(operator: httpx.AsyncClient, database: Database) -> None:
    assert (await operator.post("/v1/things", json={"name": "big", "amount": 2_000})).status_code == 409
    async with database.transaction() as tx:
        assert await tx.fetch_value("SELECT count(*) FROM things") == 0
        assert await tx.fetch_value("SELECT count(*) FROM audit_log WHERE subject = 'big'") == 0


def app_with(router: Router, database: Database, verifier: TokenVerifier) -> FastAPI:
    return create_app(service="things", routers=[router], problems=PROBLEMS, database=database, verifier=verifier)


async def test_deadlock_and_serialization_failure_are_done_again_once(
    database: Database, verifier: TokenVerifier, token: Callable[..., str]
) -> None:
    router = Router()
    tries: list[str] = []

    @router.post("/v1/unlucky/{state}/{times}", dependencies=[allow("rules:write")])
    async def unlucky(state: str, times: int, tx: Tx) -> dict[str, int]:
        tries.append(state)
        await tx.execute("INSERT INTO things (name, amount) VALUES ('x', 1)")
        if len(tries) <= times:
            await tx.execute(f"DO $$ BEGIN RAISE EXCEPTION 'unlucky' USING ERRCODE = '{state}'; END $$")
        return {"tries": len(tries)}

    headers = {"Authorization": f"Bearer {token(role='operator')}"}
    transport = httpx.ASGITransport(app_with(router, database, verifier))
    async with httpx.AsyncClient(transport=transport, base_url="http://things", headers=headers) as client:
        for state in ("40001", "40P01"):
            for key in ({}, {"Idempotency-Key": state}):
                tries.clear()
                async with database.transaction() as tx:
                    await tx.execute("DELETE FROM things")
                answer = await client.post(f"/v1/unlucky/{state}/1", headers=key)
                assert (answer.status_code, answer.json()) == (200, {"tries": 2})
        tries.clear()
        async with database.transaction() as tx:
            await tx.execute("DELETE FROM things")
        answer = await client.post("/v1/unlucky/40001/9")
        assert (answer.status_code, answer.json()["code"], len(tries)) == (503, "database_busy", 2)


async def test_events_leave_with_the_commit_and_carry_the_trace_of_the_request(
    database: Database, verifier: TokenVerifier, token: Callable[..., str]
) -> None:
    router = Router()

    @router.post("/v1/announce/{fail}", dependencies=[allow("rules:write")])
    async def announce(fail: bool, tx: Tx, caller: CurrentCaller) -> dict[str, str]:
        tx.emit(ProgrammeUpdated(revision=1, effective_at=tx.now, settings=ProgrammeSettings()))
        if fail:
            raise RuntimeError
        return {"by": caller.subject}

    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {
        "Authorization": f"Bearer {token(role='operator', subject='staff:7')}",
        "traceparent": f"00-{trace}-b7ad6b7169203331-01",
    }
    transport = httpx.ASGITransport(app_with(router, database, verifier))
    async with httpx.AsyncClient(transport=transport, base_url="http://things", headers=headers) as client:
        assert (await client.post("/v1/announce/true")).status_code == 500
        assert (await client.post("/v1/announce/false")).json() == {"by": "staff:7"}
    async with database.transaction() as tx:
        rows = await tx.fetch_all("SELECT convert_from(body, 'UTF8')::jsonb ->> 'traceparent' AS said FROM outbox")
    assert [row.said[3:35] for row in rows] == [trace]


async def test_a_database_made_from_settings_is_closed_at_the_end(database_url: str) -> None:
    settings = ServiceSettings(database_url=SecretStr(database_url))
    app = create_app(service="things", routers=[], settings=settings)
    pool = app.state.database.engine.pool
    async with app.router.lifespan_context(app):
        await app.state.database.ping()
        assert pool.checkedin() == 1
    assert app.state.database.engine.pool is not pool
