"""Who may do what, and that nothing sent to us makes a server error."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from common.http import public_routes, walk

RULES = "/v1/earning-rules"


DOORS = [
    ("GET", "/v1/members/{member}/balance", "points:read"),
    ("GET", "/v1/members/{member}/statement", "points:read"),
    ("GET", "/v1/members/{member}/ledger/verify", "ledger:verify"),
    ("GET", "/v1/purchases?member_id={member}", "points:read"),
    ("GET", "/v1/purchases/lookup?source=a&order_id=b", "points:read"),
    ("GET", "/v1/returns", "points:read"),
    ("GET", RULES, "rules:read"),
    ("PUT", RULES + "/a/draft", "rules:write"),
    ("DELETE", RULES + "/a/draft", "rules:write"),
    ("POST", RULES + "/a/publish", "rules:publish"),
    ("POST", RULES + "/a/retire", "rules:publish"),
    ("POST", RULES + "/simulate", "rules:read"),
    ("GET", "/v1/purchases/explain?source=a&order_id=b", "points:read"),
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
            assert (await somebody.post(RULES + "/purchase_rate/publish", json={})).status_code == 403
