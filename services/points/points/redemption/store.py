"""All SQL of redemptions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from common.storage import Transaction
from points.database import columns
from points.redemption.domain import Line, Redemption, UsedToday

_NAMES = [field.name for field in fields(Redemption) if field.name != "lines"]
_FIELDS = ", ".join(_NAMES)
_ADD = f"INSERT INTO redemptions ({_FIELDS}) VALUES ({', '.join(f':{name}' for name in _NAMES)}) ON CONFLICT DO NOTHING"
_ADD_LINES = """
    INSERT INTO redemption_lines (redemption_id, number, sku, amount, points, value, given_back)
    SELECT :redemption_id, number, sku, amount, points, value, given_back
    FROM unnest(CAST(:number AS integer[]), CAST(:sku AS text[]), CAST(:amount AS bigint[]), CAST(:points AS bigint[]),
        CAST(:value AS bigint[]), CAST(:given_back AS bigint[]))
        AS new(number, sku, amount, points, value, given_back)
"""
_CHANGE = """
    UPDATE redemptions SET state = :state, points = :points, given_back = :given_back, value = :value,
        settled_at = :settled_at
    WHERE redemption_id = :redemption_id
"""
_CHANGE_LINES = """
    UPDATE redemption_lines SET points = changed.points, value = changed.value, given_back = changed.given_back
    FROM unnest(CAST(:number AS integer[]), CAST(:points AS bigint[]), CAST(:value AS bigint[]),
        CAST(:given_back AS bigint[])) AS changed(number, points, value, given_back)
    WHERE redemption_id = :redemption_id AND redemption_lines.number = changed.number
"""
_BY_ID = f"SELECT {_FIELDS} FROM redemptions WHERE redemption_id = :redemption_id"
_LOCKED = f"""
    SELECT {_FIELDS} FROM redemptions WHERE redemption_id = ANY(CAST(:redemption_ids AS uuid[]))
    ORDER BY redemption_id FOR UPDATE
"""
_BY_REFERENCE = f"SELECT {_FIELDS} FROM redemptions WHERE source = :source AND reference = :reference"
_LINES = """
    SELECT redemption_id, number, sku, amount, points, value, given_back FROM redemption_lines
    WHERE redemption_id = ANY(CAST(:redemption_ids AS uuid[])) ORDER BY redemption_id, number
"""
_OVERDUE = """
    SELECT redemption_id, member_id FROM redemptions WHERE state = 'held' AND expires_at <= :now
    ORDER BY expires_at LIMIT :limit
"""
_USED = """
    SELECT COALESCE(sum(CASE WHEN state = 'held' THEN held ELSE points - given_back END), 0) AS points,
        count(*) AS times
    FROM redemptions
    WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND created_at >= :since AND state IN ('held', 'confirmed')
"""
_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended(:order_id, hashtextextended(:source, 2)))"
_ON_ORDER = """
    SELECT COALESCE(sum(CASE WHEN state = 'held' THEN held ELSE points - given_back END), 0)
    FROM redemptions
    WHERE source = :source AND order_id = :order_id AND order_id <> ''
        AND (state = 'confirmed' OR state = 'held' AND expires_at > :now)
"""
_PAGE = f"""
    SELECT {_FIELDS} FROM redemptions
    WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND (created_at, redemption_id) < (:before_time, :before_id)
        AND created_at >= :since AND created_at < :until
        AND (:state = '' OR state = :state) AND (:wallet = '' OR wallet = :wallet)
    ORDER BY created_at DESC, redemption_id DESC LIMIT :limit
"""
_USE_GRANT = """
    INSERT INTO used_grants (grant_id, member_id, redemption_id, max_points, expires_at, used_at)
    VALUES (:grant_id, :member_id, :redemption_id, :max_points, :expires_at, :now)
    ON CONFLICT DO NOTHING
"""
_RETURNS = """
    SELECT redemption_id, number, reference, body_hash, points, restored, renewed, repaid, grace_until, lines,
        line_points, reason, sequence, created_at, created_by
    FROM redemption_returns WHERE redemption_id = :redemption_id ORDER BY number
"""
_ADD_RETURN = """
    INSERT INTO redemption_returns (redemption_id, number, reference, body_hash, points, restored, renewed, repaid,
        grace_until, lines, line_points, reason, sequence, created_at, created_by)
    VALUES (:redemption_id, :number, :reference, :body_hash, :points, :restored, :renewed, :repaid, :grace_until,
        :lines, :line_points, :reason, :sequence, :now, :created_by)
"""


async def add(tx: Transaction, new: Redemption) -> bool:
    """False when its reference was taken by somebody else at the same time."""
    added = await tx.execute(_ADD, {name: getattr(new, name) for name in _NAMES})
    if added and new.lines:
        names = ("number", "sku", "amount", "points", "value", "given_back")
        rows = [tuple(getattr(line, name) for name in names) for line in new.lines]
        await tx.execute(_ADD_LINES, {"redemption_id": new.redemption_id, **columns(names, rows)})
    return bool(added)


async def change(tx: Transaction, changed: Redemption) -> None:
    """Keep state, points, given back and value as they are now, of the lines too."""
    names = ("redemption_id", "state", "points", "given_back", "value", "settled_at")
    await tx.execute(_CHANGE, {name: getattr(changed, name) for name in names})
    if changed.lines:
        of_line = ("number", "points", "value", "given_back")
        rows = [tuple(getattr(line, name) for name in of_line) for line in changed.lines]
        await tx.execute(_CHANGE_LINES, {"redemption_id": changed.redemption_id, **columns(of_line, rows)})


async def by_id(tx: Transaction, redemption_id: UUID) -> Redemption | None:
    return await _one(tx, await tx.fetch_one(_BY_ID, {"redemption_id": redemption_id}))


async def by_reference(tx: Transaction, source: str, reference: str) -> Redemption | None:
    return await _one(tx, await tx.fetch_one(_BY_REFERENCE, {"source": source, "reference": reference}))


async def locked(tx: Transaction, redemption_ids: Iterable[UUID]) -> list[Redemption]:
    """Locked until the transaction ends; their members' wallets are locked before."""
    rows = await tx.fetch_all(_LOCKED, {"redemption_ids": list(redemption_ids)})
    return await _with_lines(tx, rows)


async def overdue(tx: Transaction, limit: int) -> Sequence[Any]:
    """`redemption_id, member_id` of holds whose time has passed, the longest overdue first."""
    return await tx.fetch_all(_OVERDUE, {"now": tx.now, "limit": limit})


async def take_turns(tx: Transaction, source: str, order_id: str) -> None:
    """Two requests for one order go one after the other, whoever pays; wallets are locked before."""
    await tx.execute(_TAKE_TURNS, {"source": source, "order_id": order_id})


async def used_on_order(tx: Transaction, source: str, order_id: str) -> int:
    """Points that are held for the order, or were redeemed for it and not given back."""
    return int(await tx.fetch_value(_ON_ORDER, {"source": source, "order_id": order_id, "now": tx.now}))


async def used_since(tx: Transaction, member_ids: Iterable[UUID], since: datetime, resets_at: datetime) -> UsedToday:
    row: Any = await tx.fetch_one(_USED, {"member_ids": list(member_ids), "since": since})
    return UsedToday(points=int(row.points), times=row.times, resets_at=resets_at)


async def page(
    tx: Transaction,
    member_ids: Iterable[UUID],
    *,
    state: str,
    wallet: str,
    since: datetime,
    until: datetime,
    before: tuple[datetime, UUID],
    limit: int,
) -> list[Redemption]:
    """Holds and redemptions of these members, the latest first; "" is any state, any wallet."""
    params = {
        "member_ids": list(member_ids),
        "state": state,
        "wallet": wallet,
        "since": since,
        "until": until,
        "before_time": before[0],
        "before_id": before[1],
        "limit": limit,
    }
    return await _with_lines(tx, await tx.fetch_all(_PAGE, params))


async def by_ids(tx: Transaction, redemption_ids: Iterable[UUID]) -> dict[UUID, Redemption]:
    wanted = _LOCKED.replace("FOR UPDATE", "")
    rows = await tx.fetch_all(wanted, {"redemption_ids": list(redemption_ids)})
    return {one.redemption_id: one for one in await _with_lines(tx, rows)}


async def use_grant(
    tx: Transaction, grant_id: str, *, member_id: UUID, redemption_id: UUID, max_points: int, expires_at: datetime
) -> bool:
    """False when the grant was used before."""
    params = {
        "grant_id": grant_id,
        "member_id": member_id,
        "redemption_id": redemption_id,
        "max_points": max_points,
        "expires_at": expires_at,
        "now": tx.now,
    }
    return await tx.execute(_USE_GRANT, params) == 1


async def returns_of(tx: Transaction, redemption_id: UUID) -> Sequence[Any]:
    """What was given back of it, in order."""
    return await tx.fetch_all(_RETURNS, {"redemption_id": redemption_id})


async def add_return(tx: Transaction, redemption_id: UUID, row: Mapping[str, Any]) -> None:
    await tx.execute(_ADD_RETURN, {"redemption_id": redemption_id, "now": tx.now, **row})


async def _one(tx: Transaction, row: Any) -> Redemption | None:
    return None if row is None else (await _with_lines(tx, [row]))[0]


async def _with_lines(tx: Transaction, rows: Sequence[Any]) -> list[Redemption]:
    of_orders = [row.redemption_id for row in rows if row.order_amount is not None]
    lines: dict[UUID, list[Line]] = {}
    for row in await tx.fetch_all(_LINES, {"redemption_ids": of_orders}) if of_orders else ():
        values = {name: value for name, value in row._mapping.items() if name != "redemption_id"}
        lines.setdefault(row.redemption_id, []).append(Line(**values))
    return [Redemption(**row._mapping, lines=tuple(lines.get(row.redemption_id, ()))) for row in rows]
