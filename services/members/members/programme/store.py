"""SQL of the programme's history. The settings in force are in the framework's table `programme`."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Row

from common.security.callers import Caller
from common.storage import Transaction

LOCK_KEY = 0x9706  # one editor at a time, the first one too, when there is no row to lock

_LOCK = "SELECT pg_advisory_xact_lock(:key)"
_CURRENT = "SELECT revision, effective_at, settings::text AS settings FROM programme WHERE id = 1"
_NOTE = """
    INSERT INTO programme_history (revision, at, actor, actor_kind, changed, before, after)
    VALUES (:revision, :at, :actor, :actor_kind, CAST(:changed AS text[]), CAST(:before AS jsonb),
        CAST(:after AS jsonb))
"""
_HISTORY = """
    SELECT revision, at, actor, actor_kind, changed, before, after FROM programme_history
    WHERE revision < :below ORDER BY revision DESC LIMIT :limit
"""


async def lock(tx: Transaction) -> None:
    await tx.execute(_LOCK, {"key": LOCK_KEY})


async def current(tx: Transaction) -> Row[Any] | None:
    return await tx.fetch_one(_CURRENT)


async def note(
    tx: Transaction,
    caller: Caller,
    *,
    revision: int,
    changed: Sequence[str],
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    await tx.execute(
        _NOTE,
        {
            "revision": revision,
            "at": tx.now,
            "actor": caller.subject,
            "actor_kind": caller.kind,
            "changed": list(changed),
            "before": None if before is None else orjson.dumps(before).decode(),
            "after": orjson.dumps(after).decode(),
        },
    )


async def history(tx: Transaction, *, below: int, limit: int) -> Sequence[Row[Any]]:
    """Versions below a revision, the newest first."""
    return await tx.fetch_all(_HISTORY, {"below": below, "limit": limit})
