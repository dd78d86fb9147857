"""All SQL of the catalogue and its stock."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from common.storage import Transaction
from points.rewards.domain import Limit, Price, Reward

_FIELDS = """
    reward, revision, kind, state, limited_edition, name_zh, name_en, description_zh, description_en, image_url, sort,
    prices::text AS prices, limits::text AS limits, tiers, segments, valid_from, valid_until, coupon_template,
    pay_within_minutes, stock
"""
_READ = f"SELECT {_FIELDS} FROM rewards JOIN reward_stocks USING (reward) WHERE reward = ANY(CAST(:rewards AS text[]))"
_LOCK = f"""
    SELECT {_FIELDS} FROM rewards JOIN reward_stocks USING (reward) WHERE reward = :reward FOR NO KEY UPDATE OF rewards
"""
_LIST = f"""
    SELECT {_FIELDS} FROM rewards JOIN reward_stocks USING (reward)
    WHERE (CAST(:state AS text) IS NULL OR state = :state) AND (CAST(:kind AS text) IS NULL OR kind = :kind)
        AND (CAST(:words AS text) IS NULL OR strpos(lower(name_zh || ' ' || name_en || ' ' || reward), :words) > 0)
        AND (sort, reward) > (CAST(:sort AS bigint), :reward)
    ORDER BY sort, reward LIMIT :limit
"""
_ADD = """
    INSERT INTO rewards (reward, revision, kind, state, limited_edition, name_zh, name_en, description_zh,
        description_en, image_url, sort, prices, limits, tiers, segments, valid_from, valid_until, coupon_template,
        pay_within_minutes, created_at, updated_at, updated_by)
    VALUES (:reward, :revision, :kind, :state, :limited_edition, :name_zh, :name_en, :description_zh,
        :description_en, :image_url, :sort, CAST(:prices AS jsonb), CAST(:limits AS jsonb), CAST(:tiers AS text[]),
        CAST(:segments AS text[]), :valid_from, :valid_until, :coupon_template, :pay_within_minutes, :now, :now, :actor)
    ON CONFLICT DO NOTHING
"""
_CHANGE = """
    UPDATE rewards SET revision = :revision, state = :state, limited_edition = :limited_edition, name_zh = :name_zh,
        name_en = :name_en, description_zh = :description_zh, description_en = :description_en,
        image_url = :image_url, sort = :sort, prices = CAST(:prices AS jsonb), limits = CAST(:limits AS jsonb),
        tiers = CAST(:tiers AS text[]), segments = CAST(:segments AS text[]), valid_from = :valid_from,
        valid_until = :valid_until, coupon_template = :coupon_template, pay_within_minutes = :pay_within_minutes,
        updated_at = :now, updated_by = :actor
    WHERE reward = :reward
"""
_OPEN_STOCK = "INSERT INTO reward_stocks (reward, stock, number) VALUES (:reward, NULL, 0)"
_NOTED = """
    INSERT INTO reward_stock_changes (reward, number, change, stock, reason, reference, note, actor, at)
    SELECT reward, number, CAST(:change AS bigint), stock, :reason, :reference, :note, :actor, :now FROM moved
    RETURNING number, stock
"""
_MOVE = f"""
    WITH moved AS (
        UPDATE reward_stocks SET stock = stock + :change, number = number + 1
        WHERE reward = :reward AND stock + :change >= 0 RETURNING reward, number, stock
    ) {_NOTED}
"""
_COUNT = f"""
    WITH moved AS (
        UPDATE reward_stocks SET stock = CAST(:stock AS bigint), number = number + 1
        WHERE reward = :reward RETURNING reward, number, stock
    ) {_NOTED}
"""
_LOCK_STOCK = "SELECT stock FROM reward_stocks WHERE reward = :reward FOR UPDATE"
_CHANGES = """
    SELECT number, change, stock, reason, reference, note, actor, at FROM reward_stock_changes
    WHERE reward = :reward AND number < :below ORDER BY number DESC LIMIT :limit
"""


async def of_keys(tx: Transaction, rewards: Iterable[str]) -> dict[str, Reward]:
    return {row.reward: _reward(row) for row in await tx.fetch_all(_READ, {"rewards": list(rewards)})}


async def lock(tx: Transaction, reward: str) -> Reward | None:
    """Until the transaction ends nobody else changes it; its stock still moves."""
    row = await tx.fetch_one(_LOCK, {"reward": reward})
    return None if row is None else _reward(row)


async def catalogue(
    tx: Transaction, *, state: str | None, kind: str | None, words: str | None, after: tuple[int, str], limit: int
) -> list[Reward]:
    """By `sort`, then key."""
    rows = await tx.fetch_all(
        _LIST,
        {"state": state, "kind": kind, "words": words, "sort": after[0], "reward": after[1], "limit": limit},
    )
    return [_reward(row) for row in rows]


async def add(tx: Transaction, reward: Reward, actor: str) -> bool:
    """False when the key is taken. Its stock begins as unlimited."""
    if not await tx.execute(_ADD, _params(reward, actor, tx)):
        return False
    await tx.execute(_OPEN_STOCK, {"reward": reward.reward})
    return True


async def change(tx: Transaction, reward: Reward, actor: str) -> None:
    """All but the key, the kind and the stock."""
    await tx.execute(_CHANGE, _params(reward, actor, tx))


async def move_stock(
    tx: Transaction, reward: str, change: int, *, reason: str, reference: str, note: str, actor: str
) -> Row[Any] | None:
    """Add to or take from a limited stock in one guarded step; None when it would fall below 0 (or has no limit).

    Gives `number, stock` of the change.
    """
    return await tx.fetch_one(
        _MOVE,
        {
            "reward": reward,
            "change": change,
            "reason": reason,
            "reference": reference,
            "note": note,
            "actor": actor,
            "now": tx.now,
        },
    )


async def count_stock(
    tx: Transaction, reward: str, stock: int | None, *, reason: str, note: str, actor: str
) -> Row[Any] | None:
    """Set what was counted, None for unlimited. The changes of a reward always sum to its stock, 0 while unlimited."""
    before = await tx.fetch_value(_LOCK_STOCK, {"reward": reward})
    return await tx.fetch_one(
        _COUNT,
        {
            "reward": reward,
            "stock": stock,
            "change": (stock or 0) - (before or 0),
            "reason": reason,
            "reference": "",
            "note": note,
            "actor": actor,
            "now": tx.now,
        },
    )


async def stock_changes(tx: Transaction, reward: str, *, below: int, limit: int) -> Sequence[Row[Any]]:
    """`number, change, stock, reason, reference, note, actor, at`, the newest first."""
    return await tx.fetch_all(_CHANGES, {"reward": reward, "below": below, "limit": limit})


def _params(reward: Reward, actor: str, tx: Transaction) -> dict[str, Any]:
    fields = {name: getattr(reward, name) for name in Reward.__dataclass_fields__ if name != "stock"}
    return {
        **fields,
        "prices": json.dumps([asdict(price) for price in reward.prices]),
        "limits": json.dumps([asdict(limit) for limit in reward.limits]),
        "tiers": list(reward.tiers),
        "segments": list(reward.segments),
        "now": tx.now,
        "actor": actor,
    }


def _reward(row: Any) -> Reward:
    fields = row._asdict()
    fields["prices"] = tuple(
        Price(**{**price, "tiers": tuple(price["tiers"]), "segments": tuple(price["segments"])})
        for price in json.loads(row.prices)
    )
    fields["limits"] = tuple(Limit(**limit) for limit in json.loads(row.limits))
    fields["tiers"], fields["segments"] = tuple(row.tiers), tuple(row.segments)
    return Reward(**fields)
