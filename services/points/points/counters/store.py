"""All SQL of counters."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from common.storage import Transaction
from points.cascade.domain import Returned
from points.counters.domain import AMOUNT, DISTINCT, RUN, Entry, Measure
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
# What is counted by amount goes with each part that comes back, everything else with the whole, or when too little is
# left of the purchase to count; see domain.Entry.
_RETURN = """
    WITH after AS (
        SELECT one.member_id, one.measure, one.kind, one.source, one.key, one.item,
            CASE WHEN returned.wholly OR returned.remaining < COALESCE(floors.min_amount, 0) THEN one.value
                WHEN floors.by_amount THEN least(one.value, greatest(one.gone, returned.after))
                ELSE one.gone END AS gone
        FROM unnest(CAST(:order_source AS text[]), CAST(:order_id AS text[]), CAST(:wholly AS boolean[]),
            CAST(:after AS bigint[]), CAST(:remaining AS bigint[]))
            AS returned(order_source, order_id, wholly, after, remaining)
        JOIN counter_entries AS one USING (order_source, order_id)
        LEFT JOIN unnest(CAST(:measure AS text[]), CAST(:by_amount AS boolean[]), CAST(:min_amount AS bigint[]))
            AS floors(measure, by_amount, min_amount) USING (measure)
        WHERE order_id <> ''
    )
    UPDATE counter_entries AS entry SET gone = after.gone FROM after
    WHERE (entry.member_id, entry.measure, entry.kind, entry.source, entry.key, entry.item)
        = (after.member_id, after.measure, after.kind, after.source, after.key, after.item)
        AND entry.gone <> after.gone
    RETURNING entry.member_id, entry.measure, entry.occurred_at, entry.order_source, entry.order_id
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


class Gone(NamedTuple):
    """An entry of which something came back, with the order it belongs to."""

    member_id: UUID
    measure: str
    occurred_at: datetime
    order_source: str
    order_id: str


async def add(tx: Transaction, entries: Iterable[Entry]) -> None:
    """The same entry again changes its value (a run that a late day made longer), not what came back of it."""
    ordered = sorted(entries, key=itemgetter(0, 1, 2, 3, 4, 5))
    if ordered:
        await tx.execute(_ADD, columns(Entry._fields, ordered))


async def any_of_orders(tx: Transaction, returns: Sequence[Returned]) -> bool:
    keys = sorted({(one.order_source, one.order_id) for one in returns})
    return bool(await tx.fetch_value(_ANY_OF_ORDERS, columns(("order_source", "order_id"), keys)))


async def take_away(tx: Transaction, returns: Sequence[Returned], measures: Iterable[Measure]) -> list[Gone]:
    """Let entries follow the return of their orders; what changed. `measures` say how each of them follows."""
    newest: dict[tuple[str, str], Returned] = {}
    for one in returns:
        key = (one.order_source, one.order_id)
        if key not in newest or one.after > newest[key].after:
            newest[key] = one
    rows = [(*key, one.wholly, one.after, one.basis - one.after) for key, one in sorted(newest.items())]
    names = ("order_source", "order_id", "wholly", "after", "remaining")
    floors = sorted((one.key, one.what == AMOUNT, one.min_amount) for one in measures)
    params = {**columns(names, rows), **columns(("measure", "by_amount", "min_amount"), floors)}
    changed: Sequence[Any] = await tx.fetch_all(_RETURN, params)
    return [Gone._make(row) for row in changed]


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
