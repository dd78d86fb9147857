"""What happens at the same time as a merge, or between what a merge is about and when it is told."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from common.security.callers import SYSTEM
from common.storage import Database
from points.merges import handlers as merges
from tests.points.conftest import Client
from tests.points.draws.world import NOTHING, spin
from tests.points.incentives.world import active, task
from tests.points.merges.test_merges import merge, told
from tests.points.redemption.world import account, cancel, hold, holds_together, owe, rich
from tests.points.rewards.asking import published, wish
from tests.points.streaks.test_streaks import MAKE_UP, ZONE
from tests.points.world import day, happen, member, purchase, value


async def during_merge(database: Database, stays: UUID, absorbed: UUID, request: Awaitable[Any]) -> Any:
    """The answer to a request that waits for a merge to commit."""
    async with database.transaction() as tx:
        await merges.merge(tx, SYSTEM, uuid4(), stays, absorbed, tx.now)
        asked = asyncio.ensure_future(request)
        for _ in range(100):
            await asyncio.sleep(0.05)
            if await value(database, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                break
    return await asked


async def test_correction_that_waits_for_a_merge_reaches_the_survivor(
    points_database: Database, operator: Client
) -> None:
    stays, absorbed = await rich(points_database, (10, None)), await rich(points_database, (50, None))
    body = {"member_id": str(absorbed), "kind": "credit", "points": 20, "reason": "goodwill"}
    answer = await during_merge(points_database, stays, absorbed, operator.post("/v1/adjustments", json=body))
    assert (answer.status_code, answer.json()["member_id"]) == (201, str(stays))
    assert await account(points_database, stays) == (80, 0, 0, 0)
    await holds_together(points_database)


async def test_gift_that_waits_for_a_merge_is_the_survivors(points_database: Database, operator: Client) -> None:
    stays, absorbed = await rich(points_database, (10, None)), await rich(points_database, (50, None))
    other = await rich(points_database)
    body = {"member_id": str(absorbed), "recipient_id": str(other), "points": 55}
    answer = await during_merge(points_database, stays, absorbed, operator.post("/v1/gifts", json=body))
    assert (answer.status_code, answer.json()["member_id"]) == (201, str(stays))
    assert await account(points_database, stays) == (5, 0, 0, 0)
    await holds_together(points_database)


async def test_redemption_that_waits_for_a_merge_finds_the_points_with_the_survivor(
    points_database: Database, operator: Client
) -> None:
    for path in ("/v1/redemptions", "/v1/redemptions/holds"):
        stays, absorbed = await rich(points_database, (10, None)), await rich(points_database, (50, None))
        body = {"member_id": str(absorbed), "points": 55}
        answer = await during_merge(points_database, stays, absorbed, operator.post(path, json=body))
        assert (answer.status_code, answer.json()["member_id"]) == (201, str(stays)), answer.text
        assert (await account(points_database, stays))[0] == 5
    await holds_together(points_database)


async def test_play_that_waits_for_a_merge_is_paid_by_the_survivor(points_database: Database, operator: Client) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, cost=55))
    stays, absorbed = await rich(points_database, (10, None)), await rich(points_database, (50, None))
    asked = operator.post(f"/v1/members/{absorbed}/draws/spin/plays", json={})
    answer = await during_merge(points_database, stays, absorbed, asked)
    assert (answer.status_code, answer.json()["cost"]) == (201, 55), answer.text
    assert await account(points_database, stays) == (5, 0, 0, 0)


async def test_order_of_a_reward_that_waits_for_a_merge_is_paid_by_the_survivor(
    points_database: Database, operator: Client
) -> None:
    await published(operator)
    stays, absorbed = await rich(points_database, (60, None)), await rich(points_database, (50, None))
    asked = operator.post("/v1/reward-orders", json=wish(absorbed))
    answer = await during_merge(points_database, stays, absorbed, asked)
    assert (answer.status_code, answer.json()["member_id"]) == (201, str(stays)), answer.text
    assert await account(points_database, stays) == (10, 0, 0, 0)


async def test_day_made_up_while_members_are_merged_is_paid_by_the_survivor(
    points_database: Database, operator: Client
) -> None:
    await active(points_database, "streak", "month", MAKE_UP)
    stays, absorbed = await rich(points_database, (10, None)), await member(points_database)
    yesterday = (datetime.now(UTC).astimezone(ZONE) - timedelta(days=1)).date().isoformat()
    asked = operator.post(f"/v1/members/{absorbed}/streaks/month/make-ups", json={"day": yesterday})
    answer = await during_merge(points_database, stays, absorbed, asked)
    assert answer.status_code in (200, 201), answer.text
    assert await account(points_database, stays) == (0, 0, 0, 0)


async def test_claim_that_waits_for_a_merge_is_of_the_survivors_task(
    points_database: Database, operator: Client
) -> None:
    await active(points_database, "task", "two", task(claim="click"))
    stays, absorbed = await member(points_database), await member(points_database)
    await happen(points_database, purchase(stays, "a", 1_00), purchase(stays, "b", 1_00))
    asked = operator.post(f"/v1/members/{absorbed}/tasks/two/claims", json={})
    answer = await during_merge(points_database, stays, absorbed, asked)
    assert (answer.status_code, answer.json()["points"]) == (200, 50), answer.text


async def test_merge_into_somebody_who_is_being_merged_reaches_the_last(
    points_database: Database, operator: Client
) -> None:
    last, middle, first = [await rich(points_database, (10, None)) for _ in range(3)]
    body = {"member_id": str(middle), "absorbed_member_id": str(first)}
    answer = await during_merge(points_database, last, middle, operator.post("/v1/merges", json=body))
    assert answer.status_code == 201
    async with points_database.transaction() as tx:
        await merges.settle(tx)
    assert await account(points_database, last) == (30, 0, 0, 0)
    await holds_together(points_database)


async def then(client: Client, member_id: UUID, at: Any) -> tuple[int, int, int]:
    """Available, held and debt as of a time; zeros where nothing had occurred."""
    answer = await client.get(f"/v1/members/{member_id}/balance", params={"as_of": at.isoformat()})
    (one,) = answer.json()["wallets"] or [{"available": 0, "held": 0, "debt": 0}]
    return (one["available"], one["held"], one["debt"])


async def test_what_comes_back_of_a_hold_goes_on_when_it_comes_not_when_the_members_were_merged(
    points_database: Database, operator: Client
) -> None:
    stays, absorbed = await rich(points_database), await rich(points_database, (50, None))
    held = await hold(operator, absorbed, 50)
    await merge(operator, stays, absorbed)
    between = await value(points_database, "SELECT clock_timestamp()")
    await cancel(operator, held["redemption_id"])
    assert [await then(operator, one, between) for one in (absorbed, stays)] == [(0, 50, 0), (0, 0, 0)]
    after = await value(points_database, "SELECT clock_timestamp()")
    assert [await then(operator, one, after) for one in (absorbed, stays)] == [(0, 0, 0), (50, 0, 0)]


async def test_merge_that_is_told_late_moves_nothing_before_it_was_earned(
    points_database: Database, operator: Client
) -> None:
    stays, absorbed = await member(points_database), await member(points_database)
    await happen(points_database, purchase(absorbed, "a", 100_00, at=day(1)), purchase(absorbed, "b", 50_00, at=day(6)))
    await happen(points_database, told(stays, absorbed, uuid4()))  # it was on day 5
    found = {number: [await then(operator, one, day(number)) for one in (absorbed, stays)] for number in (4, 5, 7)}
    assert found == {
        4: [(100, 0, 0), (0, 0, 0)],
        5: [(0, 0, 0), (100, 0, 0)],
        7: [(0, 0, 0), (150, 0, 0)],
    }


async def test_debt_of_a_merge_that_is_told_late_is_never_less_than_nothing(
    points_database: Database, operator: Client
) -> None:
    stays, absorbed = await member(points_database), await member(points_database)
    await happen(points_database, purchase(stays, "a", 100_00, at=day(1)))
    await owe(points_database, absorbed, 30)  # now, long after
    await happen(points_database, told(stays, absorbed, uuid4()))
    assert [await then(operator, one, day(6)) for one in (absorbed, stays)] == [(0, 0, 0), (100, 0, 0)]
    now = await value(points_database, "SELECT clock_timestamp()")
    assert [await then(operator, one, now) for one in (absorbed, stays)] == [(0, 0, 0), (70, 0, 0)]
