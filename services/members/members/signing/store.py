"""SQL of signing keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row

from common.storage import Transaction

LOCK_KEY = 0x5167  # one rotation at a time

_LOCK = "SELECT pg_advisory_xact_lock(:key)"
_ADD = """
    INSERT INTO signing_keys (kid, public, sealed, created_at, signs_from)
    VALUES (:kid, CAST(:public AS jsonb), :sealed, :now, :signs_from)
"""
_RETIRE_OTHERS = "UPDATE signing_keys SET retires_at = :retires_at WHERE kid <> :kid AND retires_at IS NULL"
_SIGNING = """
    SELECT kid, sealed, created_at FROM signing_keys
    WHERE signs_from <= :now AND (retires_at IS NULL OR retires_at > :now) ORDER BY signs_from DESC LIMIT 1
"""
_PUBLISHED = """
    SELECT kid, public, created_at, signs_from, retires_at FROM signing_keys
    WHERE retires_at IS NULL OR retires_at > :now ORDER BY signs_from DESC
"""
_SEALED = "SELECT kid, sealed FROM signing_keys ORDER BY kid FOR UPDATE"
_RESEAL = "UPDATE signing_keys SET sealed = :sealed WHERE kid = :kid"
_DROP = "DELETE FROM signing_keys WHERE retires_at <= :now"


async def lock(tx: Transaction) -> None:
    await tx.execute(_LOCK, {"key": LOCK_KEY})


async def add(tx: Transaction, *, kid: str, public: dict[str, Any], sealed: bytes, signs_from: datetime) -> None:
    params = {"kid": kid, "public": orjson.dumps(public).decode(), "sealed": sealed, "now": tx.now}
    await tx.execute(_ADD, {**params, "signs_from": signs_from})


async def retire_others(tx: Transaction, kid: str, retires_at: datetime) -> None:
    await tx.execute(_RETIRE_OTHERS, {"kid": kid, "retires_at": retires_at})


async def signing(tx: Transaction) -> Row[Any] | None:
    """The key that signs now."""
    return await tx.fetch_one(_SIGNING, {"now": tx.now})


async def published(tx: Transaction) -> Sequence[Row[Any]]:
    """The keys by which tokens are believed, the newest first."""
    return await tx.fetch_all(_PUBLISHED, {"now": tx.now})


async def sealed(tx: Transaction) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_SEALED)


async def reseal(tx: Transaction, kid: str, sealed: bytes) -> None:
    await tx.execute(_RESEAL, {"kid": kid, "sealed": sealed})


async def drop_retired(tx: Transaction) -> int:
    return await tx.execute(_DROP, {"now": tx.now})
