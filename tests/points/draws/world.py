"""Draws as the tests define and play them."""

from typing import Any
from uuid import UUID

from common.security.callers import SYSTEM
from common.storage import Database
from points.draws import handlers
from points.draws.domain import Play
from tests.points.world import happen, member, purchase

NOTHING = {"key": "nothing", "name": {"zh": "谢谢参与"}, "kind": "nothing"}


def spin(*prizes: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"total": 100, "prizes": list(prizes), "fallback": "nothing", **facts}


def ten_points(weight: int, stock: int | None = None) -> dict[str, Any]:
    return {"key": "ten", "name": {"zh": "十积分"}, "kind": "points", "points": 10, "weight": weight, "stock": stock}


async def play(database: Database, member_id: UUID, key: str = "spin", seed: str = "mine") -> Play:
    async with database.transaction() as tx:
        return await handlers.play(tx, member_id, key, seed)


async def rich(database: Database, points: int = 100) -> UUID:
    someone = await member(database)
    await happen(database, purchase(someone, f"o-{someone}", points * 100))
    return someone


async def undo(database: Database, play_id: UUID) -> Play:
    async with database.transaction() as tx:
        return await handlers.undo(tx, SYSTEM, play_id, "test")
