"""SQL of statements: what the references of movements stand for, many at a time."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from common.storage import Transaction

_REWARD_ORDERS = """
    SELECT order_id, reward, name_zh, name_en FROM reward_orders WHERE order_id = ANY(CAST(:ids AS uuid[]))
"""
_PLAYS = "SELECT play_id, draw, prize FROM draw_plays WHERE play_id = ANY(CAST(:ids AS uuid[]))"

_INCENTIVES = """
    SELECT kind, key, definition -> 'name' ->> 'zh' AS zh, definition -> 'name' ->> 'en' AS en FROM incentives
    WHERE (kind, key) IN (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[])))
"""


async def incentives(tx: Transaction, named: Iterable[tuple[str, str]]) -> Sequence[Any]:
    """`kind, key, zh, en` (the names) of these (kind, key)."""
    pairs = sorted(named)
    return await tx.fetch_all(_INCENTIVES, {"kinds": [kind for kind, _ in pairs], "keys": [key for _, key in pairs]})


async def reward_orders(tx: Transaction, ids: Iterable[UUID]) -> Sequence[Any]:
    """`order_id, reward, name_zh, name_en` of those ids that are orders of rewards."""
    return await tx.fetch_all(_REWARD_ORDERS, {"ids": list(ids)})


async def plays(tx: Transaction, ids: Iterable[UUID]) -> Sequence[Any]:
    """`play_id, draw, prize` of those ids that are plays of a draw."""
    return await tx.fetch_all(_PLAYS, {"ids": list(ids)})
