"""Publishing earning rules, who may do what, and that nothing sent to us makes a server error."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from common.http import create_app, public_routes, walk
from common.security.tokens import TokenVerifier
from common.storage import Database
from points.__main__ import SERVICE
from points.settings import Settings
from tests.common.http.conformance import conformance
from tests.points.conftest import Client
from tests.points.world import day, happen, member, purchase, value

RULES = "/v1/earning-rules"


async def test_seeded_rule_is_one_point_per_unit_of_money_for_everybody(operator: Client) -> None:
    (rule,) = (await operator.get(RULES)).json()["items"]
    assert (rule["rule"], rule["version"], rule["points"], rule["per_minor_units"]) == ("purchase_rate", 1, 1, 100)
    assert (rule["multipliers"], rule["wallet"], rule["published_by"]) == ({}, "points", "migrate")


async def test_published_version_earns_from_its_time_on(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    body = {"points": 3, "per_minor_units": 200, "multipliers": {"金牌": "1.5"}, "effective_from": day(0).isoformat()}
    answer = await operator.post(RULES, json=body)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["version"], answer.json()["multipliers"]) == (2, {"金牌": "1.5"})
    await happen(
        points_database, purchase(someone, "before", 2_00, at=day(-1)), purchase(someone, "a", 2_00, at=day(0))
    )
    assert await value(points_database, "SELECT balance FROM wallets") == 2 + 3
    assert [rule["version"] for rule in (await operator.get(RULES)).json()["items"]] == [2, 1]
    assert await value(points_database, "SELECT action FROM audit_log") == "earning_rule.published"


async def test_versions_published_at_the_same_time_get_numbers_of_their_own(operator: Client) -> None:
    body = {"points": 1, "per_minor_units": 100}
    answers = await asyncio.gather(*(operator.post(RULES, json=body) for _ in range(5)))
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5, 6]


async def test_same_idempotency_key_publishes_once(operator: Client) -> None:
    body, key = {"points": 1, "per_minor_units": 100}, {"Idempotency-Key": str(uuid4())}
    first, again = [await operator.post(RULES, json=body, headers=key) for _ in range(2)]
    assert first.json() == again.json()
    assert len((await operator.get(RULES)).json()["items"]) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"points": -1}, "body.points"),
        ({"points": 1.5}, "body.points"),
        ({"per_minor_units": 0}, "body.per_minor_units"),
        ({"multipliers": {"gold": "much"}}, "body.multipliers.gold"),
        ({"multipliers": {"gold": "1,5"}}, "body.multipliers.gold"),
        ({"multipliers": {"gold": 1.5}}, "body.multipliers.gold"),
        ({"effective_from": "tomorrow"}, "body.effective_from"),
        ({"effective_from": "2025-01-01T00:00:00"}, "body.effective_from"),
        ({"wallet": "Points!"}, "body.wallet"),
        ({"rate": 3}, "body.rate"),
    ],
)
async def test_bad_rule_is_refused_naming_the_field(operator: Client, change: dict[str, Any], field: str) -> None:
    answer = await operator.post(RULES, json={"points": 1, "per_minor_units": 100, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert field in [error["field"] for error in answer.json()["errors"]]


DOORS = [
    ("GET", "/v1/members/{member}/balance", "points:read"),
    ("GET", "/v1/members/{member}/statement", "points:read"),
    ("GET", "/v1/members/{member}/ledger/verify", "ledger:verify"),
    ("GET", "/v1/purchases?member_id={member}", "points:read"),
    ("GET", "/v1/purchases/lookup?source=a&order_id=b", "points:read"),
    ("GET", "/v1/returns", "points:read"),
    ("GET", RULES, "rules:read"),
    ("POST", RULES, "rules:write"),
    ("GET", "/v1/ledger/check", "ledger:verify"),
    ("GET", "/v1/figures", "points:read"),
]


@pytest.mark.parametrize(("method", "path", "permission"), DOORS)
async def test_every_door_asks_for_its_permission(client: Any, method: str, path: str, permission: str) -> None:
    async with client(role="admin", permissions=["templates:read"]) as stranger:
        answer = await stranger.request(method, path.format(member=uuid4()))
        assert (answer.status_code, answer.json()["permission"]) == (403, permission)
        del stranger.headers["Authorization"]
        assert (await stranger.request(method, path.format(member=uuid4()))).status_code == 401


async def test_every_route_refuses_callers_without_the_permission(app: FastAPI, token: Callable[..., str]) -> None:
    assert public_routes(app) == {"GET /health/live", "GET /health/ready", "GET /metrics"}
    assert await walk(app, token) == []


async def test_publishers_and_analysts_may_not_publish_rules(client: Any) -> None:
    for role in ("publisher", "analyst", "support", "auditor"):
        async with client(role=role) as somebody:
            assert (await somebody.post(RULES, json={"points": 1, "per_minor_units": 1})).status_code == 403


async def test_nothing_that_is_sent_makes_a_server_error(
    points_database: Database, verifier: TokenVerifier, token: Callable[..., str]
) -> None:
    await happen(points_database, purchase(await member(points_database), "a", 10_00))
    url = points_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = create_app(
        service="points",
        routers=SERVICE.routers,
        problems=SERVICE.problems,
        settings=Settings(database_url=SecretStr(url)),
        verifier=verifier,
    )
    exclude = "^/(metrics|v1/(dead-letters|audit-log|jobs).*)$"  # the framework's own are tried in its tests
    found = await asyncio.to_thread(conformance, app, token=token(role="admin"), max_examples=10, exclude=exclude)
    assert found == "", found
