"""All SQL of counters."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from common.storage import Transaction
from points.cascade.domain import Returned
from points.counters.domain import DISTINCT, RUN, Entry
from points.database import columns

_FIELDS = ", ".join(Entry._fields)
_ADD = f"""
    INSERT INTO counter_entries ({_FIELDS})
    SELECT * FROM unnest(CAST(:member_id AS uuid[]), CAST(:measure AS text[]), CAST(:kind AS text[]),
        CAST(:source AS text[]), CAST(:key AS text[]), CAST(:item AS text[]), CAST(:occurred_at AS timestamptz[]),
        CAST(:value AS bigint[]), CAST(:gone AS bigint[]), CAST(:order_source AS text[]), CAST(:order_id AS text[]))
    ON CONFLICT (member_id, measure, kind, source, key, item) DO UPDATE SET value = excluded.value,
        occurred_at = excluded.occurred_at
"""
_OF_ORDERS = f"""
    SELECT {", ".join("entry." + name for name in Entry._fields)}
    FROM unnest(CAST(:order_source AS text[]), CAST(:order_id AS text[])) AS asked(order_source, order_id)
    JOIN counter_entries AS entry USING (order_source, order_id)
    WHERE order_id <> '' ORDER BY member_id, measure, kind, source, key, item FOR UPDATE OF entry
"""
_GONE = """
    UPDATE counter_entries AS entry SET gone = told.gone
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:measure AS text[]), CAST(:kind AS text[]), CAST(:source AS text[]),
        CAST(:key AS text[]), CAST(:item AS text[]), CAST(:gone AS bigint[]))
        AS told(member_id, measure, kind, source, key, item, gone)
    WHERE (entry.member_id, entry.measure, entry.kind, entry.source, entry.key, entry.item)
        = (told.member_id, told.measure, told.kind, told.source, told.key, told.item)
"""
_ANY_OF_ORDERS = """
    SELECT EXISTS (SELECT FROM unnest(CAST(:order_source AS text[]), CAST(:order_id AS text[]))
        AS asked(order_source, order_id) JOIN counter_entries USING (order_source, order_id))
"""
_ASKED = """
    unnest(CAST(:number AS integer[]), CAST(:member_id AS uuid[]), CAST(:measure AS text[]),
        CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[])) AS asked(number, member_id, measure, since, until)
    JOIN counter_entries AS entry ON entry.member_id = asked.member_id AND entry.measure = asked.measure
        AND entry.occurred_at >= asked.since AND entry.occurred_at < asked.until AND entry.value > entry.gone
"""
_VALUES = f"""
    SELECT number, sum(entry.value - entry.gone) AS total, count(DISTINCT entry.item) AS items,
        max(entry.value - entry.gone) AS longest
    FROM {_ASKED} GROUP BY number
"""
_ENTRIES = f"SELECT number, {', '.join('entry.' + name for name in Entry._fields)} FROM {_ASKED}"


_SINCE = """
    SELECT entry.member_id, entry.measure, entry.occurred_at
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:since AS timestamptz[])) AS asked(member_id, since)
    JOIN counter_entries AS entry ON entry.member_id = asked.member_id AND entry.occurred_at >= asked.since
        AND entry.measure = ANY(CAST(:measures AS text[]))
"""


class Span(NamedTuple):
    """What of a member is asked for: a measure from `since` on, before `until`."""

    member_id: UUID
    measure: str
    since: datetime
    until: datetime


async def add(tx: Transaction, entries: Iterable[Entry]) -> None:
    """The same entry again changes its value (a run that a late day made longer), not what came back of it."""
    ordered = sorted(entries, key=itemgetter(0, 1, 2, 3, 4, 5))
    if ordered:
        await tx.execute(_ADD, columns(Entry._fields, ordered))


async def any_of_orders(tx: Transaction, returns: Sequence[Returned]) -> bool:
    keys = sorted({(one.order_source, one.order_id) for one in returns})
    return bool(await tx.fetch_value(_ANY_OF_ORDERS, columns(("order_source", "order_id"), keys)))


async def of_orders(tx: Transaction, orders: Iterable[tuple[str, str]]) -> list[Entry]:
    """The entries of these orders, locked."""
    rows: Sequence[Any] = await tx.fetch_all(_OF_ORDERS, columns(("order_source", "order_id"), sorted(orders)))
    return [Entry._make(row) for row in rows]


async def take_away(tx: Transaction, entries: Iterable[Entry]) -> None:
    """Keep what of these entries is gone."""
    names = ("member_id", "measure", "kind", "source", "key", "item", "gone")
    rows = sorted((*entry[:6], entry.gone) for entry in entries)
    if rows:
        await tx.execute(_GONE, columns(names, rows))


def _asked(spans: Sequence[Span]) -> dict[str, list[Any]]:
    return {"number": list(range(len(spans))), **columns(Span._fields, spans)}


async def values(tx: Transaction, spans: Sequence[Span], whats: Sequence[str]) -> list[int]:
    """What each span counts up to, in the spans' order."""
    if not spans:
        return []
    rows: Sequence[Any] = await tx.fetch_all(_VALUES, _asked(spans))
    found = {row.number: row for row in rows}
    counted = []
    for number, what in enumerate(whats):
        row = found.get(number)
        if row is None:
            counted.append(0)
        else:
            counted.append(int({DISTINCT: row.items, RUN: row.longest}.get(what, row.total)))
    return counted


async def since(
    tx: Transaction, instants: Iterable[tuple[UUID, datetime]], measures: Iterable[str]
) -> list[tuple[UUID, str, datetime]]:
    """What was counted of these members from their instants on: (member, measure, when)."""
    params = {**columns(("member_id", "since"), sorted(instants)), "measures": sorted(measures)}
    rows: Sequence[Any] = await tx.fetch_all(_SINCE, params)
    return [(member_id, measure, occurred_at) for member_id, measure, occurred_at in rows]


async def entries(tx: Transaction, spans: Sequence[Span]) -> list[list[Entry]]:
    """What each span counts, in the spans' order."""
    found = defaultdict[int, list[Entry]](list)
    rows: Sequence[Any] = await tx.fetch_all(_ENTRIES, _asked(spans)) if spans else []
    for number, *fields in rows:
        found[number].append(Entry._make(fields))
    return [found[number] for number in range(len(spans))]
