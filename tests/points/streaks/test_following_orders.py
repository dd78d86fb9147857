"""A day in a row goes with the order that its activity named, whatever comes first."""

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from common.events import Contract, Event
from common.storage import Database
from tests.points.conftest import Client
from tests.points.incentives.world import active, activity, incentive_points, task
from tests.points.merges.test_merges import merge
from tests.points.redemption.world import holds_together
from tests.points.world import SHOP, balance, day, happen, member, purchase, refund, rows, value

REVIEWS = {"activity": "review", "rewards": [{"day": number, "points": 10**number} for number in range(1, 4)]}


def review(someone: UUID, number: int, order_id: str | None = None, *, name: str = "", hours: int = 0) -> Any:
    of_order = {} if order_id is None else {"order_id": order_id, "order_source": SHOP}
    at = day(number).replace(hour=6 + hours)
    return activity(someone, name or f"review-{number}-{hours}", "review", at=at, **of_order)


async def days(database: Database) -> list[tuple[int, int, int]]:
    found = await rows(database, "SELECT day - DATE '2025-03-10' AS day, run, points FROM streak_days ORDER BY day")
    return [(row.day, row.run, row.points) for row in found]


def story(someone: UUID) -> list[Event[Contract]]:
    return [
        purchase(someone, "a", 100_00, at=day(0)),
        refund("a", "r", 100_00, at=day(4)),
        review(someone, 0),
        review(someone, 1, "a"),
        review(someone, 2),
    ]


@pytest.mark.parametrize("order", [one for number, one in enumerate(permutations(range(5))) if number % 11 == 0])
async def test_end_is_the_same_in_any_order(points_database: Database, order: tuple[int, ...]) -> None:
    await active(points_database, "streak", "reviews", REVIEWS)
    someone = await member(points_database)
    events = story(someone)
    for number in order:
        await happen(points_database, events[number])
    assert await days(points_database) == [(0, 1, 10), (2, 1, 10)]
    assert await balance(points_database, someone) == (20, 0)
    await holds_together(points_database)


async def test_return_breaks_the_run_and_its_receipt_says_so(points_database: Database, operator: Client) -> None:
    await active(points_database, "streak", "reviews", REVIEWS)
    someone = await member(points_database)
    bought, back, *reviews = story(someone)
    await happen(points_database, bought, *reviews)
    assert await days(points_database) == [(0, 1, 10), (1, 2, 100), (2, 3, 1_000)]
    assert await incentive_points(points_database, someone) == 1_110
    await happen(points_database, back)
    assert await incentive_points(points_database, someone) == 20
    answer = await operator.get("/v1/returns/receipt", params={"source": SHOP, "return_id": "r"})
    effects = [one for one in answer.json()["effects"] if one["subject"] == "streak"]
    assert [(one["what"], one["before"], one["after"]) for one in effects] == [
        ("reviews/2025-03-12", "day 3, 1000 points", "day 1, 10 points"),
        ("reviews/2025-03-11", "day 2, 100 points", "taken back"),
    ]


async def test_day_stays_when_something_else_was_done_on_it_or_only_a_part_came_back(points_database: Database) -> None:
    await active(points_database, "streak", "reviews", REVIEWS)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(0)), purchase(someone, "b", 100_00, at=day(0)))
    await happen(points_database, review(someone, 0, "a"), review(someone, 0, hours=2), review(someone, 1, "b"))
    before = await days(points_database)
    await happen(points_database, refund("a", "r", 100_00, at=day(4)), refund("b", "part", 99_00, at=day(4)))
    assert await days(points_database) == before == [(0, 1, 10), (1, 2, 100)]
    assert await value(points_database, "SELECT min(occurred_at) FROM streak_days") == day(0).replace(hour=8)


async def test_task_that_counted_the_run_goes_with_it(points_database: Database) -> None:
    await active(points_database, "streak", "reviews", REVIEWS)
    measure = {"of": "streak", "what": "run", "streak": "reviews"}
    await active(points_database, "task", "three", task(goals=[{"measure": measure, "target": 3}]))
    someone = await member(points_database)
    bought, back, *reviews = story(someone)
    await happen(points_database, bought, *reviews)
    assert await incentive_points(points_database, someone) == 1_160
    await happen(points_database, back)
    assert await incentive_points(points_database, someone) == 20
    assert await value(points_database, "SELECT state FROM task_completions") == "taken_back"


async def test_day_of_who_was_merged_is_taken_back_from_the_survivor(
    points_database: Database, operator: Client
) -> None:
    await active(points_database, "streak", "reviews", REVIEWS)
    buyer, stays, absorbed = [await member(points_database) for _ in range(3)]
    await happen(points_database, purchase(buyer, "a", 100_00, at=day(0)))
    await happen(points_database, review(absorbed, 0, "a"))
    await merge(operator, stays, absorbed)
    assert await balance(points_database, stays) == (10, 0)
    await happen(points_database, refund("a", "r", 100_00, at=day(4)))
    assert (await balance(points_database, stays), await days(points_database)) == ((0, 0), [])
    await holds_together(points_database)
