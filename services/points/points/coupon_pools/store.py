"""All SQL of pools of codes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from points.coupon_codes.minting import SealedCode

_ADD = """
    INSERT INTO coupon_pools (pool, name, created_at, created_by) VALUES (:pool, :name, :now, :by)
    ON CONFLICT (pool) DO NOTHING
"""
_FIELDS = """
    pool, name, created_at, created_by, free, given, withdrawn
    FROM coupon_pools, LATERAL (
        SELECT count(*) FILTER (WHERE state = 'free') AS free, count(*) FILTER (WHERE state = 'given') AS given,
            count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn
        FROM coupon_pool_codes AS codes WHERE codes.pool = coupon_pools.pool
    ) AS counted
"""
_FIND = f"SELECT {_FIELDS} WHERE pool = :pool"
_LIST = f"SELECT {_FIELDS} WHERE pool > :after ORDER BY pool LIMIT :limit"
_EXISTS = "SELECT EXISTS (SELECT FROM coupon_pools WHERE pool = :pool)"
_TAKE_TURNS = "SELECT pool FROM coupon_pools WHERE pool = :pool FOR UPDATE"
_BATCH = "SELECT fingerprint, codes FROM coupon_pool_batches WHERE pool = :pool AND batch = :batch"
_ADD_BATCH = """
    INSERT INTO coupon_pool_batches (pool, batch, fingerprint, codes, imported_at, imported_by)
    VALUES (:pool, :batch, :fingerprint, :codes, :now, :by)
"""
_ADD_CODES = """
    INSERT INTO coupon_pool_codes (pool, batch, code_index, code_sealed, key_id, state)
    SELECT :pool, :batch, code_index, code_sealed, :key_id, 'free'
    FROM unnest(CAST(:indexes AS bytea[]), CAST(:sealed AS bytea[])) WITH ORDINALITY
        AS new(code_index, code_sealed, place)
    WHERE NOT EXISTS (SELECT FROM coupons WHERE coupons.code_index = new.code_index)
    ORDER BY place
    ON CONFLICT (code_index) DO NOTHING RETURNING code_index
"""
_TAKE = """
    WITH taken AS (
        SELECT position FROM coupon_pool_codes WHERE pool = :pool AND state = 'free'
        ORDER BY position LIMIT :wanted FOR UPDATE SKIP LOCKED
    )
    SELECT position, code_index, code_sealed, key_id FROM coupon_pool_codes JOIN taken USING (position)
    ORDER BY position
"""
_GIVE = """
    UPDATE coupon_pool_codes SET state = 'given', coupon_id = given.coupon_id, given_at = :now
    FROM unnest(CAST(:positions AS bigint[]), CAST(:coupon_ids AS uuid[])) AS given(position, coupon_id)
    WHERE coupon_pool_codes.position = given.position AND state = 'free'
"""
_WITHDRAW = "UPDATE coupon_pool_codes SET state = 'withdrawn' WHERE pool = :pool AND batch = :batch AND state = 'free'"
_CODES = """
    SELECT position, batch, codes.state, codes.coupon_id, given_at, coupons.member_id, coupons.state AS coupon_state,
        coupons.expires_at, coupons.used_at, coupons.order_source, coupons.order_id
    FROM coupon_pool_codes AS codes LEFT JOIN coupons ON coupons.coupon_id = codes.coupon_id
    WHERE codes.pool = :pool AND position > :after AND (CAST(:state AS text) IS NULL OR codes.state = :state)
    ORDER BY position LIMIT :limit
"""
_SEALED_BEFORE = """
    SELECT position, code_index, code_sealed FROM coupon_pool_codes WHERE key_id <> :key_id AND state <> 'given'
    ORDER BY position LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_SEALED_AGAIN = """
    UPDATE coupon_pool_codes SET code_sealed = fresh.code_sealed, key_id = :key_id
    FROM unnest(CAST(:positions AS bigint[]), CAST(:sealed AS bytea[])) AS fresh(position, code_sealed)
    WHERE coupon_pool_codes.position = fresh.position
"""


async def add(tx: Transaction, pool: str, name: str, by: str) -> bool:
    """Whether it was new."""
    return await tx.execute(_ADD, {"pool": pool, "name": name, "now": tx.now, "by": by}) == 1


async def find(tx: Transaction, pool: str) -> Row[Any] | None:
    """`pool, name, created_at, created_by, free, given, withdrawn`."""
    return await tx.fetch_one(_FIND, {"pool": pool})


async def pools(tx: Transaction, *, after: str, limit: int) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_LIST, {"after": after, "limit": limit})


async def exists(tx: Transaction, pool: str) -> bool:
    return bool(await tx.fetch_value(_EXISTS, {"pool": pool}))


async def take_turns(tx: Transaction, pool: str) -> bool:
    """Lock the pool against other imports; False when there is none."""
    return await tx.fetch_one(_TAKE_TURNS, {"pool": pool}) is not None


async def batch(tx: Transaction, pool: str, name: str) -> Any:
    """`fingerprint, codes` of a batch that was imported, or None."""
    return await tx.fetch_one(_BATCH, {"pool": pool, "batch": name})


async def add_batch(tx: Transaction, pool: str, name: str, fingerprint: bytes, codes: int, by: str) -> None:
    await tx.execute(
        _ADD_BATCH,
        {"pool": pool, "batch": name, "fingerprint": fingerprint, "codes": codes, "now": tx.now, "by": by},
    )


async def add_codes(tx: Transaction, pool: str, name: str, codes: Sequence[SealedCode]) -> set[bytes]:
    """Indexes of those that were taken in: not known in any pool and of no coupon."""
    rows: Sequence[Any] = await tx.fetch_all(
        _ADD_CODES,
        {
            "pool": pool,
            "batch": name,
            "key_id": codes[0].key_id,
            "indexes": [code.index for code in codes],
            "sealed": [code.sealed for code in codes],
        },
    )
    return {row.code_index for row in rows}


async def take(tx: Transaction, pool: str, wanted: int) -> list[tuple[int, SealedCode]]:
    """Up to `wanted` codes nobody has, locked; those that others are taking are passed over."""
    rows: Sequence[Any] = await tx.fetch_all(_TAKE, {"pool": pool, "wanted": wanted})
    return [(row.position, SealedCode(index=row.code_index, sealed=row.code_sealed, key_id=row.key_id)) for row in rows]


async def give(tx: Transaction, given: Sequence[tuple[int, UUID]]) -> None:
    """These codes (positions) belong to these coupons now."""
    await tx.execute(
        _GIVE,
        {"positions": [place for place, _ in given], "coupon_ids": [coupon for _, coupon in given], "now": tx.now},
    )


async def withdraw(tx: Transaction, pool: str, name: str) -> int:
    """How many free codes of the batch will not be given any more."""
    return await tx.execute(_WITHDRAW, {"pool": pool, "batch": name})


async def codes(tx: Transaction, pool: str, state: str | None, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """The state of each code, without the code."""
    return await tx.fetch_all(_CODES, {"pool": pool, "state": state, "after": after, "limit": limit})


async def sealed_before(tx: Transaction, key_id: str, limit: int) -> Sequence[Row[Any]]:
    """`position, code_index, code_sealed` of codes that another master key seals, locked."""
    return await tx.fetch_all(_SEALED_BEFORE, {"key_id": key_id, "limit": limit})


async def sealed_again(tx: Transaction, key_id: str, fresh: Sequence[tuple[int, bytes]]) -> None:
    await tx.execute(
        _SEALED_AGAIN,
        {"key_id": key_id, "positions": [one for one, _ in fresh], "sealed": [sealed for _, sealed in fresh]},
    )
