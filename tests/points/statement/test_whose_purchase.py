"""A statement explains movements by the member's own purchases, and tells nothing of what somebody else bought."""

from typing import Any
from uuid import UUID

from common.storage import Database
from tests.points.activities.test_activities import SHARING, did
from tests.points.conftest import Client
from tests.points.merges.test_merges import merge
from tests.points.world import SHOP, happen, member, purchase, refund, rule


async def statement(client: Client, someone: UUID) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/members/{someone}/statement")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_statement_of_who_referred_names_the_order_but_not_what_was_bought(
    points_database: Database, operator: Client
) -> None:
    await rule(points_database, "sharing", {"kind": "fixed", "points": 5}, occasion=SHARING)
    buyer, friend = await member(points_database), await member(points_database)
    await happen(points_database, purchase(buyer, "secret", 100_00))
    await happen(points_database, did(friend, "referral", order_id="secret"))
    (entry,) = await statement(operator, friend)
    assert (entry["order_source"], entry["order_id"], entry["earning"]) == (SHOP, "secret", None)
    await happen(points_database, refund("secret", "r", 100_00))
    assert [one["earning"] for one in await statement(operator, friend)] == [None, None]
    assert {one["earning"]["basis"] for one in await statement(operator, buyer)} == {100_00}


async def test_purchases_of_who_was_merged_still_explain_the_survivors_movements(
    points_database: Database, operator: Client
) -> None:
    stays, absorbed = await member(points_database), await member(points_database)
    await happen(points_database, purchase(absorbed, "a", 100_00))
    await merge(operator, stays, absorbed)
    for one in (stays, absorbed):
        assert {entry["earning"]["order_id"] for entry in await statement(operator, one)} == {"a"}
