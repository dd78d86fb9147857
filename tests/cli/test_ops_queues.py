"""`loyalty queues` against a real broker and a worker's real metrics; logging in."""

import asyncio
import base64
import json
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from common.messaging.channel import BatchConnection, Message
from common.runtime import metrics
from common.runtime.health import Check, health_app
from loyalty.clients.api import ApiError
from loyalty.clients.session import NotConfiguredError, Session
from tests.cli.ops import loyalty, served
from tests.common.messaging.conftest import until
from tests.servers import Vhost


def environment_of(vhost: Vhost, **urls: str) -> dict[str, str]:
    management = vhost.management
    host = management.url.removeprefix("http://")
    password = urlsplit(vhost.url("operator")).password
    nowhere = {
        f"LOYALTY_{name}_METRICS_URL": "http://127.0.0.1:9" for name in ("MEMBERS", "POINTS", "NOTIFY", "ANALYTICS")
    }
    return {
        "LOYALTY_MANAGEMENT_URL": f"http://{management.user}:{password}@{host}",
        "LOYALTY_VHOST": vhost.name,
        **nowhere,
        **urls,
    }


async def test_everything_that_waits_is_counted(vhost: Vhost) -> None:
    async with BatchConnection(vhost.url("operator"), name="test") as connection:
        channel = await connection.channel(confirms=True)
        for exchange, key, count in (
            ("loyalty.return", "points", 3),
            ("loyalty.dlx", "notify", 2),
            ("loyalty.retry", "members.10m", 1),
            ("loyalty.events", "nobody.hears.v1", 4),
        ):
            await channel.publish_batch(
                [Message(exchange=exchange, routing_key=key, body=b"{}", content_type="")] * count
            )
    metrics.outbox_waiting("points", 17, 2.5)
    metrics.dead_letters_open("points", 5)
    metrics.batch_done("points", {("a.b.v1", "done"): 1}, seconds=0.1, oldest_lag_seconds=90)
    checks: dict[str, Check] = {}
    async with served(health_app(checks)) as url:
        environment = environment_of(vhost, LOYALTY_POINTS_METRICS_URL=url)
        look: dict[str, Any] = {}

        async def counted() -> bool:
            nonlocal look
            answer = await loyalty("queues", "--json", environment=environment)
            assert answer.exit_code == 0, answer.output
            look = json.loads(answer.stdout)
            rows = {row["service"]: row for row in look["services"]}
            waits = (rows["points"]["ready"], rows["notify"]["dlq"], rows["members"]["retries"]["10m"])
            return bool((look["unrouted"], *waits) == (4, 3, 2, 1))  # the broker counts each queue in its own time

        await until(counted)
        rows = {row["service"]: row for row in look["services"]}
        assert (rows["points"]["ready"], rows["points"]["outbox"], rows["points"]["dead_letters"]) == (3, 17, 5)
        assert (rows["points"]["state"], rows["points"]["lag_seconds"]) == ("ready", 90.0)
        assert rows["notify"]["dlq"] == 2
        assert rows["members"]["retries"] == {"10s": 0, "1m": 0, "10m": 1}
        assert (rows["members"]["state"], rows["members"]["outbox"]) == ("worker does not answer", None)
        table = (await loyalty("queues", environment=environment)).stdout
        assert all(word in table for word in ("90.0 s", "worker does not answer", "4 messages with a key nobody hears"))


async def test_an_unready_worker_says_why(vhost: Vhost) -> None:
    async def stopped() -> str | None:
        return "stopped: 50 events in a row failed"

    async with served(health_app({"consumer": stopped})) as url:
        answer = await loyalty("queues", environment=environment_of(vhost, LOYALTY_POINTS_METRICS_URL=url))
    assert "consumer: stopped: 50 events in a row failed" in answer.stdout


async def test_a_broker_that_does_not_answer_is_said(vhost: Vhost) -> None:
    environment = environment_of(vhost) | {"LOYALTY_MANAGEMENT_URL": "http://a:b@127.0.0.1:9"}
    answer = await loyalty("queues", environment=environment)
    assert (answer.exit_code, "management API" in answer.stderr) == (1, True)


async def test_without_a_stack_it_says_what_to_do() -> None:
    answer = await loyalty("queues")
    assert (answer.exit_code, "make up" in answer.stderr) == (2, True)


async def test_tokens_are_had_for_client_credentials_and_renewed() -> None:
    asked: list[tuple[str, str]] = []

    async def token(request: Request) -> JSONResponse:
        form = (await request.body()).decode()
        basic = base64.b64decode(request.headers["authorization"].split()[1]).decode()
        asked.append((form, basic))
        if not basic.endswith(":right"):
            return JSONResponse({"error": "invalid_client", "error_description": "No."}, status_code=401)
        return JSONResponse({"access_token": f"t{len(asked)}", "token_type": "Bearer", "expires_in": 31})

    app = Starlette(routes=[Route("/v1/oauth/token", token, methods=["POST"])])

    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(app))
        told = {"LOYALTY_MEMBERS_URL": url, "LOYALTY_CLIENT_ID": "ops", "LOYALTY_CLIENT_SECRET": "right"}
        session = Session(environment=told)
        assert await asyncio.to_thread(session.token) == "t1"
        assert await asyncio.to_thread(session.token) == "t1"
        await asyncio.sleep(1.1)
        assert await asyncio.to_thread(session.token) == "t2"
        wrong = Session(environment=told | {"LOYALTY_CLIENT_SECRET": "wrong"})
        with pytest.raises(ApiError, match=r"No\."):
            await asyncio.to_thread(wrong.token)
    assert asked[0] == ("grant_type=client_credentials", "ops:right")


def test_a_given_token_is_used_as_it_is() -> None:
    assert Session(environment={"LOYALTY_TOKEN": "given"}).token() == "given"


def test_a_service_nobody_named_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOYALTY_STACK", "/nowhere/stack.json")
    with pytest.raises(NotConfiguredError, match="make up"):
        Session(environment={}).api_url("points")
