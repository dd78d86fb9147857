"""Of returns that took nothing is told, too: that people are asked, or that they were refused, and why."""

import json
from typing import Any

import httpx

from common.storage import Database
from tests.points.returns.test_receipts_and_reviews import KEY, in_review
from tests.points.world import PAYLOADS, SHOP, day, happen, member, purchase, refund, rows


async def said(database: Database, word: str) -> list[dict[str, Any]]:
    return [json.loads(row.body) for row in await rows(database, f"{PAYLOADS} WHERE routing_key = :word", word=word)]


async def test_a_return_that_goes_to_review_is_told_with_the_reason(points_database: Database) -> None:
    someone = await in_review(points_database)
    (told,) = await said(points_database, "return.referred.v1")
    assert (told["source"], told["return_id"], told["order_source"], told["order_id"]) == (SHOP, "r", SHOP, "a")
    assert (told["member_id"], told["amount"], told["currency"]) == (str(someone), 60_00, "CNY")
    assert (told["reason"], told["message"]) == ("shortfall", "60 points are due, 30 are there")
    assert await said(points_database, "return.refused.v1") == []


async def test_a_return_that_people_reject_is_told_as_refused(
    points_database: Database, operator: httpx.AsyncClient
) -> None:
    await in_review(points_database)
    await operator.post("/v1/returns/reject", json={**KEY, "reason": "kindness"})
    (told,) = await said(points_database, "return.refused.v1")
    assert (told["return_id"], told["reason"], told["message"]) == ("r", "rejected", "kindness")


async def test_a_return_that_waited_and_contradicts_its_purchase_is_told_as_refused_once(
    points_database: Database,
) -> None:
    someone = await member(points_database)
    await happen(points_database, refund("a", "r", 200_00, at=day(2)))
    assert await said(points_database, "return.refused.v1") == []
    bought = purchase(someone, "a", 100_00)
    await happen(points_database, bought)
    await happen(points_database, bought)
    (told,) = await said(points_database, "return.refused.v1")
    assert (told["return_id"], told["reason"]) == ("r", "returned_more_than_bought")
    assert "basis was 10000" in told["message"]


async def test_a_return_that_takes_its_points_is_not_set_aside(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00), refund("a", "r", 50_00))
    assert await said(points_database, "return.referred.v1") == await said(points_database, "return.refused.v1") == []
