"""Tasks follow purchases, activities and returns: on a real database."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.events import event_of
from common.events.segments import SegmentEntered
from common.storage import Database
from tests.points.conftest import Client
from tests.points.coupons import world as coupons
from tests.points.incentives.world import active, activity, incentive_points, task
from tests.points.world import PAYLOADS, balance, day, happen, member, purchase, refund, rows, tiers, value

AMOUNT = {"of": "purchases", "what": "amount"}


async def test_a_task_is_rewarded_when_its_last_goal_is_reached(points_database: Database) -> None:
    await active(points_database, "task", "two", task())
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00))
    assert await incentive_points(points_database, someone) == 0
    await happen(points_database, purchase(someone, "b", 10_00), purchase(someone, "c", 10_00))
    assert await incentive_points(points_database, someone) == 50
    told = [row.body for row in await rows(points_database, PAYLOADS)]
    assert any('"points.earned' not in body and '"times": 1' in body for body in told)
    assert any('"reason": "task"' in body and '"points": 50' in body for body in told)


async def test_returned_purchase_takes_progress_and_reward_back_and_another_brings_it_again(
    points_database: Database,
) -> None:
    await active(points_database, "task", "two", task())
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00), purchase(someone, "b", 10_00))
    await happen(points_database, refund("a", "r1", 4_00))
    assert await incentive_points(points_database, someone) == 50
    await happen(points_database, refund("a", "r2", 6_00))
    assert await incentive_points(points_database, someone) == 0
    assert await balance(points_database, someone) == (10, 0)
    await happen(points_database, purchase(someone, "c", 10_00))
    assert await incentive_points(points_database, someone) == 50
    (row,) = await rows(points_database, "SELECT state, rewards FROM task_completions")
    assert (row.state, row.rewards) == ("rewarded", 2)
    sql = "SELECT routing_key, body ->> 'completion' AS completion FROM (SELECT routing_key, id, (CAST(convert_from("
    sql += "body, 'UTF8') AS jsonb) -> 'data') AS body FROM outbox WHERE routing_key LIKE 'task.%') AS told ORDER BY id"
    first, undone, second = await rows(points_database, sql)
    assert [one.routing_key for one in (first, undone, second)] == [
        "task.completed.v1",
        "task.revoked.v1",
        "task.completed.v1",
    ]
    assert first.completion == undone.completion != second.completion


async def test_amounts_follow_a_return_in_part(points_database: Database) -> None:
    await active(
        points_database, "task", "spend", task(goals=[{"measure": AMOUNT, "target": 100_00}], on_return="take_back")
    )
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    assert await incentive_points(points_database, someone) == 50
    await happen(points_database, refund("a", "r", 1))
    assert await incentive_points(points_database, someone) == 0


async def test_a_task_that_keeps_its_reward_lets_it_be(points_database: Database) -> None:
    await active(points_database, "task", "two", task(on_return="keep"))
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00), purchase(someone, "b", 10_00))
    await happen(points_database, refund("a", "r", 10_00))
    assert await incentive_points(points_database, someone) == 50


async def test_different_products_and_activities_are_goals_of_one_task(points_database: Database) -> None:
    goals = [
        {"measure": {"of": "purchases", "what": "distinct_products"}, "target": 3},
        {"measure": {"of": "activities", "activity": "review_written", "fields": {"photo": True}}, "target": 1},
    ]
    await active(points_database, "task", "taster", task(goals=goals))
    someone = await member(points_database)

    def lines(*skus: str) -> list[dict[str, Any]]:
        return [{"sku": sku, "amount": 1_00} for sku in skus]

    await happen(points_database, purchase(someone, "a", 2_00, lines=lines("x", "y")))
    await happen(points_database, activity(someone, "r1", "review_written", fields={"photo": False}))
    await happen(points_database, activity(someone, "r2", "review_written", fields={"photo": True}))
    await happen(points_database, purchase(someone, "b", 2_00, lines=lines("x", "y")))
    assert await incentive_points(points_database, someone) == 0
    await happen(points_database, purchase(someone, "c", 1_00, lines=lines("z")))
    assert await incentive_points(points_database, someone) == 50


async def test_windows_are_of_the_day_it_occurred_however_late_it_is_told(points_database: Database) -> None:
    await active(points_database, "task", "weekly", task(window="weekly"))
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 1_00, at=day(0)), purchase(someone, "b", 1_00, at=day(7)))
    assert await incentive_points(points_database, someone) == 0
    await happen(points_database, purchase(someone, "late", 1_00, at=day(6)))
    found = await rows(points_database, "SELECT window_start FROM task_completions")
    assert [row.window_start.isoformat() for row in found] == ["2025-03-10"]


async def test_what_occurred_before_it_was_active_does_not_count(points_database: Database) -> None:
    await active(points_database, "task", "two", task(), since=day(1))
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 1_00, at=day(0)), purchase(someone, "b", 1_00, at=day(1)))
    assert await incentive_points(points_database, someone) == 0


async def test_audience_is_asked_about_the_time_the_goal_was_reached(points_database: Database) -> None:
    await active(points_database, "task", "gold", task(audience={"tiers": ["gold"]}))
    someone, other = await member(points_database), await member(points_database)
    await happen(points_database, tiers(someone, 1, ("gold", day(0))), tiers(other, 1, ("gold", day(5))))
    for who in (someone, other):
        await happen(points_database, *(purchase(who, f"{who}-{n}", 1_00, at=day(n)) for n in (1, 2)))
    assert await incentive_points(points_database, someone) == 50
    assert await incentive_points(points_database, other) == 0


async def test_late_word_on_a_tier_gives_the_task_and_another_takes_it_back(points_database: Database) -> None:
    await active(points_database, "task", "gold", task(audience={"tiers": ["gold"]}))
    someone = await member(points_database)
    await happen(points_database, *(purchase(someone, f"o-{n}", 1_00) for n in (1, 2)))
    assert await incentive_points(points_database, someone) == 0
    await happen(points_database, tiers(someone, 1, ("gold", day(-1))))
    assert await incentive_points(points_database, someone) == 50
    await happen(points_database, tiers(someone, 2, ("gold", day(1))))
    assert await incentive_points(points_database, someone) == 0
    assert await balance(points_database, someone) == (2, 0)


async def test_late_word_on_a_segment_gives_the_task(points_database: Database) -> None:
    await active(points_database, "task", "vip", task(audience={"segments": ["vip"]}))
    someone = await member(points_database)
    await happen(points_database, *(purchase(someone, f"o-{n}", 1_00) for n in (1, 2)))
    entered = SegmentEntered(member_id=someone, segment="vip", revision=1, occurred_at=day(-1))
    await happen(points_database, event_of(entered))
    assert await incentive_points(points_database, someone) == 50


async def test_batch_of_many_members_is_one_story(points_database: Database) -> None:
    await active(points_database, "task", "two", task())
    people = [await member(points_database) for _ in range(20)]
    await happen(points_database, *(purchase(who, f"{who}-{n}", 1_00) for n in range(3) for who in people))
    assert [await incentive_points(points_database, who) for who in people] == [50] * 20


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_final_state_does_not_depend_on_the_order_of_purchases_and_returns(
    points_database: Database, data: Any
) -> None:
    async with points_database.transaction() as tx:
        known = await tx.fetch_value("SELECT count(*) FROM incentives")
    if not known:
        await active(points_database, "task", "two", task(window="weekly"))
        await active(points_database, "task", "spend", task(goals=[{"measure": AMOUNT, "target": 30_00}]))
        await active(points_database, "badge", "buyer", {
            "measure": {"of": "purchases", "what": "amount"},
            "levels": [{"threshold": 10_00, "name": {"zh": "铜"}, "points": 3},
                       {"threshold": 25_00, "name": {"zh": "银"}, "points": 5}],
        })  # fmt: skip
    orders = data.draw(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20_00)), min_size=1, max_size=6))
    backs = [data.draw(st.sampled_from([0, 0, amount // 2, amount])) for _, amount in orders]
    results = []
    for turn in range(2):
        who, run = await member(points_database), uuid4().hex
        events = [purchase(who, f"{run}-{n}", amount, at=day(at)) for n, (at, amount) in enumerate(orders)]
        events += [refund(f"{run}-{n}", f"{run}-{n}", back, at=day(21)) for n, back in enumerate(backs) if back > 0]
        if turn:
            events = data.draw(st.permutations(events))
        cut = data.draw(st.integers(0, len(events)))
        for part in (events[:cut], events[cut:], events[:1]):
            if part:
                await happen(points_database, *part)
        completions = await rows(
            points_database,
            """SELECT task, window_start FROM task_completions WHERE member_id = :who AND state = 'rewarded'
            ORDER BY task, window_start""",
            who=who,
        )
        badges = await rows(
            points_database, "SELECT level FROM member_badges WHERE member_id = :who AND held ORDER BY level", who=who
        )
        results.append((
            await balance(points_database, who), await incentive_points(points_database, who),
            [tuple(row) for row in completions], [row.level for row in badges],
        ))  # fmt: skip
    assert results[0] == results[1]


async def test_nothing_active_costs_one_query(points_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from points.cascade.domain import Bought
    from points.incentives import followers
    from points.ledger import handlers as ledger

    someone = await member(points_database)
    async with points_database.transaction() as tx:
        wallets = await ledger.lock(tx, [someone])
        asked: list[str] = []
        fetch = tx.fetch_all

        def count(_self: object, sql: str, params: Any = None) -> Any:
            asked.append(sql)
            return fetch(sql, params)

        monkeypatch.setattr(type(tx), "fetch_all", count)
        one = Bought(member_id=someone, source="s", order_id="o", occurred_at=day(0), basis=1)
        await followers.purchases_taken(tx, wallets, [one] * 100)
    assert len(asked) == 1


async def test_coupon_of_a_task_is_issued_once_and_taken_back_unless_it_was_used(points_database: Database) -> None:
    await coupons.template(points_database, "ten")
    await active(points_database, "task", "two", task(reward={"coupon": "ten"}))
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00), purchase(someone, "b", 10_00))
    (coupon,) = await rows(points_database, "SELECT state FROM coupons WHERE member_id = :who", who=someone)
    assert coupon.state == "active"
    await happen(points_database, refund("a", "r", 10_00))
    (coupon,) = await rows(points_database, "SELECT state FROM coupons WHERE member_id = :who", who=someone)
    assert coupon.state == "revoked"
    await happen(points_database, purchase(someone, "c", 10_00))
    found = await rows(points_database, "SELECT state FROM coupons WHERE member_id = :who ORDER BY state", who=someone)
    assert [row.state for row in found] == ["active", "revoked"]
    assert await value(points_database, "SELECT coupon_id IS NOT NULL FROM task_completions")


async def test_coupon_that_cannot_be_issued_does_not_stop_the_rest(points_database: Database) -> None:
    await coupons.template(points_database, "ten")
    await active(points_database, "task", "two", task(reward={"points": 5, "coupon": "ten"}))
    await coupons.archived(points_database, "ten")
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00), purchase(someone, "b", 10_00))
    assert await incentive_points(points_database, someone) == 5
    assert await value(points_database, "SELECT state FROM task_completions") == "rewarded"


async def test_receipt_of_a_return_names_the_task_and_the_badge(points_database: Database, operator: Client) -> None:
    await active(points_database, "task", "two", task())
    await active(
        points_database,
        "badge",
        "buyer",
        {"measure": {"of": "purchases"}, "levels": [{"threshold": 2, "name": {"zh": "两单"}}]},
    )
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00), purchase(someone, "b", 10_00))
    await happen(points_database, refund("a", "r", 10_00))
    found = await rows(points_database, "SELECT subject, what, before, after FROM return_effects ORDER BY subject")
    told = [(row.subject, row.after) for row in found if row.subject in ("badge", "task")]
    assert told == [("badge", "revoked"), ("task", "taken back")]


async def test_segments_are_an_audience_too(points_database: Database) -> None:
    await active(points_database, "task", "vip", task(audience={"segments": ["vip"]}))
    someone, other = await member(points_database), await member(points_database)
    entered = SegmentEntered(member_id=someone, segment="vip", revision=1, occurred_at=day(-1))
    await happen(points_database, event_of(entered))
    for who in (someone, other):
        await happen(points_database, *(purchase(who, f"{who}-{n}", 1_00) for n in (1, 2)))
    assert await incentive_points(points_database, someone) == 50
    assert await incentive_points(points_database, other) == 0
