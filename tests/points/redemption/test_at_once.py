"""Many at the same time for the same points, on real PostgreSQL: never overdrawn, as many succeed as fit."""

import asyncio
import random
from collections import Counter
from uuid import UUID

from common.storage import Database
from points.redemption import holds
from tests.points.conftest import Client
from tests.points.redemption.world import account, holds_together, rich, soon
from tests.points.world import value


async def tried(client: Client, path: str, body: dict[str, object]) -> int:
    return (await client.post(path, json=body)).status_code


async def test_hundred_redemptions_at_once_never_overdraw(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, *((7, soon(days=1 + number)) for number in range(10)), (30, None))
    body: dict[str, object] = {"member_id": str(someone), "points": 3}
    statuses = await asyncio.gather(*(tried(operator, "/v1/redemptions", body) for _ in range(100)))
    assert Counter(statuses) == {201: 33, 409: 67}
    assert await account(points_database, someone) == (1, 0, 0, 0)
    await holds_together(points_database)


async def test_hundred_holds_at_once_never_overdraw(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (55, None), (46, soon(days=1)))
    body: dict[str, object] = {"member_id": str(someone), "points": 10}
    statuses = await asyncio.gather(*(tried(operator, "/v1/redemptions/holds", body) for _ in range(100)))
    assert Counter(statuses) == {201: 10, 409: 90}
    assert await account(points_database, someone) == (1, 0, 0, 100)
    await holds_together(points_database)


async def test_confirm_and_cancel_at_once_end_a_hold_once(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None))
    for _ in range(5):
        held = await operator.post("/v1/redemptions/holds", json={"member_id": str(someone), "points": 10})
        path = f"/v1/redemptions/{held.json()['redemption_id']}"
        await asyncio.gather(*(tried(operator, f"{path}/{verb}", {}) for verb in ("confirm", "cancel") * 3))
    balance, debt, pending, reserved = await account(points_database, someone)
    spent = await value(points_database, "SELECT COALESCE(sum(points - given_back), 0) FROM redemptions")
    assert (balance + spent, debt, pending, reserved) == (100, 0, 0, 0)
    await holds_together(points_database)


async def test_mix_of_everything_at_once_stays_balanced(points_database: Database, operator: Client) -> None:
    chance = random.Random(7)
    members = [await rich(points_database, (60, soon(days=3)), (60, None)) for _ in range(4)]
    started: list[str] = []

    async def deed(kind: str, member: UUID, other: UUID, points: int) -> int:
        if kind in ("redeem", "hold"):
            path = "/v1/redemptions/holds" if kind == "hold" else "/v1/redemptions"
            answer = await operator.post(path, json={"member_id": str(member), "points": points})
            if answer.status_code == 201:
                started.append(answer.json()["redemption_id"])
            return answer.status_code
        if kind == "gift":
            body = {"member_id": str(member), "recipient_id": str(other), "points": points}
            return await tried(operator, "/v1/gifts", body)
        if kind == "adjust":
            body = {"member_id": str(member), "kind": "credit", "points": points, "reason": "goodwill"}
            return await tried(operator, "/v1/adjustments", body)
        if not started:
            return 200
        return await tried(operator, f"/v1/redemptions/{chance.choice(started)}/{kind}", {})

    kinds = ("redeem", "hold", "gift", "adjust", "confirm", "cancel")
    for _ in range(8):
        deeds = []
        for _ in range(20):
            member, other = chance.sample(members, 2)
            deeds.append(deed(chance.choice(kinds), member, other, chance.randint(1, 25)))
        statuses = await asyncio.gather(*deeds)
        assert set(statuses) <= {200, 201, 409}, Counter(statuses)
    async with points_database.transaction() as tx:
        await tx.execute("UPDATE redemptions SET expires_at = now() WHERE state = 'held'")
    async with points_database.transaction() as tx:
        await holds.end_overdue(tx)
    await holds_together(points_database)
    there = await value(points_database, "SELECT sum(balance + held) FROM wallets")
    spent = await value(points_database, "SELECT COALESCE(sum(points - given_back), 0) FROM redemptions")
    given = await value(points_database, "SELECT COALESCE(sum(points), 0) FROM adjustments")
    assert there + spent == 480 + given
