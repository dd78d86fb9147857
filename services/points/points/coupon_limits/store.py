"""All SQL of counts of coupons."""

from collections.abc import Iterable, Sequence
from typing import Any

from common.storage import Transaction
from points.coupon_limits.domain import TOTAL, Key
from points.database import columns

_OPEN = """
    INSERT INTO coupon_counts (template, member_id, issued, used)
    SELECT template, member_id, 0, 0
    FROM unnest(CAST(:template AS text[]), CAST(:member_id AS uuid[])) AS new(template, member_id)
    WHERE member_id <> CAST(:total AS uuid)
    ORDER BY template, member_id ON CONFLICT DO NOTHING
"""
_LOCK = """
    SELECT coupon_counts.template, coupon_counts.member_id, issued, used FROM coupon_counts
    JOIN unnest(CAST(:template AS text[]), CAST(:member_id AS uuid[])) AS asked(template, member_id)
        ON asked.template = coupon_counts.template AND asked.member_id = coupon_counts.member_id
    ORDER BY coupon_counts.template, coupon_counts.member_id FOR UPDATE OF coupon_counts
"""
_READ = """
    SELECT coupon_counts.template, coupon_counts.member_id, issued, used FROM coupon_counts
    JOIN unnest(CAST(:template AS text[]), CAST(:member_id AS uuid[])) AS asked(template, member_id)
        ON asked.template = coupon_counts.template AND asked.member_id = coupon_counts.member_id
"""
_SAVE = """
    UPDATE coupon_counts SET issued = changed.issued, used = changed.used
    FROM unnest(CAST(:template AS text[]), CAST(:member_id AS uuid[]), CAST(:issued AS bigint[]),
        CAST(:used AS bigint[])) AS changed(template, member_id, issued, used)
    WHERE coupon_counts.template = changed.template AND coupon_counts.member_id = changed.member_id
"""
_BEGIN_TOTAL = """
    INSERT INTO coupon_counts (template, member_id, issued, used)
    SELECT :template, CAST(:total AS uuid), COALESCE(sum(issued), 0), COALESCE(sum(used), 0)
    FROM coupon_counts WHERE template = :template AND member_id <> CAST(:total AS uuid)
    ON CONFLICT DO NOTHING
"""
_TOTALS = """
    SELECT COALESCE(sum(issued), 0) AS issued, COALESCE(sum(used), 0) AS used,
        count(*) FILTER (WHERE issued > 0) AS members
    FROM coupon_counts WHERE template = :template AND member_id <> CAST(:total AS uuid)
"""


async def lock(tx: Transaction, keys: Iterable[Key]) -> dict[Key, list[int]]:
    """[issued, used] by key, locked in the order of the keys. A total is there only where one is kept."""
    params = _columns(keys)
    await tx.execute(_OPEN, {**params, "total": TOTAL})
    rows: Sequence[Any] = await tx.fetch_all(_LOCK, params)
    return {(row.template, row.member_id): [row.issued, row.used] for row in rows}


async def read(tx: Transaction, keys: Iterable[Key]) -> dict[Key, list[int]]:
    """The same without locks; what was never counted is not there."""
    rows: Sequence[Any] = await tx.fetch_all(_READ, _columns(keys))
    return {(row.template, row.member_id): [row.issued, row.used] for row in rows}


def _columns(keys: Iterable[Key]) -> dict[str, list[Any]]:
    return columns(("template", "member_id"), sorted(set(keys)))


async def save(tx: Transaction, counts: Sequence[tuple[Any, ...]]) -> None:
    """(template, member, issued, used), which the caller holds locked."""
    await tx.execute(_SAVE, columns(("template", "member_id", "issued", "used"), counts))


async def begin_total(tx: Transaction, template: str) -> None:
    await tx.execute(_BEGIN_TOTAL, {"template": template, "total": TOTAL})


async def totals(tx: Transaction, template: str) -> dict[str, int]:
    row: Any = await tx.fetch_one(_TOTALS, {"template": template, "total": TOTAL})
    return {"issued": int(row.issued), "used": int(row.used), "members": row.members}
