"""Lines, several wallets, the first purchase that moves on, receipts, and what people decide."""

from typing import Any
from uuid import UUID

import httpx

from common.events.purchases import PurchaseLine, RefundLine
from common.storage import Database
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, Cause, take
from tests.points.world import NOON, SHOP, balance, day, happen, member, programme, purchase, refund, rows, rule, words

LINES = (
    PurchaseLine(sku="tea", category="drinks", quantity=2, amount=60_00),
    PurchaseLine(sku="cup", category="ware", quantity=1, amount=40_00),
)
DRINKS = {"kind": "rate", "points": 2, "per_minor_units": 100, "lines": {"categories": ["drinks"]}}


async def test_a_returned_line_takes_back_what_that_line_earned(points_database: Database) -> None:
    """Tea earns 60 + 120, the cup 40; one of two teas is half of the tea's."""
    await rule(points_database, "drinks", DRINKS)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, lines=LINES))
    assert await balance(points_database, someone) == (220, 0)
    await happen(points_database, refund("a", "r1", 30_00, lines=(RefundLine(sku="tea", quantity=1, amount=30_00),)))
    assert await balance(points_database, someone) == (130, 0)
    await happen(points_database, refund("a", "r2", 40_00, lines=(RefundLine(sku="cup", quantity=1, amount=40_00),)))
    assert await balance(points_database, someone) == (90, 0)
    await happen(points_database, refund("a", "r3", 30_00))
    assert await balance(points_database, someone) == (0, 0)


async def test_more_pieces_than_were_bought_are_refused_by_name(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, lines=LINES))
    three = (RefundLine(sku="tea", quantity=3, amount=60_00),)
    (outcome,) = await happen(points_database, refund("a", "r", 60_00, lines=three))
    assert (outcome.word, outcome.reason) == ("dead", "returned_more_than_bought")
    assert "3 of tea" in outcome.message
    over = (RefundLine(sku="tea", quantity=1, amount=60_00),)
    assert words(await happen(points_database, refund("a", "r", 50_00, lines=over))) == [
        ("dead", "lines_more_than_amount")
    ]


async def test_every_wallet_gives_its_share_back(points_database: Database) -> None:
    await rule(points_database, "growing", {"kind": "rate", "points": 1, "per_minor_units": 1000}, wallet="growth")
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00), refund("a", "r", 40_00))
    assert await balance(points_database, someone) == (60, 0)
    assert await balance(points_database, someone, "growth") == (6, 0)


WELCOME = {"kind": "fixed", "points": 50}
FIRST = {"kind": "first_purchase"}


async def firsts(database: Database) -> list[str]:
    return [row.order_id for row in await rows(database, "SELECT order_id FROM purchases WHERE is_first")]


async def test_next_surviving_purchase_becomes_the_first_when_the_first_came_back(points_database: Database) -> None:
    await rule(points_database, "welcome", WELCOME, when=FIRST)
    someone = await member(points_database)
    for order, at in (("a", 1), ("b", 2), ("c", 3)):
        await happen(points_database, purchase(someone, order, 10_00, at=day(at)))
    assert await balance(points_database, someone) == (80, 0)
    await happen(points_database, refund("a", "r", 10_00, at=day(4)))
    assert await balance(points_database, someone) == (70, 0)
    await happen(points_database, refund("c", "r3", 10_00, at=day(4)))
    assert await balance(points_database, someone) == (60, 0)
    effects = await rows(
        points_database, "SELECT subject, what, before, after FROM return_effects WHERE return_id = 'r'"
    )
    assert ("first_purchase", "b", "10 points", "60 points") in [tuple(row) for row in effects]


async def test_earlier_purchase_that_comes_late_takes_over_the_first(points_database: Database) -> None:
    await rule(points_database, "welcome", WELCOME, when=FIRST)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "late", 10_00, at=day(5)))
    await happen(points_database, purchase(someone, "early", 10_00, at=day(1)))
    assert await firsts(points_database) == ["early"]
    assert await balance(points_database, someone) == (70, 0)


async def test_first_in_one_batch_is_the_earliest_not_the_one_that_came_first(points_database: Database) -> None:
    await rule(points_database, "welcome", WELCOME, when=FIRST)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "b", 10_00, at=day(5)), purchase(someone, "a", 10_00, at=day(1)))
    assert await firsts(points_database) == ["a"]


async def spend(database: Database, someone: UUID, points: int) -> None:
    async with database.transaction() as tx:
        wallets = await ledger.lock(tx, [someone])
        wallet = wallets.of(someone, "points")
        await ledger.load_lots(tx, [wallet])
        take(wallet, points, Cause("redeemed", "", "", "", NOON, tx.now), "redemption", ALLOW_NEGATIVE)
        await ledger.save(tx, wallets)


async def in_review(database: Database) -> UUID:
    someone = await member(database)
    await happen(database, programme(negative_policy="within_balance"), purchase(someone, "a", 100_00))
    await spend(database, someone, 70)
    await happen(database, refund("a", "r", 60_00, at=day(2)))
    assert await balance(database, someone) == (30, 0)
    return someone


KEY = {"source": SHOP, "return_id": "r"}


async def test_return_in_review_is_accepted_with_debt_once(
    points_database: Database, operator: httpx.AsyncClient
) -> None:
    someone = await in_review(points_database)
    body = {**KEY, "force": "debt", "reason": "goods are here"}
    answer = await operator.post("/v1/returns/accept", json=body)
    assert (answer.status_code, answer.json()["state"], answer.json()["points"]) == (200, "applied", 60)
    assert answer.json()["reason"] == "accepted: goods are here"
    assert await balance(points_database, someone) == (0, 30)
    again = await operator.post("/v1/returns/accept", json=body)
    assert (again.status_code, again.json()["code"], again.json()["state"]) == (409, "return_not_in_review", "applied")
    actions = await rows(points_database, "SELECT action FROM audit_log")
    assert [row.action for row in actions] == ["return.accepted"]


async def test_return_in_review_is_accepted_with_a_write_off(
    points_database: Database, operator: httpx.AsyncClient
) -> None:
    someone = await in_review(points_database)
    await operator.post("/v1/returns/accept", json={**KEY, "force": "write_off", "reason": "an old customer"})
    assert await balance(points_database, someone) == (0, 0)


async def test_rejected_return_leaves_the_points_and_its_goods_stay_counted(
    points_database: Database, operator: httpx.AsyncClient
) -> None:
    someone = await in_review(points_database)
    answer = await operator.post("/v1/returns/reject", json={**KEY, "reason": "kindness"})
    assert (answer.status_code, answer.json()["state"]) == (200, "rejected")
    assert await balance(points_database, someone) == (30, 0)
    assert words(await happen(points_database, refund("a", "r2", 50_00))) == [("dead", "returned_more_than_bought")]
    found = await operator.get("/v1/returns", params={"state": "rejected"})
    assert [one["return_id"] for one in found.json()["items"]] == ["r"]


async def test_receipt_tells_everything_before_and_after(
    points_database: Database, operator: httpx.AsyncClient
) -> None:
    await rule(points_database, "growing", {"kind": "rate", "points": 1, "per_minor_units": 1000}, wallet="growth")
    limits: list[dict[str, Any]] = [{"scope": "member", "unit": "points", "amount": 500}]
    await rule(points_database, "bonus", {"kind": "fixed", "points": 10}, limits=limits)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00), refund("a", "r", 100_00, at=day(1)))
    answer = await operator.get("/v1/returns/receipt", params=KEY)
    assert answer.status_code == 200
    lines = [(one["subject"], one["what"], one["before"], one["after"]) for one in answer.json()["effects"]]
    assert lines[:3] == [
        ("purchase", "a returned", "0", "10000"),
        ("wallet", "growth", "10", "0"),
        ("wallet", "points", "110", "0"),
    ]
    assert ("limit", "bonus/member/ever", "10 points, 1 uses", "0 points, 0 uses") in lines
    missing = await operator.get("/v1/returns/receipt", params={**KEY, "return_id": "no"})
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_return")
