"""All SQL of policies."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from common.storage import Transaction

_CURRENT = """
    SELECT revision, settings, set_at, set_by FROM movement_policies WHERE kind = :kind ORDER BY revision DESC LIMIT 1
"""
_ADD = """
    INSERT INTO movement_policies (kind, revision, settings, set_at, set_by)
    VALUES (:kind, :revision, CAST(:settings AS jsonb), :now, :set_by)
"""


async def current(tx: Transaction, kind: str) -> Row[Any] | None:
    """`revision, settings, set_at, set_by`, None while nobody has set one."""
    return await tx.fetch_one(_CURRENT, {"kind": kind})


async def add(tx: Transaction, kind: str, revision: int, settings: Mapping[str, Any], set_by: str) -> None:
    """Of two at the same time one fails with a unique violation, which is a conflict to the caller."""
    await tx.execute(
        _ADD,
        {"kind": kind, "revision": revision, "settings": json.dumps(settings), "now": tx.now, "set_by": set_by},
    )


_OF_REVISION = """
    SELECT revision, settings, set_at, set_by FROM movement_policies WHERE kind = :kind AND revision = :revision
"""


async def of_revision(tx: Transaction, kind: str, revision: int) -> Row[Any] | None:
    return await tx.fetch_one(_OF_REVISION, {"kind": kind, "revision": revision})
