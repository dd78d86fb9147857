"""The inbox: which events this service has taken in, for as long as the ledger lives."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from common.events.event import Event
from common.storage.transaction import Transaction

_TAKE = """
    WITH came AS (
        SELECT * FROM unnest(
            CAST(:sources AS text[]), CAST(:ids AS text[]), CAST(:types AS text[]), CAST(:hashes AS bytea[])
        ) AS came(source, event_id, type, body_hash)
    ), taken AS (
        INSERT INTO inbox (source, event_id, type, body_hash, received_at)
        SELECT source, event_id, type, body_hash, :now FROM came
        ON CONFLICT DO NOTHING
        RETURNING source, event_id
    )
    SELECT source, event_id FROM came WHERE (source, event_id) NOT IN (SELECT source, event_id FROM taken)
"""
_KNOWN = """
    SELECT source, event_id, type, body_hash FROM inbox
    JOIN unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS asked(source, event_id) USING (source, event_id)
"""
_FORGET = """
    DELETE FROM inbox USING unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS gone(source, event_id)
    WHERE inbox.source = gone.source AND inbox.event_id = gone.event_id
"""
_COUNT = """
    INSERT INTO duplicates (source, type, day, count)
    SELECT source, type, :day, count
    FROM unnest(CAST(:sources AS text[]), CAST(:types AS text[]), CAST(:counts AS bigint[])) AS new(source, type, count)
    ON CONFLICT (source, type, day) DO UPDATE SET count = duplicates.count + excluded.count
"""

Key = tuple[str, str]
"""(source, event id)"""


def _keys(events: Sequence[Event[Any]]) -> dict[str, list[str]]:
    return {"sources": [event.source for event in events], "ids": [event.id for event in events]}


async def take(tx: Transaction, events: Sequence[Event[Any]]) -> set[Key]:
    """Write the events down, sorted by key (or two workers deadlock); returns the keys that were there before."""
    rows = await tx.fetch_all(
        _TAKE,
        _keys(events)
        | {
            "now": tx.now,
            "types": [event.type for event in events],
            "hashes": [event.body_hash for event in events],
        },
    )
    return {(row.source, row.event_id) for row in rows}


async def known(tx: Transaction, events: Sequence[Event[Any]]) -> dict[Key, tuple[str, bytes]]:
    """Type and body hash under which events were taken in before."""
    rows = await tx.fetch_all(_KNOWN, _keys(events))
    return {(row.source, row.event_id): (row.type, bytes(row.body_hash)) for row in rows}


async def forget(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    """The events had no effect after all: a later attempt must count as the first."""
    await tx.execute(_FORGET, _keys(events))


async def count_duplicates(tx: Transaction, counts: Mapping[Key, int]) -> None:
    """`counts` by (source, event type): who sends what how often again, by day (UTC)."""
    keys = sorted(counts)
    await tx.execute(
        _COUNT,
        {
            "day": datetime(tx.now.year, tx.now.month, tx.now.day, tzinfo=UTC),
            "sources": [source for source, _ in keys],
            "types": [type_ for _, type_ in keys],
            "counts": [counts[key] for key in keys],
        },
    )
