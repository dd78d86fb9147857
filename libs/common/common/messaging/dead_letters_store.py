"""All SQL of the table `dead_letters`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.messaging.dead_letters import Letter, Stored
from common.storage.transaction import Transaction

MAX_BULK = 1000

_CLAIMED = """
    SELECT d.id FROM dead_letters AS d
    JOIN unnest(CAST(:ids AS uuid[]), CAST(:sources AS text[]), CAST(:event_ids AS text[])) AS c (id, source, event_id)
      ON d.id = c.id AND d.source = c.source AND d.event_id = c.event_id
"""
_ADD = """
    INSERT INTO dead_letters AS d (id, received_at, source, event_id, type, subject, routing_key, body, content_type,
        headers, error_type, error_message, attempts, first_failed_at, trace_id, replays)
    SELECT id, :now, source, event_id, type, subject, routing_key, body, content_type, CAST(headers AS jsonb),
        error_type, error_message, attempts, first_failed_at, trace_id, replay
    FROM unnest(
        CAST(:id AS uuid[]), CAST(:source AS text[]), CAST(:event_id AS text[]), CAST(:type AS text[]),
        CAST(:subject AS text[]), CAST(:routing_key AS text[]), CAST(:body AS bytea[]), CAST(:content_type AS text[]),
        CAST(:headers AS text[]), CAST(:error_type AS text[]), CAST(:error_message AS text[]),
        CAST(:attempts AS integer[]), CAST(:first_failed_at AS timestamptz[]), CAST(:trace_id AS text[]),
        CAST(:replay AS smallint[])
    ) AS l (id, source, event_id, type, subject, routing_key, body, content_type, headers, error_type, error_message,
        attempts, first_failed_at, trace_id, replay)
    ON CONFLICT (id) DO UPDATE SET state = 'new', received_at = excluded.received_at, error_type = excluded.error_type,
        error_message = excluded.error_message, attempts = excluded.attempts, first_failed_at = excluded.first_failed_at
    WHERE (d.state = 'replayed' AND excluded.replays >= d.replays)
       OR (d.state = 'discarded' AND excluded.first_failed_at > d.decided_at)
"""
_COLUMNS = ", ".join(field.name for field in fields(Stored))
_WHERE = """
    (CAST(:states AS text[]) IS NULL OR state = ANY(CAST(:states AS text[])))
    AND (CAST(:type AS text) IS NULL OR type = :type)
    AND (CAST(:error_type AS text) IS NULL OR error_type = :error_type)
    AND (CAST(:source AS text) IS NULL OR source = :source)
    AND (CAST(:event_id AS text) IS NULL OR event_id = :event_id)
    AND (CAST(:since AS timestamptz) IS NULL OR received_at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR received_at < :until)
"""
_LIST = f"""
    SELECT {_COLUMNS} FROM dead_letters
    WHERE {_WHERE} AND (CAST(:before AS timestamptz) IS NULL OR (received_at, id) < (:before, CAST(:before_id AS uuid)))
    ORDER BY received_at DESC, id DESC LIMIT :limit
"""
_GROUPS = f"""
    SELECT error_type, type, state, count(*) AS count, min(received_at) AS first_at, max(received_at) AS last_at,
        (array_agg(id ORDER BY received_at DESC))[1] AS sample_id,
        (array_agg(error_message ORDER BY received_at DESC))[1] AS sample_message
    FROM dead_letters WHERE {_WHERE}
    GROUP BY error_type, type, state ORDER BY count DESC, error_type, type, state LIMIT 200
"""
_GET = f"SELECT {_COLUMNS} FROM dead_letters WHERE id = :id"
_LOCK = f"{_GET} FOR UPDATE"
_LOCK_MANY = f"SELECT {_COLUMNS} FROM dead_letters WHERE {_WHERE} ORDER BY received_at, id LIMIT :limit FOR UPDATE"
_COUNT = f"SELECT count(*) FROM dead_letters WHERE {_WHERE}"
_DECIDE = """
    UPDATE dead_letters SET state = :state, decided_by = :by, decided_at = :now, reason = :reason,
        replays = replays + CASE WHEN :state = 'replayed' THEN 1 ELSE 0 END
    WHERE id = ANY(CAST(:ids AS uuid[]))
"""
_EDIT = "UPDATE dead_letters SET body_edited = :body WHERE id = :id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which letters are meant; None does not restrict. `since` is inclusive, `until` exclusive, of received_at."""

    states: list[str] | None = None
    type: str | None = None
    error_type: str | None = None
    source: str | None = None
    event_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def add(tx: Transaction, letters: Sequence[Letter]) -> int:
    """Write the letters down, each once; returns how many rows are new or open again."""
    claimed = [letter for letter in letters if letter.claimed_id is not None]
    known: set[UUID] = set()
    if claimed:
        rows = await tx.fetch_all(
            _CLAIMED,
            {
                "ids": [letter.claimed_id for letter in claimed],
                "sources": [letter.source for letter in claimed],
                "event_ids": [letter.event_id for letter in claimed],
            },
        )
        known = {row.id for row in rows}
    by_id = {(letter.claimed_id if letter.claimed_id in known else letter.id): letter for letter in letters}
    ids = sorted(by_id, key=str)  # in one order everywhere: two drainers must not wait for each other
    names = [field.name for field in fields(Letter) if field.name not in ("id", "claimed_id")]
    values: dict[str, Any] = {name: [getattr(by_id[id_], name) for id_ in ids] for name in names}
    return await tx.execute(_ADD, values | {"id": ids, "now": tx.now})


async def find(tx: Transaction, wanted: Filter, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Stored]:
    """Newest first, after (older than) the key of the last row seen."""
    before, before_id = after or (None, None)
    rows = await tx.fetch_all(_LIST, asdict(wanted) | {"before": before, "before_id": before_id, "limit": limit})
    return [_stored(row) for row in rows]


async def groups(tx: Transaction, wanted: Filter) -> Sequence[Row[Any]]:
    """Counts by error, type and state, the most frequent first (200 at most)."""
    return await tx.fetch_all(_GROUPS, asdict(wanted))


async def get(tx: Transaction, id: UUID, *, lock: bool = False) -> Stored | None:
    row = await tx.fetch_one(_LOCK if lock else _GET, {"id": id})
    return None if row is None else _stored(row)


async def lock_many(tx: Transaction, wanted: Filter, limit: int) -> list[Stored]:
    """The oldest matching letters, locked until the transaction ends."""
    return [_stored(row) for row in await tx.fetch_all(_LOCK_MANY, asdict(wanted) | {"limit": limit})]


async def count(tx: Transaction, wanted: Filter) -> int:
    return int(await tx.fetch_value(_COUNT, asdict(wanted)))


async def decide(tx: Transaction, ids: Sequence[UUID], state: str, *, by: str, reason: str) -> None:
    """Put the letters into `state`; a replay is counted."""
    await tx.execute(_DECIDE, {"ids": list(ids), "state": state, "by": by, "reason": reason, "now": tx.now})


async def edit(tx: Transaction, id: UUID, body: bytes | None) -> None:
    """Keep an edited body beside the original; None takes the edit back."""
    await tx.execute(_EDIT, {"id": id, "body": body})


def _stored(row: Row[Any]) -> Stored:
    return Stored(**row._mapping)
