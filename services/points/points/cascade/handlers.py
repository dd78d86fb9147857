"""Lets other subjects follow a purchase and its return, in the same transaction. Each does nothing unless it has to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from common.storage import Transaction
from points.cascade.domain import Bought, Done, Effect, Returned, Undone
from points.coupons import handlers as coupons
from points.incentives import followers as incentives
from points.ledger.handlers import Wallets
from points.limits import handlers as limits


async def purchases_taken(tx: Transaction, wallets: Wallets, purchases: Sequence[Bought]) -> None:
    """After purchases earned. `wallets` are locked and saved by the caller."""
    await incentives.purchases_taken(tx, wallets, purchases)


async def activities_taken(tx: Transaction, wallets: Wallets, activities: Sequence[Done]) -> None:
    """After activities earned. `wallets` are locked and saved by the caller."""
    await incentives.activities_taken(tx, wallets, activities)


async def purchases_returned(tx: Transaction, wallets: Wallets, returns: Sequence[Returned]) -> list[Effect]:
    """After returns were applied: what else they change, as lines of their receipts."""
    return [
        *await limits.purchases_returned(tx, wallets, returns),
        *await incentives.purchases_returned(tx, wallets, returns),
        *await coupons.purchases_returned(tx, wallets, returns),
    ]


async def activities_undone(
    tx: Transaction, wallets: Wallets, undone: Sequence[Undone], left: Sequence[Done]
) -> list[Effect]:
    """After returns took back activities, whose holders' `wallets` are locked and saved by the caller; `left` is what
    the same persons did besides within a day. What else that changes, as lines of the returns' receipts.
    """
    return await incentives.activities_undone(tx, wallets, undone, left)


async def standings_changed(tx: Transaction, since: Mapping[UUID, datetime]) -> None:
    """After a late word on members' tiers or segments, each from an instant on, and what they earned was corrected."""
    await incentives.standings_changed(tx, since)
