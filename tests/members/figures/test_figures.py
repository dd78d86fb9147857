"""The figures of the service."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from common.events import event_of
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.storage import Database
from members.purchases import handlers as purchases

DAY = datetime(2024, 3, 1, tzinfo=UTC)


async def test_figures_count_what_is_there(
    database: Database, register: Callable[..., Awaitable[UUID]], client: Callable[..., Any]
) -> None:
    first, second = await register(), await register()
    amounts = ((first, "A", 10_000), (first, "B", 20_000), (second, "C", 10_000))
    bought = [
        PurchaseCompleted(member_id=member, order_id=order, amount=amount, occurred_at=DAY, currency="CNY")
        for member, order, amount in amounts
    ]
    back = [
        PurchaseRefunded(return_id=id, order_id=id, amount=9_999, occurred_at=DAY + timedelta(days=1), currency="CNY")
        for id in ("C", "unknown")
    ]
    async with database.transaction() as tx:
        await purchases.purchases_completed(tx, [event_of(one) for one in bought])  # type: ignore[misc]
        await purchases.purchases_refunded(tx, [event_of(one) for one in back])  # type: ignore[misc]
    assert (await client().get("/v1/figures")).json() == {
        "members": 2,
        "purchases": 3,
        "returns": 2,
        "returns_waiting": 1,
        "returns_refused": 0,
        "duplicates": 0,
        "dead_letters": 0,
        "tiers_now": {"base": 1, "gold": 1},
        "tiers_ever": {"base": 2, "gold": 1, "silver": 1},
    }
