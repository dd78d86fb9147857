"""Imported codes: taken in all or nothing, given out each once."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from points import keyring
from points.coupon_codes import minting
from points.coupon_codes.minting import SealedCode
from points.coupon_pools import store
from points.coupon_pools.domain import (
    BadCode,
    BadCodesError,
    BatchReusedError,
    PoolExistsError,
    PoolUnknownError,
    bad_codes,
)

RESEALED_PER_RUN = 2_000


async def create(tx: Transaction, caller: Caller, pool: str, name: str) -> Row[Any]:
    """Raises PoolExistsError."""
    if not await store.add(tx, pool, name, caller.subject):
        raise PoolExistsError(pool)
    await audit(tx, caller, "coupon_pool.created", pool)
    return await find(tx, pool)


async def find(tx: Transaction, pool: str) -> Row[Any]:
    """Raises PoolUnknownError."""
    row = await store.find(tx, pool)
    if row is None:
        raise PoolUnknownError(pool)
    return row


async def pools(tx: Transaction, *, after: str, limit: int) -> Sequence[Row[Any]]:
    return await store.pools(tx, after=after, limit=limit)


async def exists(tx: Transaction, pool: str) -> bool:
    return await store.exists(tx, pool)


async def take_in(tx: Transaction, caller: Caller, pool: str, batch: str, codes: Sequence[str]) -> bool:
    """Take in a batch whole; False when the same batch was taken in before.

    Raises PoolUnknownError, BatchReusedError, BadCodesError (then nothing was taken in).
    """
    if not await store.take_turns(tx, pool):
        raise PoolUnknownError(pool)
    bad = bad_codes(codes)
    sealed = [minting.seal(code) for code in codes]
    fingerprint = hashlib.sha256(b"".join(code.index for code in sealed)).digest()
    before = await store.batch(tx, pool, batch)
    if before is not None:
        if before.fingerprint != fingerprint:
            raise BatchReusedError(pool, batch, before.codes)
        return False
    if bad:
        raise BadCodesError(pool, batch, bad)
    # Sorted, so that two imports that share codes wait for one another instead of locking each other out.
    added = await store.add_codes(tx, pool, batch, sorted(sealed, key=lambda code: code.index))
    if len(added) < len(sealed):
        places = enumerate(sealed, start=1)
        raise BadCodesError(
            pool, batch, [BadCode(position=n, reason="in_use") for n, code in places if code.index not in added]
        )
    await store.add_batch(tx, pool, batch, fingerprint, len(sealed), caller.subject)
    await audit(tx, caller, "coupon_pool.imported", pool, batch=batch, codes=len(sealed))
    return True


async def withdraw(tx: Transaction, caller: Caller, pool: str, batch: str) -> int:
    """Give out no more codes of this batch. How many were still free. Raises PoolUnknownError."""
    await find(tx, pool)
    withdrawn = await store.withdraw(tx, pool, batch)
    await audit(tx, caller, "coupon_pool.withdrawn", pool, batch=batch, codes=withdrawn)
    return withdrawn


async def take(tx: Transaction, pool: str, wanted: int) -> list[tuple[int, SealedCode]]:
    """Up to `wanted` codes (position, code) that nobody else will get; `give` them in this transaction."""
    return await store.take(tx, pool, wanted)


async def give(tx: Transaction, given: Sequence[tuple[int, UUID]]) -> None:
    """These positions belong to these coupons."""
    await store.give(tx, given)


async def codes(tx: Transaction, pool: str, state: str | None, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """The state of each code, in the order of the import. Raises PoolUnknownError."""
    if not await store.exists(tx, pool):
        raise PoolUnknownError(pool)
    return await store.codes(tx, pool, state, after=after, limit=limit)


async def reseal(tx: Transaction) -> None:
    """Timed job: after a new master key, seal free codes with it, some at a time."""
    if not keyring.given():
        return
    key_id = keyring.current().masters.current_id
    rows: Sequence[Any] = await store.sealed_before(tx, key_id, RESEALED_PER_RUN)
    fresh = [(row.position, minting.sealed_again(row.code_index, row.code_sealed)) for row in rows]
    opened = [(position, code.sealed) for position, code in fresh if code is not None]
    if opened:
        await store.sealed_again(tx, key_id, opened)
