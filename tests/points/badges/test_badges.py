"""Badges follow their counters: on a real database."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.storage import Database
from points.badges.domain import AWARDED, steps
from tests.points.conftest import Client
from tests.points.incentives.world import active, came, incentive_points, task
from tests.points.world import PAYLOADS, day, happen, member, purchase, refund, rows

LEVELS = [
    {"threshold": 1, "name": {"zh": "铜"}, "points": 10},
    {"threshold": 3, "name": {"zh": "银"}, "points": 20},
    {"threshold": 10, "name": {"zh": "金"}, "points": 30},
]
BUYER = {"measure": {"of": "purchases", "what": "count"}, "levels": LEVELS}


@given(st.sets(st.integers(1, 9)), st.integers(0, 9))
def test_steps_lead_to_exactly_the_levels_that_are_reached(held: set[int], reached: int) -> None:
    after = set(held)
    for step in steps(held, reached):
        if step.change == AWARDED:
            assert step.level not in after
            after.add(step.level)
        else:
            after.remove(step.level)
    assert after == set(range(1, reached + 1))


async def levels(database: Database) -> list[tuple[int, bool]]:
    found = await rows(database, "SELECT level, held FROM member_badges ORDER BY level")
    return [(row.level, row.held) for row in found]


async def test_levels_are_awarded_as_they_are_reached_with_points_once(points_database: Database) -> None:
    await active(points_database, "badge", "buyer", BUYER)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 1_00))
    assert await levels(points_database) == [(1, True)]
    await happen(points_database, *(purchase(someone, order, 1_00) for order in "bcd"))
    assert await levels(points_database) == [(1, True), (2, True)]
    assert await incentive_points(points_database, someone) == 30


async def test_return_revokes_the_level_and_its_points_and_the_history_stays(
    points_database: Database, operator: Client
) -> None:
    await active(points_database, "badge", "buyer", BUYER)
    someone = await member(points_database)
    await happen(points_database, *(purchase(someone, order, 1_00) for order in "abc"))
    await happen(points_database, refund("a", "r", 1_00))
    assert await levels(points_database) == [(1, True), (2, False)]
    assert await incentive_points(points_database, someone) == 10
    await happen(points_database, purchase(someone, "d", 1_00))
    assert await incentive_points(points_database, someone) == 30
    changes = (await operator.get(f"/v1/members/{someone}/badge-changes")).json()["items"]
    assert [(one["level"], one["change"], one["reason"]) for one in changes] == [
        (1, "awarded", "reached"),
        (2, "awarded", "reached"),
        (2, "revoked", "returned"),
        (2, "awarded", "reached"),
    ]
    told = [row.body for row in await rows(points_database, PAYLOADS)]
    assert sum('"reason": "returned"' in body for body in told) == 1
    (badge,) = (await operator.get(f"/v1/members/{someone}/badges")).json()["badges"]
    assert (badge["level"], badge["value"], badge["missing"]) == (2, 3, 7)


async def test_streak_makes_a_badge_and_a_late_day_may_too(points_database: Database) -> None:
    await active(points_database, "streak", "daily", {"rewards": [{"day": 1, "points": 1}]})
    await active(
        points_database,
        "badge",
        "faithful",
        {
            "measure": {"of": "streak", "what": "run", "streak": "daily"},
            "levels": [{"threshold": 5, "name": {"zh": "五天"}}],
        },
    )
    someone = await member(points_database)
    await happen(points_database, *came(someone, 0, 1, 3, 4))
    assert await levels(points_database) == []
    await happen(points_database, *came(someone, 2))
    assert await levels(points_database) == [(1, True)]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 1, 0)])
async def test_day_before_the_badge_was_active_may_close_the_gap_whenever_it_is_told(
    points_database: Database, order: tuple[int, ...]
) -> None:
    await active(points_database, "streak", "daily", {"rewards": [{"day": 100, "points": 1}]})
    run = {"of": "streak", "what": "run", "streak": "daily"}
    badge = {"measure": run, "levels": [{"threshold": 4, "name": {"zh": "四天"}}]}
    await active(points_database, "badge", "faithful", badge, since=day(2) - timedelta(hours=1))
    someone = await member(points_database)
    for number in order:
        await happen(points_database, *came(someone, number))
    assert await levels(points_database) == [(1, True)]


async def test_task_gives_a_badge_and_takes_it_back(points_database: Database) -> None:
    await active(points_database, "badge", "hero", {"levels": [{"threshold": 1, "name": {"zh": "英雄"}, "points": 5}]})
    await active(points_database, "task", "two", task(reward={"points": 50, "badge": "hero"}))
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 1_00), purchase(someone, "b", 1_00))
    assert await levels(points_database) == [(1, True)]
    assert await incentive_points(points_database, someone) == 55
    await happen(points_database, refund("a", "r", 1_00))
    assert await levels(points_database) == [(1, False)]
    assert await incentive_points(points_database, someone) == 0
