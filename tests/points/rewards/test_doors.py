"""Who may come in."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from common.http import walk

SOMEBODY = UUID(int=7)
DOORS = [
    ("POST", "/v1/rewards", "rewards:write"),
    ("GET", "/v1/rewards", "rewards:read"),
    ("GET", "/v1/rewards/available", "rewards:read"),
    ("GET", "/v1/rewards/mug", "rewards:read"),
    ("GET", "/v1/rewards/mug/availability", "rewards:read"),
    ("PUT", "/v1/rewards/mug", "rewards:write"),
    ("POST", "/v1/rewards/mug/state", "rewards:write"),
    ("POST", "/v1/rewards/mug/stock", "rewards:write"),
    ("PUT", "/v1/rewards/mug/stock", "rewards:write"),
    ("GET", "/v1/rewards/mug/stock/changes", "rewards:read"),
    ("POST", "/v1/reward-orders", "rewards:order"),
    ("GET", "/v1/reward-orders", "rewards:read"),
    ("GET", "/v1/reward-orders/export.csv", "rewards:fulfil"),
    ("GET", f"/v1/reward-orders/{SOMEBODY}", "rewards:read"),
    ("GET", f"/v1/reward-orders/{SOMEBODY}/history", "rewards:read"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/payment", "rewards:order"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/picking", "rewards:fulfil"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/shipment", "rewards:fulfil"),
    ("PUT", f"/v1/reward-orders/{SOMEBODY}/shipment", "rewards:fulfil"),
    ("PUT", f"/v1/reward-orders/{SOMEBODY}/address", "rewards:fulfil"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/delivery", "rewards:fulfil"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/fulfilment", "rewards:fulfil"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/cancellation", "rewards:order"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/return", "rewards:fulfil"),
    ("POST", "/v1/reward-tickets/check-in", "rewards:fulfil"),
]


@pytest.mark.parametrize(("method", "path", "permission"), DOORS)
async def test_every_door_asks_for_its_permission(client: Any, method: str, path: str, permission: str) -> None:
    async with client(role="admin", permissions=["templates:read"]) as stranger:
        answer = await stranger.request(method, path)
        assert (answer.status_code, answer.json()["permission"]) == (403, permission)
        del stranger.headers["Authorization"]
        assert (await stranger.request(method, path)).status_code == 401


async def test_no_door_is_left_open(app: FastAPI, token: Callable[..., str]) -> None:
    assert await walk(app, token) == []
