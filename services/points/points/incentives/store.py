"""All SQL of definitions."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from common.storage import Transaction
from points.incentives.domain import Incentive

_FIELDS = """
    kind, key, revision, state, definition::text AS definition, active_from, ended_at, created_at, changed_at,
    changed_by
"""
_ADD = f"""
    INSERT INTO incentives (kind, key, revision, state, definition, created_at, changed_at, changed_by)
    VALUES (:kind, :key, 1, 'draft', CAST(:definition AS jsonb), :now, :now, :changed_by)
    ON CONFLICT (kind, key) DO NOTHING RETURNING {_FIELDS}
"""
_CHANGE = f"""
    UPDATE incentives SET revision = revision + 1, state = :state, definition = CAST(:definition AS jsonb),
        active_from = :active_from, ended_at = :ended_at, changed_at = :now, changed_by = :changed_by
    WHERE kind = :kind AND key = :key RETURNING {_FIELDS}
"""
_ONE = f"SELECT {_FIELDS} FROM incentives WHERE kind = :kind AND key = :key"
_LIST = f"""
    SELECT {_FIELDS} FROM incentives
    WHERE (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:state AS text) IS NULL OR state = :state)
        AND (kind, key) > (:after_kind, :after_key)
    ORDER BY kind, key LIMIT :limit
"""
_COUNTING = f"""
    SELECT {_FIELDS} FROM incentives
    WHERE kind = ANY(CAST(:kinds AS text[])) AND active_from IS NOT NULL AND active_from <= :latest
        AND (ended_at IS NULL OR ended_at > :earliest)
    ORDER BY kind, key
"""


def _incentive(row: Any) -> Incentive:
    return Incentive(**{**row._mapping, "definition": json.loads(row.definition)})


async def add(
    tx: Transaction, *, kind: str, key: str, definition: Mapping[str, Any], changed_by: str
) -> Incentive | None:
    """A new draft; None when the key is taken."""
    row = await tx.fetch_one(
        _ADD, {"kind": kind, "key": key, "definition": json.dumps(definition), "now": tx.now, "changed_by": changed_by}
    )
    return None if row is None else _incentive(row)


async def one(tx: Transaction, kind: str, key: str, *, locked: bool = False) -> Incentive | None:
    row = await tx.fetch_one(_ONE + (" FOR UPDATE" if locked else ""), {"kind": kind, "key": key})
    return None if row is None else _incentive(row)


async def change(
    tx: Transaction,
    before: Incentive,
    *,
    state: str,
    definition: Mapping[str, Any],
    active_from: datetime | None,
    ended_at: datetime | None,
    changed_by: str,
) -> Incentive:
    """The next revision; the caller has locked the row."""
    row = await tx.fetch_one(
        _CHANGE,
        {
            "kind": before.kind,
            "key": before.key,
            "state": state,
            "definition": json.dumps(definition),
            "active_from": active_from,
            "ended_at": ended_at,
            "now": tx.now,
            "changed_by": changed_by,
        },
    )
    return _incentive(row)


async def some(
    tx: Transaction, *, kind: str | None, state: str | None, after: tuple[str, str], limit: int
) -> list[Incentive]:
    rows = await tx.fetch_all(
        _LIST, {"kind": kind, "state": state, "after_kind": after[0], "after_key": after[1], "limit": limit}
    )
    return [_incentive(row) for row in rows]


async def counting(tx: Transaction, kinds: Sequence[str], *, earliest: datetime, latest: datetime) -> list[Incentive]:
    """Those for which something that occurred between the two may count."""
    rows = await tx.fetch_all(_COUNTING, {"kinds": list(kinds), "earliest": earliest, "latest": latest})
    return [_incentive(row) for row in rows]
