"""All SQL of returns."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from common.storage import Transaction
from points.accruals.domain import Key
from points.cascade.domain import Effect
from points.database import columns
from points.returns.domain import Return

_FIELDS = """
    source, return_id, order_source, order_id, member_id, currency, amount, lines, points, shortfall, state, reason,
    occurred_at, recorded_at, settled_at, body_hash
"""
_HASHES = """
    SELECT source, return_id, body_hash
    FROM unnest(CAST(:source AS text[]), CAST(:return_id AS text[])) AS asked(source, return_id)
    JOIN returns USING (source, return_id)
"""
_ANY_WAITING = "SELECT EXISTS (SELECT FROM returns WHERE state = 'waiting')"
_WAITING_FOR = f"""
    SELECT {_FIELDS}
    FROM unnest(CAST(:orders AS order_key[])) AS asked(order_source, order_id)
    JOIN returns USING (order_source, order_id) WHERE state = 'waiting'
"""
_IN_REVIEW = """
    SELECT order_source, order_id, sum(amount) AS amount
    FROM unnest(CAST(:orders AS order_key[])) AS asked(order_source, order_id)
    JOIN returns USING (order_source, order_id) WHERE state IN ('review', 'rejected') GROUP BY order_source, order_id
"""
_MET = f"""
    SELECT {", ".join("returns." + name.strip() for name in _FIELDS.split(","))}
    FROM returns JOIN purchases
        ON purchases.source = returns.order_source AND purchases.order_id = returns.order_id
    WHERE returns.state = 'waiting' ORDER BY returns.recorded_at LIMIT :limit
"""
_ADD = f"""
    INSERT INTO returns ({_FIELDS})
    SELECT source, return_id, order_source, order_id, member_id, currency, amount, CAST(lines AS jsonb), points,
        shortfall, state, reason, occurred_at, recorded_at, settled_at, body_hash
    FROM unnest(
        CAST(:source AS text[]), CAST(:return_id AS text[]), CAST(:order_source AS text[]), CAST(:order_id AS text[]),
        CAST(:member_id AS uuid[]), CAST(:currency AS text[]), CAST(:amount AS bigint[]), CAST(:lines AS text[]),
        CAST(:points AS bigint[]), CAST(:shortfall AS bigint[]), CAST(:state AS text[]), CAST(:reason AS text[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:recorded_at AS timestamptz[]), CAST(:settled_at AS timestamptz[]),
        CAST(:body_hash AS bytea[]))
        AS new(source, return_id, order_source, order_id, member_id, currency, amount, lines, points, shortfall, state,
            reason, occurred_at, recorded_at, settled_at, body_hash)
"""
_SETTLE = """
    UPDATE returns SET member_id = settled.member_id, points = settled.points, shortfall = settled.shortfall,
        state = settled.state, reason = settled.reason, settled_at = settled.settled_at
    FROM unnest(CAST(:source AS text[]), CAST(:return_id AS text[]), CAST(:member_id AS uuid[]),
        CAST(:points AS bigint[]), CAST(:shortfall AS bigint[]), CAST(:state AS text[]), CAST(:reason AS text[]),
        CAST(:settled_at AS timestamptz[]))
        AS settled(source, return_id, member_id, points, shortfall, state, reason, settled_at)
    WHERE returns.source = settled.source AND returns.return_id = settled.return_id
        AND returns.state IN ('waiting', 'review')
"""
_OF_ORDER = f"""
    SELECT {_FIELDS} FROM returns WHERE order_source = :source AND order_id = :order_id
    ORDER BY occurred_at, source, return_id
"""
_OPEN = f"""
    SELECT {_FIELDS} FROM returns
    WHERE state = :state AND state <> 'applied' AND (recorded_at, source, return_id) > (:time, :source, :return_id)
    ORDER BY recorded_at, source, return_id LIMIT :limit
"""


_BY_KEY = f"SELECT {_FIELDS} FROM returns WHERE source = :source AND return_id = :return_id"
_LOCK = f"{_BY_KEY} FOR UPDATE"
_ADD_EFFECTS = """
    INSERT INTO return_effects (source, return_id, number, member_id, subject, what, before, after, recorded_at)
    SELECT new.source, new.return_id, COALESCE((SELECT max(number) FROM return_effects AS known
            WHERE known.source = new.source AND known.return_id = new.return_id), 0)
            + row_number() OVER (PARTITION BY new.source, new.return_id ORDER BY place),
        member_id, subject, what, before, after, CAST(:now AS timestamptz)
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:source AS text[]), CAST(:return_id AS text[]),
        CAST(:subject AS text[]), CAST(:what AS text[]), CAST(:before AS text[]), CAST(:after AS text[]))
        WITH ORDINALITY AS new(member_id, source, return_id, subject, what, before, after, place)
"""
_EFFECTS = """
    SELECT member_id, source, return_id, subject, what, before, after FROM return_effects
    WHERE source = :source AND return_id = :return_id ORDER BY number
"""


async def body_hashes(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    """Of those returns (source, return id) that are known."""
    rows: Sequence[Any] = await tx.fetch_all(
        _HASHES, {"source": [source for source, _ in keys], "return_id": [return_id for _, return_id in keys]}
    )
    return {(source, return_id): body_hash for source, return_id, body_hash in rows}


async def waiting_for(tx: Transaction, orders: Iterable[Key]) -> list[Return]:
    """Returns that wait for one of these purchases. Mostly nothing waits at all, which is asked first."""
    if not await tx.fetch_value(_ANY_WAITING):
        return []
    rows: Sequence[Any] = await tx.fetch_all(_WAITING_FOR, {"orders": list(orders)})
    return [_return(row) for row in rows]


async def in_review(tx: Transaction, orders: Iterable[Key]) -> Counter[Key]:
    """What has come back of these purchases in returns that are in review or were rejected there, minor units."""
    rows: Sequence[Any] = await tx.fetch_all(_IN_REVIEW, {"orders": list(orders)})
    return Counter({(source, order_id): int(amount) for source, order_id, amount in rows})


async def met(tx: Transaction, limit: int) -> list[Return]:
    """Waiting returns whose purchase is there nevertheless."""
    return [_return(row) for row in await tx.fetch_all(_MET, {"limit": limit})]


async def add(tx: Transaction, returns: Sequence[Return]) -> None:
    rows = [one._replace(lines=None if one.lines is None else json.dumps(one.lines)) for one in _sorted(returns)]
    await tx.execute(_ADD, columns(Return._fields, rows))


def _return(row: Any) -> Return:
    found = Return._make(row)
    return found._replace(lines=json.loads(found.lines)) if isinstance(found.lines, str) else found


async def settle(tx: Transaction, returns: Sequence[Return]) -> None:
    """Keep what became of returns that waited, or were in review."""
    rows = [
        (one.source, one.return_id, one.member_id, one.points, one.shortfall, one.state, one.reason, one.settled_at)
        for one in _sorted(returns)
    ]
    names = ("source", "return_id", "member_id", "points", "shortfall", "state", "reason", "settled_at")
    await tx.execute(_SETTLE, columns(names, rows))


def _sorted(returns: Iterable[Return]) -> list[Return]:
    return sorted(returns, key=itemgetter(0, 1))


async def of_order(tx: Transaction, order: Key) -> list[Return]:
    rows: Sequence[Any] = await tx.fetch_all(_OF_ORDER, {"source": order[0], "order_id": order[1]})
    return [_return(row) for row in rows]


async def open_returns(tx: Transaction, state: str, *, after: tuple[datetime, str, str], limit: int) -> list[Return]:
    """Returns in a state other than applied, the oldest first."""
    rows: Sequence[Any] = await tx.fetch_all(
        _OPEN, {"state": state, "time": after[0], "source": after[1], "return_id": after[2], "limit": limit}
    )
    return [_return(row) for row in rows]


async def by_key(tx: Transaction, key: Key, *, lock: bool = False) -> Return | None:
    row = await tx.fetch_one(_LOCK if lock else _BY_KEY, {"source": key[0], "return_id": key[1]})
    return None if row is None else _return(row)


async def add_effects(tx: Transaction, effects: Sequence[Effect]) -> None:
    """Lines of receipts, in the order in which they happened."""
    names = ("member_id", "source", "return_id", "subject", "what", "before", "after")
    rows = [tuple(getattr(one, name) for name in names) for one in effects]
    if rows:
        await tx.execute(_ADD_EFFECTS, {**columns(names, rows), "now": tx.now})


async def effects(tx: Transaction, key: Key) -> list[Effect]:
    """The lines of a return's receipt."""
    rows: Sequence[Any] = await tx.fetch_all(_EFFECTS, {"source": key[0], "return_id": key[1]})
    return [
        Effect(
            member_id=row.member_id,
            source=row.source,
            return_id=row.return_id,
            subject=row.subject,
            what=row.what,
            before=row.before,
            after=row.after,
        )
        for row in rows
    ]
