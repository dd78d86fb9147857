"""All SQL of orders of rewards."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.security.callers import Caller
from common.storage import Transaction
from points.reward_orders.domain import Order

_NAMES = tuple(Order.__dataclass_fields__)
_FIELDS = ", ".join(_NAMES)
_ADD = f"""
    INSERT INTO reward_orders ({_FIELDS}) VALUES ({", ".join(":" + name for name in _NAMES)})
    ON CONFLICT (ordered_by, request_id) WHERE request_id <> '' DO NOTHING
"""
_CHANGED = (
    "revision",
    "state",
    "address",
    "carrier",
    "tracking",
    "pay_until",
    "paid_at",
    "payment_reference",
    "coupon_ids",
    "given_back",
    "renewed",
    "grace_until",
    "changed_at",
)
_CHANGE = f"""
    UPDATE reward_orders SET {", ".join(f"{name} = :{name}" for name in _CHANGED)} WHERE order_id = :order_id
"""
_READ = f"SELECT {_FIELDS} FROM reward_orders WHERE order_id = :order_id"
_LOCK = f"{_READ} FOR UPDATE"
_LOCK_MANY = f"""
    SELECT {_FIELDS} FROM reward_orders WHERE order_id = ANY(CAST(:order_ids AS uuid[]))
    ORDER BY reward, order_id FOR UPDATE
"""
_MEMBER_OF = "SELECT member_id FROM reward_orders WHERE order_id = :order_id"
_OF_REQUEST = f"""
    SELECT {_FIELDS} FROM reward_orders WHERE ordered_by = :ordered_by AND request_id = :request_id
        AND request_id <> ''
"""
_LIST = f"""
    SELECT {_FIELDS} FROM reward_orders
    WHERE (CAST(:states AS text[]) IS NULL OR state = ANY(CAST(:states AS text[])))
        AND (CAST(:member_ids AS uuid[]) IS NULL OR member_id = ANY(CAST(:member_ids AS uuid[])))
        AND (CAST(:reward AS text) IS NULL OR reward = :reward)
        AND (CAST(:since AS timestamptz) IS NULL OR ordered_at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR ordered_at < :until)
        AND (CAST(:before AS timestamptz) IS NULL OR (ordered_at, order_id) < (:before, CAST(:before_id AS uuid)))
    ORDER BY ordered_at DESC, order_id DESC LIMIT :limit
"""
_OVERDUE = """
    SELECT order_id, member_id FROM reward_orders
    WHERE state = 'awaiting_payment' AND pay_until <= :now ORDER BY pay_until LIMIT :limit
"""
_NOTE = """
    INSERT INTO reward_order_changes (order_id, number, previous_state, state, actor, actor_kind, reason, facts, at)
    VALUES (:order_id, :number, :previous_state, :state, :actor, :actor_kind, :reason, CAST(:facts AS jsonb), :now)
"""
_HISTORY = """
    SELECT number, previous_state, state, actor, actor_kind, reason, facts::text AS facts, at
    FROM reward_order_changes WHERE order_id = :order_id AND number > :after ORDER BY number LIMIT :limit
"""
_HAS_NEW_ADDRESS = """
    SELECT EXISTS (SELECT FROM reward_order_changes WHERE order_id = :order_id AND facts ->> 'corrected' = 'address')
"""
_FIGURES = """
    WITH counted AS (
        SELECT reward, kind, ordered_at AS at, 1 AS orders, quantity, points, money, 0 AS undone, 0 AS quantity_undone,
            0 AS points_undone, 0 AS money_undone
        FROM reward_orders WHERE ordered_at >= :since AND ordered_at < :until
        UNION ALL
        SELECT reward, kind, change.at, 0, 0, 0, 0, 1, quantity, given_back, money
        FROM reward_order_changes AS change JOIN reward_orders USING (order_id)
        WHERE change.state IN ('cancelled', 'returned') AND change.at >= :since AND change.at < :until
    )
    SELECT CAST(at AT TIME ZONE :zone AS date) AS day, reward, kind,
        sum(orders) AS orders, sum(quantity) AS quantity, sum(points) AS points, sum(money) AS money,
        sum(undone) AS orders_undone, sum(quantity_undone) AS quantity_undone, sum(points_undone) AS points_undone,
        sum(money_undone) AS money_undone
    FROM counted WHERE CAST(:reward AS text) IS NULL OR reward = :reward
    GROUP BY 1, 2, 3 ORDER BY 1, 2
"""


async def add(tx: Transaction, order: Order) -> bool:
    """False when the caller used its id for another order in the meantime."""
    params = {name: getattr(order, name) for name in _NAMES}
    return await tx.execute(_ADD, {**params, "coupon_ids": list(order.coupon_ids)}) == 1


async def change(tx: Transaction, order: Order) -> None:
    params = {name: getattr(order, name) for name in ("order_id", *_CHANGED)}
    await tx.execute(_CHANGE, {**params, "coupon_ids": list(order.coupon_ids)})


async def read(tx: Transaction, order_id: UUID) -> Order | None:
    return _one(await tx.fetch_one(_READ, {"order_id": order_id}))


async def lock(tx: Transaction, order_id: UUID) -> Order | None:
    """Until the transaction ends nobody else changes it. Lock the member's wallets before."""
    return _one(await tx.fetch_one(_LOCK, {"order_id": order_id}))


async def lock_many(tx: Transaction, order_ids: Sequence[UUID]) -> list[Order]:
    """By reward, the order in which stocks are locked too."""
    return [_order(row) for row in await tx.fetch_all(_LOCK_MANY, {"order_ids": list(order_ids)})]


async def member_of(tx: Transaction, order_id: UUID) -> UUID | None:
    found: UUID | None = await tx.fetch_value(_MEMBER_OF, {"order_id": order_id})
    return found


async def of_request(tx: Transaction, ordered_by: str, request_id: str) -> Order | None:
    return _one(await tx.fetch_one(_OF_REQUEST, {"ordered_by": ordered_by, "request_id": request_id}))


async def orders(
    tx: Transaction,
    *,
    states: Sequence[str] | None,
    member_ids: Sequence[UUID] | None,
    reward: str | None,
    since: datetime | None,
    until: datetime | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Order]:
    """The newest first."""
    rows = await tx.fetch_all(
        _LIST,
        {
            "states": None if states is None else list(states),
            "member_ids": None if member_ids is None else list(member_ids),
            "reward": reward,
            "since": since,
            "until": until,
            "before": before[0] if before else None,
            "before_id": before[1] if before else None,
            "limit": limit,
        },
    )
    return [_order(row) for row in rows]


async def overdue(tx: Transaction, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(order, member) of those that were not paid in time, the oldest first."""
    rows: Sequence[Any] = await tx.fetch_all(_OVERDUE, {"now": now, "limit": limit})
    return [(order_id, member_id) for order_id, member_id in rows]


async def note(
    tx: Transaction, order: Order, previous_state: str, caller: Caller, reason: str, facts: Mapping[str, object]
) -> None:
    """One line of the order's history; its number is the order's revision."""
    await tx.execute(
        _NOTE,
        {
            "order_id": order.order_id,
            "number": order.revision,
            "previous_state": previous_state,
            "state": order.state,
            "actor": caller.subject,
            "actor_kind": caller.kind,
            "reason": reason,
            "facts": json.dumps({name: fact for name, fact in facts.items() if fact not in ("", None)}),
            "now": tx.now,
        },
    )


async def history(tx: Transaction, order_id: UUID, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """`number, previous_state, state, actor, actor_kind, reason, facts (JSON text), at`, in order."""
    return await tx.fetch_all(_HISTORY, {"order_id": order_id, "after": after, "limit": limit})


async def has_new_address(tx: Transaction, order_id: UUID) -> bool:
    """Whether the address is another one than the order was placed with."""
    return bool(await tx.fetch_value(_HAS_NEW_ADDRESS, {"order_id": order_id}))


async def figures(
    tx: Transaction, *, since: datetime, until: datetime, zone: str, reward: str | None
) -> Sequence[Row[Any]]:
    """By local day and reward: what was ordered that day, and what was undone that day."""
    return await tx.fetch_all(_FIGURES, {"since": since, "until": until, "zone": zone, "reward": reward})


def _one(row: Any) -> Order | None:
    return None if row is None else _order(row)


def _order(row: Any) -> Order:
    return Order(**{**row._asdict(), "coupon_ids": tuple(row.coupon_ids)})
