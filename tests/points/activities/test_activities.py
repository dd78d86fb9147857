"""Activities earn, follow the order they name, and set free what waited for them."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from common.events import Contract, Event, event_of
from common.events.activities import ActivityCompleted
from common.events.members import MemberMerged
from common.events.points import PointsClawedBack, PointsEarned
from common.storage import Database
from points.returns import crossing as crossings
from tests.points.world import (
    NOON,
    PAYLOADS,
    SHOP,
    balance,
    day,
    deliver,
    happen,
    member,
    purchase,
    refund,
    registered,
    rows,
    rule,
    value,
    words,
)

SHARING = {"kind": "activity", "activity": "shared"}


def did(someone: UUID, activity_id: str, activity: str = "shared", **facts: Any) -> Event[Contract]:
    data = ActivityCompleted(
        activity_id=activity_id, member_id=someone, activity=activity, **{"occurred_at": NOON, **facts}
    )
    return event_of(data, source=SHOP)


async def test_activity_earns_by_its_rule_and_says_so(points_database: Database) -> None:
    await rule(points_database, "sharing", {"kind": "fixed", "points": 5}, occasion=SHARING)
    someone = await member(points_database)
    assert await happen(points_database, did(someone, "a1"), did(someone, "a2", "shouted")) == []
    assert await balance(points_database, someone) == (5, 0)
    (event,) = await rows(points_database, f"{PAYLOADS} WHERE routing_key = 'points.earned.v1'")
    told = PointsEarned.model_validate_json(event.body)
    assert (told.reason, told.rule, told.points, told.order_id) == ("activity", "sharing", 5, None)
    found = await rows(points_database, "SELECT activity_id, activity FROM activities ORDER BY 1")
    assert [tuple(row) for row in found] == [("a1", "shared"), ("a2", "shouted")]


async def test_fields_of_an_activity_decide(points_database: Database) -> None:
    long = {"kind": "field", "name": "stars", "op": "at_least", "values": [4]}
    await rule(points_database, "rated", {"kind": "fixed", "points": 9}, occasion=SHARING, when=long)
    someone = await member(points_database)
    await happen(points_database, did(someone, "a", fields={"stars": 3}), did(someone, "b", fields={"stars": 5}))
    assert await balance(points_database, someone) == (9, 0)


async def test_same_activity_again_is_a_duplicate_and_with_another_body_dead(points_database: Database) -> None:
    await rule(points_database, "sharing", {"kind": "fixed", "points": 5}, occasion=SHARING)
    someone = await member(points_database)
    other = did(someone, "a", fields={"where": "forum"})
    assert words(await happen(points_database, did(someone, "a"), did(someone, "a"), other)) == [
        ("duplicate", ""),
        ("dead", "activity_id_reused"),
    ]
    assert await balance(points_database, someone) == (5, 0)


async def test_unknown_member_is_retried_and_absurd_time_is_dead(points_database: Database) -> None:
    await rule(points_database, "sharing", {"kind": "fixed", "points": 5}, occasion=SHARING)
    stranger = uuid4()
    assert words(await happen(points_database, did(stranger, "a"))) == [("retry", "unknown_member")]
    await happen(points_database, registered(stranger))
    assert await happen(points_database, did(stranger, "a")) == []
    far = did(stranger, "b", occurred_at=NOON + timedelta(days=36_500))
    assert words(await happen(points_database, far)) == [("dead", "absurd_time")]
    assert await balance(points_database, stranger) == (5, 0)


async def test_activity_of_another_member_is_taken_back_when_its_order_came_back_wholly(
    points_database: Database,
) -> None:
    await rule(points_database, "friend", {"kind": "fixed", "points": 20}, occasion=SHARING)
    buyer, friend = await member(points_database), await member(points_database)
    await happen(points_database, purchase(buyer, "a", 100_00), did(friend, "r", order_id="a"))
    await happen(points_database, refund("a", "half", 50_00))
    assert await balance(points_database, friend) == (20, 0)
    await happen(points_database, refund("a", "rest", 50_00))
    assert (await balance(points_database, friend), await balance(points_database, buyer)) == ((0, 0), (0, 0))
    told = await rows(points_database, f"{PAYLOADS} WHERE routing_key = 'points.clawed_back.v1' ORDER BY id")
    reasons = [PointsClawedBack.model_validate_json(event.body).reason for event in told]
    assert sorted(reasons) == ["activity", "purchase", "purchase"]
    assert await value(points_database, "SELECT taken_back FROM activities") is True
    effects = await rows(
        points_database, "SELECT subject, before, after FROM return_effects WHERE member_id = :f", f=friend
    )
    assert [tuple(row) for row in effects] == [("activity", "20 points", "taken back"), ("wallet", "20", "0")]


async def test_receipt_of_a_return_that_waited_tells_what_it_took_of_another_member(points_database: Database) -> None:
    await rule(points_database, "friend", {"kind": "fixed", "points": 20}, occasion=SHARING)
    buyer, friend = await member(points_database), await member(points_database)
    await happen(points_database, refund("a", "r", 100_00))
    await happen(points_database, did(friend, "x", order_id="a"))
    await happen(points_database, purchase(buyer, "a", 100_00))
    assert await balance(points_database, friend) == (0, 0)
    effects = await rows(
        points_database, "SELECT subject, before, after FROM return_effects WHERE member_id = :f", f=friend
    )
    assert [tuple(row) for row in effects] == [("activity", "20 points", "taken back"), ("wallet", "20", "0")]


async def test_activity_that_comes_after_its_order_came_back_earns_nothing(points_database: Database) -> None:
    await rule(points_database, "friend", {"kind": "fixed", "points": 20}, occasion=SHARING)
    buyer, friend = await member(points_database), await member(points_database)
    await happen(points_database, purchase(buyer, "a", 100_00), refund("a", "r", 100_00))
    await happen(points_database, did(friend, "x", order_id="a"))
    assert await balance(points_database, friend) == (0, 0)


async def pending(database: Database, someone: UUID) -> int:
    found = await value(database, "SELECT pending FROM wallets WHERE member_id = :m AND wallet = 'points'", m=someone)
    return int(found)


async def test_points_wait_for_the_return_window_and_are_released_by_its_event(points_database: Database) -> None:
    waiting = {"kind": "event", "event": "return_window_closed"}
    await rule(points_database, "later", {"kind": "fixed", "points": 30}, waiting=waiting)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    assert (await balance(points_database, someone), await pending(points_database, someone)) == ((100, 0), 30)
    told = await rows(points_database, f"{PAYLOADS} WHERE routing_key = 'points.pending.v1'")
    assert len(told) == 1
    await happen(points_database, did(someone, "w", "something_else", order_id="a", occurred_at=day(1)))
    assert await pending(points_database, someone) == 30
    await happen(points_database, did(someone, "v", "return_window_closed", order_id="a", occurred_at=day(7)))
    assert (await balance(points_database, someone), await pending(points_database, someone)) == ((130, 0), 0)


async def test_event_that_came_before_its_purchase_sets_it_free_at_once(points_database: Database) -> None:
    waiting = {"kind": "event", "event": "return_window_closed"}
    await rule(points_database, "later", {"kind": "fixed", "points": 30}, waiting=waiting)
    someone = await member(points_database)
    await happen(points_database, did(someone, "v", "return_window_closed", order_id="a", occurred_at=day(7)))
    await happen(points_database, purchase(someone, "a", 100_00))
    assert (await balance(points_database, someone), await pending(points_database, someone)) == ((130, 0), 0)


async def test_event_sets_free_what_waits_for_it_and_nothing_that_waits_for_its_day(points_database: Database) -> None:
    await rule(points_database, "later", {"kind": "fixed", "points": 30}, waiting={"kind": "event"})
    await rule(points_database, "days", {"kind": "fixed", "points": 7}, waiting={"kind": "days", "days": 3_000})
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    await happen(points_database, did(someone, "v", "return_window_closed", order_id="a", occurred_at=day(7)))
    assert (await balance(points_database, someone), await pending(points_database, someone)) == ((130, 0), 7)


async def test_each_event_sets_free_what_waits_for_it_alone_with_a_return_and_a_merge_between(
    points_database: Database,
) -> None:
    for name, points, word in (("window", 30, "return_window_closed"), ("review", 20, "reviewed")):
        waiting = {"kind": "event", "event": word}
        await rule(points_database, name, {"kind": "fixed", "points": points}, waiting=waiting)
    someone, other = await member(points_database), await member(points_database)
    await happen(points_database, did(someone, "before", "reviewed", order_id="b"))
    await happen(points_database, purchase(someone, "a", 100_00), purchase(someone, "b", 100_00))
    assert (await balance(points_database, someone), await pending(points_database, someone)) == ((220, 0), 80)
    await happen(points_database, refund("a", "r", 10_00))
    assert (await balance(points_database, someone), await pending(points_database, someone)) == ((220, 0), 65)
    await happen(points_database, did(someone, "v", "reviewed", order_id="a", occurred_at=day(7)))
    assert (await balance(points_database, someone), await pending(points_database, someone)) == ((225, 0), 60)
    merged = MemberMerged(merge_id=uuid4(), member_id=other, absorbed_member_id=someone, occurred_at=day(8))
    await happen(points_database, event_of(merged, source=SHOP))
    await happen(points_database, did(other, "w", "return_window_closed", order_id="a", occurred_at=day(9)))
    assert (await balance(points_database, other), await pending(points_database, other)) == ((255, 0), 30)


async def test_event_that_crosses_its_purchase_sets_it_free(points_database: Database) -> None:
    """The event looked for the purchase before that was there, and then waited for the wallet until it was."""
    await rule(points_database, "later", {"kind": "fixed", "points": 30}, waiting={"kind": "event"})
    someone = await member(points_database)
    closed = did(someone, "v", "return_window_closed", order_id="a", occurred_at=day(7))
    async with points_database.transaction() as tx:
        await deliver(tx, [purchase(someone, "a", 100_00)])
        waiting = asyncio.create_task(happen(points_database, closed))
        while not await value(points_database, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
    assert await waiting == []
    assert (await balance(points_database, someone), await pending(points_database, someone)) == ((130, 0), 0)


async def crossing(database: Database, activity: Event[Contract], *others: Event[Contract]) -> None:
    """The activity and the others are written in transactions that do not see each other; then the job looks."""
    async with database.transaction() as tx:
        assert await deliver(tx, [activity]) == []
        assert await happen(database, *others) == []
    for _ in range(2):
        async with database.transaction() as tx:
            await crossings.settle(tx)
    assert await value(database, "SELECT count(*) FROM activities WHERE unmet") == 0


async def test_activity_that_crossed_its_order_is_taken_back_with_it_by_the_job(points_database: Database) -> None:
    limits = [{"scope": "member", "unit": "points", "amount": 500}]
    await rule(points_database, "friend", {"kind": "fixed", "points": 20}, occasion=SHARING, limits=limits)
    buyer, friend = await member(points_database), await member(points_database)
    await happen(points_database, refund("a", "r", 100_00))
    await crossing(points_database, did(friend, "x", order_id="a"), purchase(buyer, "a", 100_00))
    assert (await balance(points_database, friend), await balance(points_database, buyer)) == ((0, 0), (0, 0))
    assert await value(points_database, "SELECT points + uses FROM limit_usage") == 0
    effects = await rows(points_database, "SELECT before, after FROM return_effects WHERE subject = 'activity'")
    assert [tuple(row) for row in effects] == [("20 points", "taken back")]


async def test_event_that_crossed_its_order_sets_free_what_waits_by_the_job(points_database: Database) -> None:
    waiting = {"kind": "event", "event": "return_window_closed"}
    await rule(points_database, "later", {"kind": "fixed", "points": 30}, waiting=waiting)
    buyer, clerk = await member(points_database), await member(points_database)
    closed = did(clerk, "v", "return_window_closed", order_id="a", occurred_at=day(7))
    await crossing(points_database, closed, purchase(buyer, "a", 100_00))
    assert (await balance(points_database, buyer), await pending(points_database, buyer)) == ((130, 0), 0)


async def test_return_takes_what_waits_first(points_database: Database) -> None:
    await rule(points_database, "later", {"kind": "fixed", "points": 30}, waiting={"kind": "event"})
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00), refund("a", "r", 20_00))
    assert (await balance(points_database, someone), await pending(points_database, someone)) == ((100, 0), 4)


def body(someone: UUID, activity_id: str, **more: Any) -> dict[str, Any]:
    return {
        "source": SHOP,
        "activity_id": activity_id,
        "member_id": str(someone),
        "activity": "shared",
        "occurred_at": NOON.isoformat(),
        **more,
    }


async def test_activity_over_http_earns_once(points_database: Database, operator: httpx.AsyncClient) -> None:
    await rule(points_database, "sharing", {"kind": "fixed", "points": 5}, occasion=SHARING)
    someone = await member(points_database)
    for wanted in ("accepted", "duplicate"):
        answer = await operator.post("/v1/activities", json=body(someone, "a"))
        assert (answer.status_code, answer.json()["outcome"]) == (200, wanted)
    other = await operator.post("/v1/activities", json=body(someone, "a", fields={"x": 1}))
    assert (other.status_code, other.json()["code"], other.json()["reason"]) == (
        409,
        "activity_refused",
        "activity_id_reused",
    )
    stranger = await operator.post("/v1/activities", json=body(uuid4(), "b"))
    assert (stranger.status_code, stranger.json()["code"]) == (404, "unknown_member")
    (sender,) = (await operator.get("/v1/reports/duplicates")).json()["items"]
    assert (sender["type"], sender["duplicates"]) == ("activity.completed.v1", 1)
    assert await balance(points_database, someone) == (5, 0)


async def test_whole_number_written_with_a_point_is_that_number_and_no_yes(
    points_database: Database, operator: httpx.AsyncClient
) -> None:
    """What many languages send for 1."""
    one = {"kind": "field", "name": "stars", "op": "equals", "values": [1]}
    await rule(points_database, "rated", {"kind": "fixed", "points": 9}, occasion=SHARING, when=one)
    someone = await member(points_database)
    told = await operator.post("/v1/activities", json=body(someone, "a", fields={"stars": 1.0, "again": True}))
    assert told.status_code == 200, told.text
    assert await balance(points_database, someone) == (9, 0)
    (kept,) = (await operator.get("/v1/activities", params={"member_id": str(someone)})).json()["items"]
    assert json.dumps(kept["fields"]) == '{"again": true, "stars": 1}'


async def test_batch_takes_each_for_itself_and_the_list_tells_what_each_earned(
    points_database: Database, operator: httpx.AsyncClient
) -> None:
    await rule(points_database, "sharing", {"kind": "fixed", "points": 5}, occasion=SHARING)
    someone = await member(points_database)
    sent = [body(someone, "a"), {"activity_id": 7}, body(uuid4(), "b"), body(someone, "a")]
    sent.append(body(someone, "c", activity="sang", occurred_at=day(1).isoformat()))
    answer = await operator.post("/v1/activities/batch", json={"activities": sent})
    assert [(one["outcome"], one["reason"]) for one in answer.json()["items"]] == [
        ("accepted", None),
        ("refused", "invalid_request"),
        ("refused", "unknown_member"),
        ("duplicate", None),
        ("accepted", None),
    ]
    found = await operator.get("/v1/activities", params={"member_id": str(someone)})
    assert [(one["activity_id"], len(one["earned"])) for one in found.json()["items"]] == [("c", 0), ("a", 1)]
    only = await operator.get("/v1/activities", params={"member_id": str(someone), "activity": "shared"})
    assert [one["activity_id"] for one in only.json()["items"]] == ["a"]
