"""Signing in, being late, making up: on a real database."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.storage import Database
from points.errors import InsufficientPointsError
from points.incentives import followers
from points.incentives.domain import LimitReachedError
from points.streaks.domain import MakeUpRefusedError
from tests.points.conftest import Client
from tests.points.incentives.world import active, activity, came, incentive_points
from tests.points.world import PAYLOADS, balance, day, happen, member, programme, purchase, rows, value

WEEK = {"cycle_days": 7, "rewards": [{"day": number, "points": number} for number in range(1, 8)]}
MONTH = {"rewards": [{"day": 3, "points": 30}, {"day": 5, "points": 100}]}
ZONE = ZoneInfo("Asia/Shanghai")


async def runs(database: Database, member_id: UUID) -> list[tuple[int, int]]:
    found = await rows(
        database, "SELECT run, points FROM streak_days WHERE member_id = :member ORDER BY plan, day", member=member_id
    )
    return [(row.run, row.points) for row in found]


async def test_each_day_in_a_row_is_rewarded_and_rounds_begin_again(points_database: Database) -> None:
    await active(points_database, "streak", "week", WEEK)
    someone = await member(points_database)
    for event in came(someone, *range(8)):
        await happen(points_database, event)
    assert await runs(points_database, someone) == [(n, n) for n in range(1, 8)] + [(8, 1)]
    assert await balance(points_database, someone) == (29, 0)


async def test_rewards_live_as_long_as_their_type_of_wallet_says(points_database: Database) -> None:
    await happen(points_database, programme(expiry_months=12))
    rewards = [{"day": 1, "points": 5}]
    await active(points_database, "streak", "spendable", {"rewards": rewards})
    await active(points_database, "streak", "grown", {"rewards": rewards, "wallet": "growth"})
    someone = await member(points_database)
    await happen(points_database, *came(someone, 0))
    lots = await rows(points_database, "SELECT wallet, points, expires_at FROM lots ORDER BY wallet")
    assert [(lot.wallet, lot.points, lot.expires_at) for lot in lots] == [
        ("growth", 5, None),
        ("points", 5, day(365)),
    ]


async def test_second_sign_in_of_a_day_and_one_told_twice_change_nothing(points_database: Database) -> None:
    await active(points_database, "streak", "week", WEEK)
    someone = await member(points_database)
    await happen(points_database, *came(someone, 0))
    await happen(points_database, *came(someone, 0), activity(someone, "again", at=day(0) + timedelta(hours=1)))
    assert await runs(points_database, someone) == [(1, 1)]


@pytest.mark.parametrize("order", [(8, 15), (15, 8)])
async def test_the_first_sign_in_of_a_day_counts_in_whatever_order_they_are_told(
    points_database: Database, order: tuple[int, int]
) -> None:
    await active(points_database, "streak", "week", WEEK)
    someone = await member(points_database)
    for hour in order:
        await happen(points_database, activity(someone, f"at-{hour}", at=day(0) + timedelta(hours=hour - 12)))
    assert await value(points_database, "SELECT occurred_at FROM streak_days") == day(0) - timedelta(hours=4)


async def test_late_sign_in_closes_the_gap_and_corrects_what_was_paid(points_database: Database) -> None:
    await active(points_database, "streak", "month", MONTH)
    someone = await member(points_database)
    await happen(points_database, *came(someone, 0, 1, 3, 4))
    assert await incentive_points(points_database, someone) == 0
    await happen(points_database, *came(someone, 2))
    assert await runs(points_database, someone) == [(1, 0), (2, 0), (3, 30), (4, 0), (5, 100)]
    assert await incentive_points(points_database, someone) == 130


async def test_a_day_that_is_worth_more_later_is_told_with_what_it_brings_then(points_database: Database) -> None:
    """Days 7 and 8 come before day 6: seven days in a row, then a new round: day 8 is worth less than thought."""
    await active(points_database, "streak", "week", WEEK)
    someone = await member(points_database)
    for event in came(someone, 0, 1, 2, 3, 4, 6, 7, 5):
        await happen(points_database, event)
    told = [json.loads(row.body) for row in await rows(points_database, f"{PAYLOADS} ORDER BY id")]
    reached = [one["points"] for one in told if "days" in one]
    earned = [one["points"] for one in told if one.get("reason") == "streak" and one["points"] > 0]
    assert reached == earned == [1, 2, 3, 4, 5, 1, 2, 6, 6]


async def test_correction_downwards_is_a_new_entry_and_what_was_spent_is_debt(points_database: Database) -> None:
    await active(points_database, "streak", "first", {"rewards": [{"day": 1, "points": 9}]})
    someone = await member(points_database)
    await happen(points_database, *came(someone, 1))
    await happen(points_database, *came(someone, 0))
    assert await incentive_points(points_database, someone) == 9
    told = [row.body for row in await rows(points_database, PAYLOADS)]
    assert any('"points": -9' in body and "streak:first" in body for body in told)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_final_state_does_not_depend_on_the_order_of_sign_ins(points_database: Database, data: Any) -> None:
    async with points_database.transaction() as tx:
        known = await tx.fetch_value("SELECT count(*) FROM incentives")
    if not known:
        await active(points_database, "streak", "week", WEEK)
        await active(points_database, "streak", "month", MONTH)
        await active(points_database, "badge", "faithful", {
            "measure": {"of": "streak", "what": "run", "streak": "month"},
            "levels": [{"threshold": 3, "name": {"zh": "三天"}, "points": 7}, {"threshold": 6, "name": {"zh": "六天"}}],
        })  # fmt: skip
    days = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=9, unique=True))
    other = data.draw(st.permutations(days))
    cuts = data.draw(st.sets(st.integers(0, 9)))
    ids = [await member(points_database), await member(points_database)]
    await happen(points_database, *came(ids[0], *days))
    batch: list[Any] = []
    for number, event in enumerate(came(ids[1], *other)):
        batch.append(event)
        if number in cuts:
            await happen(points_database, *batch)
            batch = []
    if batch:
        await happen(points_database, *batch)
    assert await runs(points_database, ids[0]) == await runs(points_database, ids[1])
    assert await balance(points_database, ids[0]) == await balance(points_database, ids[1])
    held = "SELECT level, held, points FROM member_badges WHERE member_id = :member ORDER BY level"
    assert [tuple(row) for row in await rows(points_database, held, member=ids[0])] == [
        tuple(row) for row in await rows(points_database, held, member=ids[1])
    ]


async def test_local_days_count_also_where_clocks_change(points_database: Database) -> None:
    await happen(points_database, programme(time_zone="Europe/Berlin"))
    await active(points_database, "streak", "month", MONTH)
    someone = await member(points_database)
    berlin = ZoneInfo("Europe/Berlin")
    nights = [datetime(2025, 3, number, 23, 30, tzinfo=berlin).astimezone(UTC) for number in (28, 29, 30)]
    nights.append(datetime(2025, 3, 31, 0, 30, tzinfo=berlin).astimezone(UTC))
    await happen(points_database, *(activity(someone, str(at), at=at) for at in nights))
    assert [run for run, _ in await runs(points_database, someone)] == [1, 2, 3, 4]


def recently(now: datetime, days_ago: int) -> datetime:
    """Noon of a local day."""
    return (now.astimezone(ZONE) - timedelta(days=days_ago)).replace(hour=12, minute=0).astimezone(UTC)


async def make_up(database: Database, member_id: UUID, plan: str, days_ago: int) -> Any:
    async with database.transaction() as tx:
        at = tx.now.astimezone(ZONE).date() - timedelta(days=days_ago)
        return await followers.make_up(tx, member_id, plan, at)


MAKE_UP = {**MONTH, "make_up": {"per_month": 2, "cost": 10, "days_back": 7}}


async def test_a_missed_day_is_made_up_for_points_and_closes_the_gap(points_database: Database) -> None:
    await active(points_database, "streak", "month", MAKE_UP)
    someone, now = await member(points_database), datetime.now(UTC)
    await happen(points_database, purchase(someone, "a", 100_00))
    await happen(points_database, *(activity(someone, str(n), at=recently(now, n)) for n in (3, 1)))
    day = await make_up(points_database, someone, "month", 2)
    assert (day.run, day.cost) == (2, 10)
    assert [run for run, _ in await runs(points_database, someone)] == [1, 2, 3]
    assert await balance(points_database, someone) == (100 - 10 + 30, 0)


async def test_when_the_member_was_there_after_all_the_cost_comes_back(points_database: Database) -> None:
    await active(points_database, "streak", "month", MAKE_UP)
    someone, now = await member(points_database), datetime.now(UTC)
    await happen(points_database, purchase(someone, "a", 100_00))
    await happen(points_database, activity(someone, "1", at=recently(now, 1)))
    await make_up(points_database, someone, "month", 2)
    assert await balance(points_database, someone) == (90, 0)
    await happen(points_database, activity(someone, "2", at=recently(now, 2)))
    assert await balance(points_database, someone) == (100, 0)
    assert [run for run, _ in await runs(points_database, someone)] == [1, 2]


async def test_make_ups_of_a_month_are_limited_and_say_when_there_are_more(points_database: Database) -> None:
    await active(points_database, "streak", "month", MAKE_UP)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    await make_up(points_database, someone, "month", 2)
    await make_up(points_database, someone, "month", 3)
    with pytest.raises(LimitReachedError) as refused:
        await make_up(points_database, someone, "month", 4)
    assert (refused.value.limit, refused.value.allowed) == ("make_ups_per_month", 2)
    assert refused.value.resets_at is not None
    resets_at = refused.value.resets_at.astimezone(ZoneInfo("Asia/Shanghai"))
    assert (resets_at.day, resets_at.hour) == (1, 0)


async def test_making_up_needs_the_points_and_a_day_that_was_missed(points_database: Database) -> None:
    await active(points_database, "streak", "month", MAKE_UP)
    someone = await member(points_database)
    with pytest.raises(InsufficientPointsError):
        await make_up(points_database, someone, "month", 2)
    with pytest.raises(MakeUpRefusedError, match="over"):
        await make_up(points_database, someone, "month", 0)
    assert await runs(points_database, someone) == []


async def test_signing_in_over_http_is_done_once_a_day(points_database: Database, operator: Client) -> None:
    await active(points_database, "streak", "week", WEEK)
    someone = await member(points_database)
    first = await operator.post(f"/v1/members/{someone}/sign-ins", json={})
    again = await operator.post(f"/v1/members/{someone}/sign-ins", json={"channel": "app"})
    assert (first.status_code, first.json()["new"], again.json()["new"]) == (200, True, False), first.text
    (streak,) = again.json()["streaks"]
    assert (streak["run"], streak["came_today"], streak["next_reward_day"]) == (1, True, 2)
    assert await balance(points_database, someone) == (1, 0)
    shown = (await operator.get(f"/v1/members/{someone}/streaks/week/calendar")).json()
    assert [one["state"] for one in shown["days"]].count("signed") == 1


async def test_refusals_over_http_name_the_rule_and_its_facts(points_database: Database, operator: Client) -> None:
    await active(points_database, "streak", "month", MAKE_UP)
    someone = await member(points_database)
    path = f"/v1/members/{someone}/streaks/month/make-ups"
    answer = await operator.post(path, json={"day": "2020-01-01"})
    assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (
        409,
        "make_up_refused",
        "too_long_ago",
    )
    yesterday = (datetime.now(UTC).astimezone(ZONE) - timedelta(days=1)).date().isoformat()
    answer = await operator.post(path, json={"day": yesterday})
    assert (answer.status_code, answer.json()["code"], answer.json()["need"]) == (409, "insufficient_points", 10)
    missing = await operator.post(f"/v1/members/{someone}/streaks/none/make-ups", json={"day": yesterday})
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_incentive")
