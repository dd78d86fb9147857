"""All SQL of earning rules."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from common.storage import Transaction
from points.rules.domain import RuleVersion, version_of

_PUBLISHED = """
    SELECT rule, version, wallet, points, per_minor_units, multipliers::text AS multipliers, effective_from
    FROM earning_rules WHERE rule = :rule
"""
_LATEST = """
    SELECT rule, version, wallet, points, per_minor_units, multipliers::text AS multipliers, effective_from,
        published_at, published_by
    FROM earning_rules WHERE rule = :rule AND version < :before ORDER BY version DESC LIMIT :limit
"""
_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('earning_rules'))"
_PUBLISH = """
    INSERT INTO earning_rules (
        rule, version, wallet, points, per_minor_units, multipliers, effective_from, published_at, published_by)
    SELECT :rule, COALESCE(max(version), 0) + 1, :wallet, :points, :per_minor_units, CAST(:multipliers AS jsonb),
        :effective_from, :now, :published_by
    FROM earning_rules WHERE rule = :rule
    RETURNING rule, version, wallet, points, per_minor_units, multipliers::text AS multipliers, effective_from,
        published_at, published_by
"""


async def published(tx: Transaction, rule: str) -> list[RuleVersion]:
    rows = await tx.fetch_all(_PUBLISHED, {"rule": rule})
    return [
        version_of(
            rule=row.rule,
            version=row.version,
            wallet=row.wallet,
            points=row.points,
            per_minor_units=row.per_minor_units,
            multipliers=json.loads(row.multipliers),
            effective_from=row.effective_from,
        )
        for row in rows
    ]


async def latest(tx: Transaction, rule: str, *, before: int, limit: int) -> Sequence[Row[Any]]:
    """Versions below `before`, the newest first."""
    return await tx.fetch_all(_LATEST, {"rule": rule, "before": before, "limit": limit})


async def publish(
    tx: Transaction,
    *,
    rule: str,
    wallet: str,
    points: int,
    per_minor_units: int,
    multipliers: Mapping[str, str],
    effective_from: datetime,
    published_by: str,
) -> Row[Any]:
    """Add the next version; two at the same time take turns."""
    await tx.execute(_TAKE_TURNS)
    row = await tx.fetch_one(
        _PUBLISH,
        {
            "rule": rule,
            "wallet": wallet,
            "points": points,
            "per_minor_units": per_minor_units,
            "multipliers": json.dumps(dict(multipliers)),
            "effective_from": effective_from,
            "now": tx.now,
            "published_by": published_by,
        },
    )
    assert row is not None
    return row
