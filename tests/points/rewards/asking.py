"""Asking the doors of rewards."""

from typing import Any
from uuid import UUID

import httpx

from tests.points.rewards.world import ADDRESS

Client = httpx.AsyncClient

MUG: dict[str, Any] = {
    "key": "mug",
    "kind": "goods",
    "name_zh": "马克杯",
    "name_en": "Mug",
    "prices": [{"option": "points", "points": 100}, {"option": "mixed", "points": 40, "money": 2900}],
    "stock": 5,
}


async def send(client: Client, method: str, path: str, status: int = 200, /, **request: Any) -> Any:
    answer = await client.request(method, path, **request)
    assert answer.status_code == status, answer.text
    return answer.json()


async def published(operator: Client, **change: Any) -> dict[str, Any]:
    body = {**MUG, **change}
    await send(operator, "POST", "/v1/rewards", 201, json=body)
    found: dict[str, Any] = await send(
        operator, "POST", f"/v1/rewards/{body['key']}/state", json={"state": "published"}
    )
    return found


def wish(member_id: UUID, /, **change: Any) -> dict[str, Any]:
    return {"member_id": str(member_id), "reward": "mug", "address": ADDRESS, **change}
