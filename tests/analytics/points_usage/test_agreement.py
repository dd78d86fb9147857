"""What analytics makes of the events of points is what points has in its ledger, whatever the policy."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from analytics.points_usage import handlers
from common.events import Event, event_of
from common.events.registry import CONTRACTS
from common.storage import Database
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, Cause, take
from tests.analytics.builders import hear
from tests.points import world

GOLD = {"gold": "2"}
SPENT = 150


async def spend(database: Database, someone: UUID) -> None:
    """As a redemption will; analytics does not hear of it."""
    async with database.transaction() as tx:
        wallets = await ledger.lock(tx, [someone])
        wallet = wallets.of(someone, "points")
        await ledger.load_lots(tx, [wallet])
        take(wallet, SPENT, Cause("redeemed", "", "", "", world.NOON, tx.now), "redemption", ALLOW_NEGATIVE)
        await ledger.save(tx, wallets)


async def told(database: Database) -> Sequence[Event[Any]]:
    found = await world.rows(
        database, world.PAYLOADS.replace(" FROM", ", routing_key FROM") + " WHERE routing_key LIKE 'points.%'"
    )
    return [
        event_of(CONTRACTS[row.routing_key].model_validate_json(row.body), source="//loyalty/points") for row in found
    ]


@pytest.mark.parametrize("policy", ["allow_negative", "clamp", "within_balance", "pending_only"])
async def test_outstanding_is_that_of_the_ledger(
    points_database: Database, analytics_database: Database, policy: str
) -> None:
    await world.rate(points_database, multipliers=GOLD)
    someone = await world.member(points_database)
    gold, base = ("gold", world.day(0)), ("base", world.day(0))
    await world.happen(points_database, world.programme(negative_policy=policy), world.tiers(someone, 1, gold))
    await world.happen(points_database, world.purchase(someone, "a", 100_00, at=world.day(5)))
    await spend(points_database, someone)
    await world.happen(points_database, world.tiers(someone, 2, base))  # 100 to take, 50 are there
    await world.happen(points_database, world.refund("a", "r", 40_00, at=world.day(6)))  # 40 to take
    await world.happen(points_database, world.purchase(someone, "b", 30_00, at=world.day(7)))
    await world.happen(points_database, world.tiers(someone, 3, gold))

    await hear(analytics_database, *await told(points_database))
    async with analytics_database.transaction() as tx:
        sums, _ = await handlers.everything(tx)
    balance, debt = await world.balance(points_database, someone)
    assert sums.outstanding - SPENT == balance - debt
    assert (sums.written_off == 0) == (policy == "allow_negative")
