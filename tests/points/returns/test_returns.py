"""Returns through the handler on a real database."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from common.events.points import PointsClawedBack
from common.storage import Database
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, Cause, take
from points.returns import handlers as returns
from tests.points.world import (
    NOON,
    PAYLOADS,
    SHOP,
    balance,
    day,
    deliver,
    happen,
    member,
    programme,
    purchase,
    rate,
    refund,
    rows,
    value,
    words,
)


async def clawed_back(database: Database) -> list[PointsClawedBack]:
    found = await rows(database, f"{PAYLOADS} WHERE routing_key = 'points.clawed_back.v1' ORDER BY id")
    return [PointsClawedBack.model_validate_json(row.body) for row in found]


async def state_of(database: Database, return_id: str) -> tuple[Any, ...]:
    (row,) = await rows(
        database, "SELECT state, points, shortfall, reason FROM returns WHERE return_id = :id", id=return_id
    )
    return tuple(row)


async def spend(database: Database, someone: Any, points: int) -> None:
    """Points leave the wallet, as a redemption will do it."""
    async with database.transaction() as tx:
        wallets = await ledger.lock(tx, [someone])
        wallet = wallets.of(someone, "points")
        await ledger.load_lots(tx, [wallet])
        take(wallet, points, Cause("redeemed", "", "", "", NOON, tx.now), "redemption", ALLOW_NEGATIVE)
        await ledger.save(tx, wallets)


async def test_return_takes_its_share_back_and_says_so(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    assert await happen(points_database, refund("a", "r1", 40_00, at=day(2))) == []
    assert await balance(points_database, someone) == (60, 0)
    (event,) = await clawed_back(points_database)
    assert (event.member_id, event.points, event.balance, event.debt, event.shortfall) == (someone, 40, 60, 0, 0)
    assert (event.return_id, event.order_source, event.order_id, event.policy) == ("r1", SHOP, "a", "allow_negative")


async def test_partial_returns_sum_to_the_whole_however_they_are_split(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00))
    for number, amount in enumerate((3_33, 3_33, 3_34)):
        await happen(points_database, refund("a", f"r{number}", amount))
    assert [event.points for event in await clawed_back(points_database)] == [3, 3, 4]
    assert await balance(points_database, someone) == (0, 0)


async def test_return_uses_the_rule_of_its_purchase_never_todays(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    await rate(points_database, 7, 100)
    await happen(points_database, refund("a", "r", 50_00))
    assert await balance(points_database, someone) == (50, 0)


async def test_return_before_its_purchase_waits_and_is_matched(points_database: Database) -> None:
    someone = await member(points_database)
    assert await happen(points_database, refund("a", "r", 40_00)) == []
    assert await state_of(points_database, "r") == ("waiting", 0, 0, "")
    await happen(points_database, purchase(someone, "a", 100_00))
    assert await state_of(points_database, "r") == ("applied", 40, 0, "")
    assert await balance(points_database, someone) == (60, 0)
    assert [event.points for event in await clawed_back(points_database)] == [40]
    (lot,) = await rows(points_database, "SELECT points, remaining FROM lots")
    assert tuple(lot) == (100, 60)


async def test_return_in_the_same_batch_as_its_purchase_is_matched(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, refund("a", "r", 40_00), purchase(someone, "a", 100_00))
    assert await balance(points_database, someone) == (60, 0)


async def test_return_from_another_source_names_the_purchases(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    await happen(points_database, refund("a", "r", 40_00, source="//desk.example", order_source=SHOP))
    assert await balance(points_database, someone) == (60, 0)


async def test_return_that_crossed_its_purchase_is_settled_by_the_job(points_database: Database) -> None:
    """Both were written in transactions that did not see each other."""
    someone = await member(points_database)
    await happen(points_database, refund("a", "r", 40_00))
    async with points_database.transaction() as tx:
        await tx.execute("UPDATE returns SET state = 'review'")
    await happen(points_database, purchase(someone, "a", 100_00))
    async with points_database.transaction() as tx:
        await tx.execute("UPDATE returns SET state = 'waiting'")
    for _ in range(2):
        async with points_database.transaction() as tx:
            await returns.settle(tx)
    assert await state_of(points_database, "r") == ("applied", 40, 0, "")
    assert await balance(points_database, someone) == (60, 0)


async def test_same_return_again_is_a_duplicate_and_with_another_body_dead(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    again = [refund("a", "r", 40_00), refund("a", "r", 40_00), refund("a", "r", 41_00)]
    assert words(await happen(points_database, *again)) == [("duplicate", ""), ("dead", "return_id_reused")]
    assert words(await happen(points_database, refund("a", "r", 40_00))) == [("duplicate", "")]
    assert await balance(points_database, someone) == (60, 0)


async def test_more_returned_than_bought_is_dead_with_the_figures(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00), refund("a", "r1", 60_00))
    (outcome,) = await happen(points_database, refund("a", "r2", 50_00))
    assert (outcome.word, outcome.reason) == ("dead", "returned_more_than_bought")
    assert all(figure in outcome.message for figure in ("5000", "10000", "6000"))
    assert await balance(points_database, someone) == (40, 0)


async def test_waiting_return_of_more_than_was_bought_is_refused_with_the_reason(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, refund("a", "r1", 60_00, at=day(1)), refund("a", "r2", 50_00, at=day(2)))
    await happen(points_database, purchase(someone, "a", 100_00))
    assert (await state_of(points_database, "r1"))[0] == "applied"
    state, points, _, reason = await state_of(points_database, "r2")
    assert (state, points) == ("refused", 0)
    assert reason.startswith("returned_more_than_bought")
    assert await balance(points_database, someone) == (40, 0)


async def test_of_two_returns_at_the_same_moment_only_one_fits(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    async with points_database.transaction() as first:
        assert await deliver(first, [refund("a", "r1", 60_00)]) == []
        second = asyncio.create_task(happen(points_database, refund("a", "r2", 60_00)))
        await asyncio.sleep(0.2)
        assert not second.done(), "it takes its turn on the member"
    assert words(await second) == [("dead", "returned_more_than_bought")]
    assert await balance(points_database, someone) == (40, 0)


async def test_goods_of_a_return_in_review_have_come_back_too(points_database: Database) -> None:
    """members and analytics, which know nothing of the review, have counted them."""
    someone = await member(points_database)
    await happen(points_database, programme(negative_policy="within_balance"))
    await happen(points_database, purchase(someone, "a", 90_00))
    await spend(points_database, someone, 60)
    assert await happen(points_database, refund("a", "r1", 60_00)) == []
    assert (await state_of(points_database, "r1"))[0] == "review"
    (outcome,) = await happen(points_database, refund("a", "r2", 30_01))
    assert outcome.message == "3001 returned of order a, but its basis was 9000 and 6000 of it had come back before"
    assert await happen(points_database, refund("a", "r3", 30_00)) == []
    assert (await state_of(points_database, "r3"))[0] == "applied"
    assert await balance(points_database, someone) == (0, 0)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"currency": "USD"}, "currency_mismatch"),
        ({"at": datetime(1989, 12, 31, tzinfo=UTC)}, "absurd_time"),
        ({"at": datetime.now(UTC) + timedelta(hours=25)}, "absurd_time"),
    ],
)
async def test_impossible_return_is_dead_with_and_without_its_purchase(
    points_database: Database, facts: dict[str, Any], reason: str
) -> None:
    someone = await member(points_database)
    assert words(await happen(points_database, refund("a", "r", 1_00, **facts))) == [("dead", reason)]
    await happen(points_database, purchase(someone, "a", 100_00))
    assert words(await happen(points_database, refund("a", "r", 1_00, **facts))) == [("dead", reason)]
    assert await balance(points_database, someone) == (100, 0)


async def test_return_that_takes_no_whole_point_moves_nothing_but_is_remembered(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00))
    await happen(points_database, refund("a", "r1", 50))
    assert await clawed_back(points_database) == []
    await happen(points_database, refund("a", "r2", 50))
    assert [event.points for event in await clawed_back(points_database)] == [1]


async def test_return_after_spending_leaves_debt_and_the_next_purchase_repays_it_first(
    points_database: Database,
) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 90_00))
    await spend(points_database, someone, 30)
    await happen(points_database, refund("a", "r", 90_00))
    assert await balance(points_database, someone) == (0, 30)
    (event,) = await clawed_back(points_database)
    assert (event.points, event.shortfall, event.balance, event.debt) == (90, 30, -30, 30)
    await happen(points_database, purchase(someone, "b", 50_00))
    assert await balance(points_database, someone) == (20, 0)


@pytest.mark.parametrize(
    ("policy", "after", "state"),
    [
        ("allow_negative", (0, 30), ("applied", 90, 30, "")),
        ("clamp", (0, 0), ("applied", 90, 30, "")),
        ("pending_only", (60, 0), ("applied", 90, 90, "")),
        ("within_balance", (60, 0), ("review", 0, 0, "shortfall: 90 points are due, 60 are there")),
    ],
)
async def test_shortfall_goes_by_the_programmes_policy(
    points_database: Database, policy: str, after: tuple[int, int], state: tuple[Any, ...]
) -> None:
    someone = await member(points_database)
    await happen(points_database, programme(negative_policy=policy))
    await happen(points_database, purchase(someone, "a", 90_00))
    await spend(points_database, someone, 30)
    await happen(points_database, refund("a", "r", 90_00))
    assert await balance(points_database, someone) == after
    assert await state_of(points_database, "r") == state


async def test_clawback_takes_the_purchases_own_lot_not_the_one_that_expires_first(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, programme(expiry_months=12))
    now = datetime.now(UTC)
    await happen(points_database, purchase(someone, "early", 10_00, at=now - timedelta(days=60)))
    await happen(points_database, purchase(someone, "own", 20_00, at=now))
    await happen(points_database, refund("own", "r", 10_00, at=now))
    found = await rows(points_database, "SELECT order_id, remaining FROM lots ORDER BY order_id")
    assert [tuple(row) for row in found] == [("early", 10), ("own", 10)]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_purchases_and_returns_end_the_same_in_any_order(
    points_database: Database, order: tuple[int, ...]
) -> None:
    someone = await member(points_database)
    events = [
        purchase(someone, "a", 33_33),
        refund("a", "r1", 11_11),
        refund("a", "r2", 5_00),
        purchase(someone, "b", 10_00),
    ]
    for place in order:
        assert await happen(points_database, events[place]) == []
    assert await balance(points_database, someone) == (33 - 15 + 10, 0)
    assert await value(points_database, "SELECT taken_back FROM accruals WHERE occasion_id = 'a'") == 15
