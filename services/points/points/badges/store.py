"""All SQL of badges."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from common.storage import Transaction
from points.badges.domain import Change, Held
from points.database import columns

_FIELDS = ", ".join(Held._fields)
_CHANGE_FIELDS = ", ".join(Change._fields)
_OF = f"""
    SELECT {_FIELDS} FROM unnest(CAST(:member_id AS uuid[]), CAST(:badge AS text[])) AS asked(member_id, badge)
    JOIN member_badges USING (member_id, badge)
"""
_SAVE = f"""
    INSERT INTO member_badges ({_FIELDS})
    SELECT * FROM unnest(CAST(:member_id AS uuid[]), CAST(:badge AS text[]), CAST(:level AS integer[]),
        CAST(:held AS boolean[]), CAST(:points AS bigint[]), CAST(:origin AS text[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:changed_at AS timestamptz[]), CAST(:changes AS integer[]))
    ON CONFLICT (member_id, badge, level) DO UPDATE SET held = excluded.held, points = excluded.points,
        origin = excluded.origin, occurred_at = excluded.occurred_at, changed_at = excluded.changed_at,
        changes = excluded.changes
"""
_ADD_CHANGES = f"""
    INSERT INTO badge_changes ({_CHANGE_FIELDS})
    SELECT * FROM unnest(CAST(:member_id AS uuid[]), CAST(:badge AS text[]), CAST(:level AS integer[]),
        CAST(:number AS integer[]), CAST(:change AS text[]), CAST(:reason AS text[]), CAST(:points AS bigint[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:recorded_at AS timestamptz[]))
"""
_ALL = f"""
    SELECT {_FIELDS} FROM member_badges WHERE member_id = ANY(CAST(:member_ids AS uuid[])) ORDER BY badge, level
"""
_HISTORY = f"""
    SELECT {_CHANGE_FIELDS} FROM badge_changes
    WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
        AND (recorded_at, badge, level, number, member_id) > (:recorded_at, :badge, :level, :number, :member_id)
    ORDER BY recorded_at, badge, level, number, member_id LIMIT :limit
"""

Place = tuple[datetime, str, int, int, UUID]


async def of(tx: Transaction, keys: Iterable[tuple[UUID, str]]) -> list[Held]:
    """All levels, held or not, of these members and badges."""
    ordered = sorted(set(keys))
    rows: Sequence[Any] = await tx.fetch_all(_OF, columns(("member_id", "badge"), ordered)) if ordered else []
    return [Held._make(row) for row in rows]


async def save(tx: Transaction, held: Sequence[Held], changes: Sequence[Change]) -> None:
    """What is held now, and the lines of the history that say how it came to be."""
    if held:
        await tx.execute(_SAVE, columns(Held._fields, sorted(held, key=itemgetter(0, 1, 2))))
    if changes:
        await tx.execute(_ADD_CHANGES, columns(Change._fields, sorted(changes, key=itemgetter(0, 1, 2, 3))))


async def of_members(tx: Transaction, member_ids: Sequence[UUID]) -> list[Held]:
    return [Held._make(row) for row in await tx.fetch_all(_ALL, {"member_ids": list(member_ids)})]


async def history(tx: Transaction, member_ids: Sequence[UUID], *, after: Place, limit: int) -> list[Change]:
    """The oldest first."""
    names = ("recorded_at", "badge", "level", "number", "member_id")
    params = {"member_ids": list(member_ids), "limit": limit, **dict(zip(names, after, strict=True))}
    rows: Sequence[Any] = await tx.fetch_all(_HISTORY, params)
    return [Change._make(row) for row in rows]
