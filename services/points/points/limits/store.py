"""All SQL of limits. Rows sorted by key, after the members' wallets are locked."""

from collections.abc import Iterable, Sequence
from typing import Any

from common.storage import Transaction
from points.database import columns
from points.limits.domain import EVERYBODY, Row, RowKey, Taking, in_order

_ROW = ("rule", "holder", "period")
_READ = """
    SELECT rule, holder, period, points, uses
    FROM unnest(CAST(:rule AS text[]), CAST(:holder AS uuid[]), CAST(:period AS text[])) AS asked(rule, holder, period)
    JOIN limit_usage USING (rule, holder, period)
"""
# Budgets belong to nobody whose wallet is locked, so they are locked themselves, in this order.
_LOCK = """
    SELECT rule, holder, period, limit_usage.points, limit_usage.uses
    FROM unnest(CAST(:rule AS text[]), CAST(:holder AS uuid[]), CAST(:period AS text[])) AS asked(rule, holder, period)
    JOIN limit_usage USING (rule, holder, period)
    ORDER BY rule, holder, period FOR UPDATE OF limit_usage
"""
_OPEN = """
    INSERT INTO limit_usage (rule, holder, period, points, uses)
    SELECT rule, holder, period, 0, 0
    FROM unnest(CAST(:rule AS text[]), CAST(:holder AS uuid[]), CAST(:period AS text[])) AS new(rule, holder, period)
    ORDER BY rule, holder, period
    ON CONFLICT DO NOTHING
"""
_KEEP = """
    INSERT INTO limit_usage (rule, holder, period, points, uses)
    SELECT * FROM unnest(CAST(:rule AS text[]), CAST(:holder AS uuid[]), CAST(:period AS text[]),
        CAST(:points AS bigint[]), CAST(:uses AS bigint[]))
    ON CONFLICT (rule, holder, period) DO UPDATE SET points = excluded.points, uses = excluded.uses
"""
_TAKING = ("kind", "source", "key", *_ROW, "points", "uses", "points_back", "uses_back", "by_line")
_KEEP_TAKINGS = """
    INSERT INTO limit_takings (kind, source, key, rule, holder, period, points, uses, points_back, uses_back,
        by_line)
    SELECT kind, source, key, rule, holder, period, points, uses, points_back, uses_back, CAST(by_line AS bigint[])
    FROM unnest(CAST(:kind AS text[]), CAST(:source AS text[]), CAST(:key AS text[]), CAST(:rule AS text[]),
        CAST(:holder AS uuid[]), CAST(:period AS text[]), CAST(:points AS bigint[]), CAST(:uses AS bigint[]),
        CAST(:points_back AS bigint[]), CAST(:uses_back AS bigint[]), CAST(:by_line AS text[]))
        AS new(kind, source, key, rule, holder, period, points, uses, points_back, uses_back, by_line)
    ON CONFLICT (kind, source, key, rule, holder, period) DO UPDATE SET points = excluded.points,
        uses = excluded.uses, points_back = excluded.points_back, uses_back = excluded.uses_back,
        by_line = excluded.by_line
"""
_TAKINGS = f"""
    SELECT {", ".join(_TAKING)}
    FROM unnest(CAST(:kind AS text[]), CAST(:source AS text[]), CAST(:key AS text[])) AS asked(kind, source, key)
    JOIN limit_takings USING (kind, source, key)
    ORDER BY kind, source, key, rule, holder, period
"""


async def read(tx: Transaction, keys: Sequence[RowKey]) -> dict[RowKey, Row]:
    return _rows(await tx.fetch_all(_READ, columns(_ROW, keys))) if keys else {}


async def lock(tx: Transaction, keys: Iterable[RowKey]) -> dict[RowKey, Row]:
    """Members' rows read (who asks holds their wallets), budgets' rows opened and locked until the commit."""
    wanted = in_order(keys)
    budgets = [key for key in wanted if key.holder == EVERYBODY]
    found = await read(tx, [key for key in wanted if key.holder != EVERYBODY])
    if budgets:
        locked = _rows(await tx.fetch_all(_LOCK, columns(_ROW, budgets)))
        if missing := [key for key in budgets if key not in locked]:
            await tx.execute(_OPEN, columns(_ROW, missing))
            locked |= _rows(await tx.fetch_all(_LOCK, columns(_ROW, missing)))
        found |= locked
    return found


def _rows(rows: Sequence[Any]) -> dict[RowKey, Row]:
    return {RowKey(rule, holder, period): Row(points, uses) for rule, holder, period, points, uses in rows}


async def keep(tx: Transaction, rows: Iterable[tuple[RowKey, Row]]) -> None:
    """What has been used, as it is now; the rows are locked."""
    known = dict(rows)
    found = [(*key, known[key].points, known[key].uses) for key in in_order(known)]
    if found:
        await tx.execute(_KEEP, columns((*_ROW, "points", "uses"), found))


async def takings(tx: Transaction, occasions: Iterable[tuple[str, str, str]]) -> list[Taking]:
    """What these occasions (kind, source, key) took."""
    wanted = sorted(set(occasions))
    if not wanted:
        return []
    rows: Sequence[Any] = await tx.fetch_all(_TAKINGS, columns(("kind", "source", "key"), wanted))
    return [Taking._make(row) for row in rows]


async def keep_takings(tx: Transaction, takings: Iterable[Taking]) -> None:
    found = sorted(takings, key=lambda one: (*one[:4], one.holder.int, one.period))
    if found:
        rows = [(*one[:-1], None if one.by_line is None else _array(one.by_line)) for one in found]
        await tx.execute(_KEEP_TAKINGS, columns(_TAKING, rows))


def _array(numbers: Sequence[int]) -> str:
    # unnest would take an array of arrays apart down to the numbers
    return f"{{{','.join(map(str, numbers))}}}"
