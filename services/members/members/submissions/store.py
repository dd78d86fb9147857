"""SQL of submissions and resolutions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from common.storage import Transaction

Key = tuple[str, str]

_SUBMIT = """
    INSERT INTO submissions (kind, source, key, body_hash, event_id, submitted_by, submitted_at)
    SELECT :kind, source, key, body_hash, event_id, :submitted_by, :now FROM unnest(
        CAST(:sources AS text[]), CAST(:keys AS text[]), CAST(:hashes AS bytea[]), CAST(:event_ids AS text[])
    ) AS fresh (source, key, body_hash, event_id)
    ON CONFLICT (kind, source, key) DO NOTHING RETURNING source, key
"""
_SUBMITTED = """
    SELECT source, key, body_hash FROM submissions
    WHERE kind = :kind AND (source, key) IN (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:keys AS text[])))
"""
_RESOLVE = """
    INSERT INTO resolutions (source, order_id, body_hash, member_id, resolved_at)
    SELECT source, order_id, body_hash, member_id, :now FROM unnest(
        CAST(:sources AS text[]), CAST(:order_ids AS text[]), CAST(:hashes AS bytea[]), CAST(:member_ids AS uuid[])
    ) AS fresh (source, order_id, body_hash, member_id)
    ON CONFLICT (source, order_id) DO NOTHING RETURNING source, order_id
"""
_RESOLVED = """
    SELECT source, order_id, body_hash FROM resolutions
    WHERE (source, order_id) IN (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:keys AS text[])))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    source: str
    key: str
    body_hash: bytes
    event_id: str


async def submit(tx: Transaction, kind: str, submitted_by: str, submissions: Sequence[Submission]) -> set[Key]:
    """Write down what is new; returns the keys that were."""
    ordered = sorted(submissions, key=lambda one: (one.source, one.key))
    rows = await tx.fetch_all(
        _SUBMIT,
        {
            "kind": kind,
            "submitted_by": submitted_by,
            "now": tx.now,
            "sources": [one.source for one in ordered],
            "keys": [one.key for one in ordered],
            "hashes": [one.body_hash for one in ordered],
            "event_ids": [one.event_id for one in ordered],
        },
    )
    return {(row.source, row.key) for row in rows}


async def submitted(tx: Transaction, kind: str, keys: Sequence[Key]) -> dict[Key, bytes]:
    """Hashes of what was handed in before under these keys."""
    if not keys:
        return {}
    rows = await tx.fetch_all(_SUBMITTED, {"kind": kind, **_columns(keys)})
    return {(row.source, row.key): bytes(row.body_hash) for row in rows}


async def resolve(tx: Transaction, resolved: Mapping[Key, tuple[bytes, UUID]]) -> set[Key]:
    """Write down (body hash, member) of each order; returns the keys that were new."""
    ordered = sorted(resolved)
    rows = await tx.fetch_all(
        _RESOLVE,
        {
            "now": tx.now,
            "sources": [source for source, _ in ordered],
            "order_ids": [order_id for _, order_id in ordered],
            "hashes": [resolved[key][0] for key in ordered],
            "member_ids": [resolved[key][1] for key in ordered],
        },
    )
    return {(row.source, row.order_id) for row in rows}


async def resolved(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    """Hashes of the submitted orders that were resolved before."""
    if not keys:
        return {}
    rows = await tx.fetch_all(_RESOLVED, _columns(keys))
    return {(row.source, row.order_id): bytes(row.body_hash) for row in rows}


def _columns(keys: Sequence[Key]) -> dict[str, list[str]]:
    return {"sources": [source for source, _ in keys], "keys": [key for _, key in keys]}
