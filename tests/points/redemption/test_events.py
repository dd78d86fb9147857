"""What events say of points that pay for an order: whose order it is, and what they are worth of it."""

import json
from typing import Any

from common.storage import Database
from tests.points.conftest import Client
from tests.points.redemption.world import cancel, confirm, hold, redeem, rich
from tests.points.world import PAYLOADS, rows, value

TILL = "//shop.example/tills/1"


def order(amount: int = 1_000) -> dict[str, Any]:
    return {"order_id": "o-1", "amount": amount, "currency": "CNY"}


async def said(database: Database, word: str) -> list[tuple[Any, ...]]:
    found = await rows(database, f"{PAYLOADS} WHERE routing_key = :word ORDER BY id", word=word)
    bodies = [json.loads(row.body) for row in found]
    return [(one["order_source"], one["order_id"], one["value"], one["currency"]) for one in bodies]


async def test_events_of_points_as_money_name_the_order_with_its_source_and_their_worth(
    points_database: Database, operator: Client
) -> None:
    someone = await rich(points_database, (100, None))
    held = await hold(operator, someone, 50, source=TILL, order=order())
    await confirm(operator, held["redemption_id"], points=40)
    await cancel(operator, held["redemption_id"], points=10)
    assert await said(points_database, "points.held.v1") == [(TILL, "o-1", 50, "CNY")]
    assert await said(points_database, "points.redeemed.v1") == [(TILL, "o-1", 40, "CNY")]
    assert await said(points_database, "points.given_back.v1") == [(TILL, "o-1", 10, "CNY")]


async def test_what_is_given_back_in_parts_is_worth_together_what_was_redeemed(
    points_database: Database, operator: Client
) -> None:
    await value(
        points_database,
        "INSERT INTO movement_policies VALUES ('redemption', 1, :it, now(), 'test') RETURNING 1",
        it=json.dumps({"points": 3, "minor_units": 10}),
    )
    someone = await rich(points_database, (100, None))
    done = await redeem(operator, someone, 10, order=order())
    for points in (1, 4, 5):
        await cancel(operator, done["redemption_id"], points=points)
    parts = [worth for _, _, worth, _ in await said(points_database, "points.given_back.v1")]
    assert (done["value"], parts, sum(parts)) == (33, [3, 13, 17], 33)


async def test_points_that_pay_for_no_order_say_no_money(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None))
    done = await redeem(operator, someone, 10, source=TILL, reference="cup")
    await cancel(operator, done["redemption_id"])
    for word in ("points.redeemed.v1", "points.given_back.v1"):
        assert await said(points_database, word) == [(None, None, None, "")]
