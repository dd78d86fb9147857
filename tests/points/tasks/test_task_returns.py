"""What tasks gave goes back with returns: the right reward, from whoever has the points now, by the right return."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.events import Contract, Event, event_of
from common.events.members import MemberMerged
from common.storage import Database
from tests.points.conftest import Client
from tests.points.draws.world import NOTHING, play, rich, spin
from tests.points.incentives.world import APP, PURCHASES, active, activity, incentive_points, task
from tests.points.world import PAYLOADS, balance, happen, member, programme, purchase, refund, rows, value

LARGE = {**PURCHASES, "min_amount": 10_00}
SPENDING = spin({**NOTHING, "weight": 100}, cost=60)


def merged(stayed: UUID, gone: UUID) -> Event[Contract]:
    return event_of(
        MemberMerged(merge_id=uuid4(), member_id=stayed, absorbed_member_id=gone, occurred_at=datetime.now(UTC))
    )


@pytest.mark.parametrize("policy", ["allow_negative", "clamp", "within_balance"])
async def test_after_a_merge_the_survivor_gives_back_and_the_receipt_says_so(
    points_database: Database, policy: str
) -> None:
    await happen(points_database, programme(negative_policy=policy))
    await active(points_database, "task", "two", task())
    badge = {"measure": PURCHASES, "levels": [{"threshold": 2, "name": {"zh": "两单"}, "points": 7}]}
    await active(points_database, "badge", "buyer", badge)
    gone, stayed = await member(points_database), await member(points_database)
    await happen(points_database, purchase(gone, "a", 10_00), purchase(gone, "b", 10_00))
    await happen(points_database, merged(stayed, gone))
    assert await balance(points_database, stayed) == (77, 0)
    await happen(points_database, refund("a", "r", 10_00))
    assert await balance(points_database, stayed) == (10, 0)
    assert await balance(points_database, gone) == (0, 0)
    (taken,) = await rows(points_database, f"{PAYLOADS} WHERE routing_key = 'task.revoked.v1'")
    assert json.loads(taken.body)["member_id"] == str(gone)  # as it was completed
    assert json.loads(taken.body)["points"] == 50
    told = await rows(points_database, "SELECT subject, after FROM return_effects WHERE subject IN ('task', 'badge')")
    assert sorted(map(tuple, told)) == [("badge", "revoked"), ("task", "taken back")]


async def test_purchase_of_which_too_little_is_left_does_not_count_any_more(points_database: Database) -> None:
    await active(points_database, "task", "two", task(goals=[{"measure": LARGE, "target": 2}]))
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 15_00), purchase(someone, "b", 15_00))
    await happen(points_database, refund("a", "r-1", 5_00))
    assert await incentive_points(points_database, someone) == 50
    await happen(points_database, refund("a", "r-2", 1))
    assert await incentive_points(points_database, someone) == 0


@pytest.mark.parametrize(
    ("measure", "target"),
    [
        ({"what": "quantity"}, 5),
        ({"what": "quantity", "skus": ["tea"]}, 3),
        ({"what": "distinct_products"}, 2),
        ({"what": "count", "skus": ["tea"]}, 1),
        ({"what": "amount", "skus": ["tea"]}, 1),
    ],
)
async def test_pieces_that_came_back_do_not_count_any_more(
    points_database: Database, measure: dict[str, Any], target: int
) -> None:
    await active(points_database, "task", "tea", task(goals=[{"measure": {**PURCHASES, **measure}, "target": target}]))
    someone = await member(points_database)
    lines = [{"sku": "tea", "quantity": 3, "amount": 3_00}, {"sku": "cup", "quantity": 2, "amount": 2_00}]
    tea = [{"sku": "tea", "quantity": 3, "amount": 3_00}]
    back = refund("o", "r", 3_00, lines=tea)
    for told in ([purchase(someone, "o", 5_00, lines=lines)], [back], [back]):
        await happen(points_database, *told)
    assert await incentive_points(points_database, someone) == 0
    await happen(points_database, refund("early", "r-early", 3_00, lines=tea))
    await happen(points_database, purchase(someone, "early", 5_00, lines=lines))
    assert await incentive_points(points_database, someone) == 0


async def test_pieces_that_stayed_go_on_counting(points_database: Database) -> None:
    await active(
        points_database, "task", "tea", task(goals=[{"measure": {**PURCHASES, "what": "quantity"}, "target": 3}])
    )
    someone = await member(points_database)
    lines = [{"sku": "tea", "quantity": 3, "amount": 3_00}, {"sku": "cup", "quantity": 2, "amount": 2_00}]
    await happen(points_database, purchase(someone, "o", 5_00, lines=lines))
    await happen(points_database, refund("o", "r-1", 2_00, lines=[{"sku": "cup", "quantity": 2, "amount": 2_00}]))
    assert await incentive_points(points_database, someone) == 50
    await happen(points_database, refund("o", "r-2", 1_00, lines=[{"sku": "tea", "quantity": 1, "amount": 1_00}]))
    assert await incentive_points(points_database, someone) == 0


async def test_spent_reward_is_owed_where_returns_stay_within_the_balance(points_database: Database) -> None:
    """The purchase's return is decided by that policy; what follows it is not decided a second time."""
    await happen(points_database, programme(negative_policy="within_balance"))
    await active(points_database, "task", "large", task(goals=[{"measure": LARGE, "target": 1}]))
    await active(points_database, "draw", "spin", SPENDING)
    someone = await rich(points_database, 10)
    assert await balance(points_database, someone) == (60, 0)
    await play(points_database, someone)
    await happen(points_database, purchase(someone, "more", 9_00))
    await happen(points_database, refund(f"o-{someone}", "r", 1))
    assert await balance(points_database, someone) == (0, 41)


async def test_return_that_changed_the_task_is_named_among_others_of_its_batch(points_database: Database) -> None:
    await active(points_database, "task", "large", task(goals=[{"measure": LARGE, "target": 1}]))
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "small", 1_00), purchase(someone, "big", 10_00))
    await happen(points_database, refund("small", "r-1", 1_00), refund("big", "r-2", 10_00))
    assert await value(points_database, "SELECT return_id FROM return_effects WHERE subject = 'task'") == "r-2"


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0), (1, 0, 2)])
async def test_what_another_member_did_because_of_an_order_goes_with_it_in_any_order(
    points_database: Database, order: tuple[int, ...]
) -> None:
    goal = {"measure": {"of": "activities", "activity": "referred"}, "target": 1}
    await active(points_database, "task", "friend", task(goals=[goal]))
    buyer, other = await member(points_database), await member(points_database)
    told = [
        purchase(buyer, "o", 10_00, source=APP),
        activity(other, "x", "referred", order_id="o"),
        refund("o", "r", 10_00, source=APP),
    ]
    for at in order:
        await happen(points_database, told[at])
    assert await incentive_points(points_database, other) == 0
    assert await balance(points_database, other) == (0, 0)


async def test_survivor_of_a_merge_has_the_badges_and_completions_of_both(
    points_database: Database, operator: Client
) -> None:
    await active(points_database, "task", "two", task())
    badge = {"measure": PURCHASES, "levels": [{"threshold": 2, "name": {"zh": "两单"}}]}
    await active(points_database, "badge", "buyer", badge)
    gone, stayed = await member(points_database), await member(points_database)
    for who in (gone, stayed):
        await happen(points_database, *(purchase(who, f"{who}-{n}", 10_00) for n in (1, 2)))
    await happen(points_database, merged(stayed, gone))
    for path in ("task-completions", "badge-changes"):
        first = (await operator.get(f"/v1/members/{stayed}/{path}?limit=1")).json()
        rest = (await operator.get(f"/v1/members/{stayed}/{path}?limit=1&cursor={first['next']}")).json()
        assert (len(first["items"]), len(rest["items"]), rest["next"]) == (1, 1, None)
        assert (await operator.get(f"/v1/members/{uuid4()}/{path}")).status_code == 404
    await happen(points_database, refund(f"{stayed}-1", "r", 10_00))
    (held,) = (await operator.get(f"/v1/members/{stayed}/badges")).json()["badges"]
    assert held["level"] == 1
