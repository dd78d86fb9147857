"""All SQL of merges."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from common.storage import Transaction
from points.database import columns
from points.merges.domain import Merge, Move

_FIELDS = ", ".join(field.name for field in fields(Merge))
_MOVE_NAMES = [field.name for field in fields(Move)]
_MOVE_FIELDS = ", ".join(_MOVE_NAMES)
_ADD = f"""
    INSERT INTO merges ({_FIELDS}) VALUES (:merge_id, :member_id, :absorbed_member_id, :state, :occurred_at, :merged_at,
        :merged_by, :undone_at, :undone_by)
"""
_SET_UNDONE = """
    UPDATE merges SET state = 'undone', undone_at = :now, undone_by = :undone_by WHERE merge_id = :merge_id
"""
_BY_IDS = f"SELECT {_FIELDS} FROM merges WHERE merge_id = ANY(CAST(:merge_ids AS uuid[]))"
_OF_ABSORBED = f"SELECT {_FIELDS} FROM merges WHERE absorbed_member_id = :member_id AND state = 'merged'"
_CHAIN = f"""
    WITH RECURSIVE onward AS (
        SELECT {_FIELDS}, 1 AS depth FROM merges
        WHERE absorbed_member_id = ANY(CAST(:member_ids AS uuid[])) AND state = 'merged'
        UNION ALL
        SELECT {", ".join(f"merges.{field.name}" for field in fields(Merge))}, depth + 1
        FROM onward JOIN merges ON merges.absorbed_member_id = onward.member_id AND merges.state = 'merged'
        WHERE depth < 100
    )
    SELECT {_FIELDS} FROM onward GROUP BY {_FIELDS} ORDER BY max(depth), merge_id
"""
_MOVES = f"SELECT {_MOVE_FIELDS} FROM merge_moves WHERE merge_id = :merge_id ORDER BY number"
_LAST_MOVE = "SELECT COALESCE(max(number), 0) FROM merge_moves WHERE merge_id = :merge_id"
_ADD_MOVES = f"""
    INSERT INTO merge_moves (merge_id, {_MOVE_FIELDS})
    SELECT :merge_id, {_MOVE_FIELDS}
    FROM unnest(CAST(:number AS integer[]), CAST(:wallet AS text[]), CAST(:kind AS text[]), CAST(:points AS bigint[]),
        CAST(:out_sequence AS bigint[]), CAST(:in_sequence AS bigint[]), CAST(:earned_at AS timestamptz[]),
        CAST(:expires_at AS timestamptz[]), CAST(:order_source AS text[]), CAST(:order_id AS text[]),
        CAST(:moved_at AS timestamptz[]), CAST(:gave_back AS bigint[])) AS new({_MOVE_FIELDS})
"""
_GAVE_BACK = """
    UPDATE merge_moves SET gave_back = back.points
    FROM unnest(CAST(:number AS integer[]), CAST(:points AS bigint[])) AS back(number, points)
    WHERE merge_id = :merge_id AND merge_moves.number = back.number
"""
_PAGE = f"""
    SELECT {_FIELDS} FROM merges
    WHERE (member_id = :member_id OR absorbed_member_id = :member_id) AND (merged_at, merge_id) < (:time, :id)
    ORDER BY merged_at DESC, merge_id DESC LIMIT :limit
"""
_LEFT_BEHIND = """
    SELECT DISTINCT absorbed_member_id FROM merges
    JOIN wallets ON wallets.member_id = merges.absorbed_member_id
    WHERE state = 'merged' AND (balance > 0 OR debt > 0 OR pending > 0)
        AND EXISTS (
            SELECT FROM lots WHERE lots.member_id = wallets.member_id AND lots.wallet = wallets.wallet
                AND remaining > 0 AND (pending OR expires_at IS NULL OR expires_at > :now)
            UNION ALL SELECT WHERE debt > 0)
    ORDER BY absorbed_member_id LIMIT :limit
"""
_LOTS_NOW = """
    WITH RECURSIVE onward AS (
        SELECT CAST(:member_id AS uuid) AS member_id, unnest(CAST(:sequences AS bigint[])) AS sequence
        UNION
        SELECT merges.member_id, merge_moves.in_sequence
        FROM onward
        JOIN merges ON merges.absorbed_member_id = onward.member_id AND merges.state = 'merged'
        JOIN merge_moves ON merge_moves.merge_id = merges.merge_id AND merge_moves.wallet = :wallet AND kind <> 'debt'
        JOIN lot_consumptions AS used ON used.member_id = onward.member_id AND used.wallet = merge_moves.wallet
            AND used.sequence = merge_moves.out_sequence AND used.lot_sequence = onward.sequence
    )
    SELECT member_id, array_agg(sequence ORDER BY sequence) AS sequences FROM onward
    GROUP BY member_id ORDER BY member_id
"""


async def add(tx: Transaction, merge: Merge) -> None:
    await tx.execute(_ADD, {field.name: getattr(merge, field.name) for field in fields(Merge)})


async def undone(tx: Transaction, merge_id: UUID, undone_by: str) -> None:
    await tx.execute(_SET_UNDONE, {"merge_id": merge_id, "now": tx.now, "undone_by": undone_by})


async def by_id(tx: Transaction, merge_id: UUID) -> Merge | None:
    return (await by_ids(tx, [merge_id])).get(merge_id)


async def by_ids(tx: Transaction, merge_ids: Iterable[UUID]) -> dict[UUID, Merge]:
    rows = await tx.fetch_all(_BY_IDS, {"merge_ids": list(merge_ids)})
    return {row.merge_id: Merge(**row._mapping) for row in rows}


async def of_absorbed(tx: Transaction, member_id: UUID) -> Merge | None:
    """The merge by which this member is another one now."""
    row = await tx.fetch_one(_OF_ABSORBED, {"member_id": member_id})
    return None if row is None else Merge(**row._mapping)


async def chain(tx: Transaction, member_ids: Iterable[UUID]) -> list[Merge]:
    """The merges that lead from these members to who they are now, each before those that lead on from it."""
    rows = await tx.fetch_all(_CHAIN, {"member_ids": list(member_ids)})
    return [Merge(**row._mapping) for row in rows]


async def moves(tx: Transaction, merge_id: UUID) -> list[Move]:
    return [Move(**row._mapping) for row in await tx.fetch_all(_MOVES, {"merge_id": merge_id})]


async def lots_now(
    tx: Transaction, member_id: UUID, wallet: str, sequences: Sequence[int]
) -> dict[UUID, Sequence[int]]:
    """Sequences by member: of these lots, and of what they became with merges."""
    params = {"member_id": member_id, "wallet": wallet, "sequences": list(sequences)}
    return {row.member_id: list(row.sequences) for row in await tx.fetch_all(_LOTS_NOW, params)}


async def last_move(tx: Transaction, merge_id: UUID) -> int:
    return int(await tx.fetch_value(_LAST_MOVE, {"merge_id": merge_id}))


async def add_moves(tx: Transaction, merge_id: UUID, moved: Sequence[Move]) -> None:
    rows = [tuple(getattr(one, name) for name in _MOVE_NAMES) for one in moved]
    await tx.execute(_ADD_MOVES, {"merge_id": merge_id, **columns(_MOVE_NAMES, rows)})


async def gave_back(tx: Transaction, merge_id: UUID, moved: Sequence[Move]) -> None:
    rows = [(one.number, one.gave_back) for one in moved]
    await tx.execute(_GAVE_BACK, {"merge_id": merge_id, **columns(("number", "points"), rows)})


async def page(tx: Transaction, member_id: UUID, *, before: tuple[datetime, UUID], limit: int) -> list[Merge]:
    """Merges in which the member stayed or was absorbed, the latest first."""
    rows = await tx.fetch_all(_PAGE, {"member_id": member_id, "time": before[0], "id": before[1], "limit": limit})
    return [Merge(**row._mapping) for row in rows]


async def left_behind(tx: Transaction, limit: int) -> list[UUID]:
    """Absorbed members that have something again."""
    rows = await tx.fetch_all(_LEFT_BEHIND, {"now": tx.now, "limit": limit})
    return [row.absorbed_member_id for row in rows]
