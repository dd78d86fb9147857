"""The table of sealed data keys, one row per member. Nothing here can open a key, so no master key is needed.

An erased member keeps a row without a key.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from common.security.masterkeys import SealBrokenError, decode, key_id_of
from common.storage import Transaction

_ENSURE = """
    WITH made AS (
        INSERT INTO data_keys (member_id, key_id, wrapped)
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:key_ids AS text[]), CAST(:wrapped AS bytea[]))
        ON CONFLICT (member_id) DO NOTHING RETURNING member_id, wrapped
    )
    SELECT member_id, wrapped FROM made
    UNION ALL SELECT member_id, wrapped FROM data_keys WHERE member_id = ANY (CAST(:ids AS uuid[]))
"""
_FIND = "SELECT member_id, wrapped FROM data_keys WHERE member_id = ANY (CAST(:ids AS uuid[]))"
_ADOPT = """
    INSERT INTO data_keys (member_id, key_id, wrapped)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:key_ids AS text[]), CAST(:wrapped AS bytea[]))
    ON CONFLICT (member_id) DO NOTHING
"""
_SEALED_BEFORE = """
    SELECT member_id, wrapped FROM data_keys WHERE key_id <> :key_id AND wrapped <> ''
    ORDER BY member_id LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_REPLACE = """
    UPDATE data_keys SET key_id = fresh.key_id, wrapped = fresh.wrapped
    FROM unnest(CAST(:ids AS uuid[]), CAST(:key_ids AS text[]), CAST(:wrapped AS bytea[]))
        AS fresh (member_id, key_id, wrapped)
    WHERE data_keys.member_id = fresh.member_id
"""
_DESTROY = """
    INSERT INTO data_keys (member_id, key_id, wrapped)
    SELECT member_id, '', '' FROM unnest(CAST(:ids AS uuid[])) AS erased (member_id)
    ON CONFLICT (member_id) DO UPDATE SET key_id = '', wrapped = ''
"""


async def adopt(tx: Transaction, keys: Mapping[UUID, str]) -> None:
    """Keep data keys that came in events (`Sealed.key`). Known ones stay, erased ones stay erased.

    Raises SealBrokenError for what is no sealed key at all.
    """
    if keys:
        await tx.execute(_ADOPT, _columns({member_id: sealed_bytes(key) for member_id, key in keys.items()}))


async def destroy(tx: Transaction, *member_ids: UUID) -> None:
    """Erase: the data keys are gone when the transaction commits, and none will be made or adopted again."""
    if member_ids:
        await tx.execute(_DESTROY, {"ids": sorted(set(member_ids))})


async def find(tx: Transaction, member_ids: Iterable[UUID]) -> dict[UUID, bytes]:
    """The sealed keys of these members; b"" for erased ones, unknown ones are absent."""
    rows = await tx.fetch_all(_FIND, {"ids": sorted(member_ids)})
    return {row.member_id: row.wrapped for row in rows}


async def ensure(tx: Transaction, fresh: Mapping[UUID, bytes]) -> dict[UUID, bytes]:
    """The same, where members without a key get the fresh one."""
    rows = await tx.fetch_all(_ENSURE, _columns(fresh))
    if len(rows) < len(fresh):  # somebody else made one while the statement ran: now it is to be seen
        return await find(tx, fresh)
    return {row.member_id: row.wrapped for row in rows}


async def sealed_before(tx: Transaction, current_id: str, *, limit: int) -> dict[UUID, bytes]:
    """Keys that are sealed with another master key than the current one; locked."""
    rows = await tx.fetch_all(_SEALED_BEFORE, {"key_id": current_id, "limit": limit})
    return {row.member_id: row.wrapped for row in rows}


async def replace(tx: Transaction, fresh: Mapping[UUID, bytes]) -> None:
    """Store these keys, sealed anew."""
    await tx.execute(_REPLACE, _columns(fresh))


def sealed_bytes(text: str) -> bytes:
    """base64url of an event. Raises SealBrokenError."""
    try:
        return decode(text)
    except ValueError:
        raise SealBrokenError("sealed data is base64url") from None


def _columns(wrapped: Mapping[UUID, bytes]) -> dict[str, list[object]]:
    """Rows sorted by member, or two transactions deadlock."""
    rows = sorted(wrapped.items())
    return {
        "ids": [member_id for member_id, _ in rows],
        "key_ids": [key_id_of(key) for _, key in rows],
        "wrapped": [key for _, key in rows],
    }
