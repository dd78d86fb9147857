"""Claiming over HTTP, and how tasks are defined."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from common.storage import Database
from tests.points.conftest import Client
from tests.points.incentives.world import active, incentive_points, task
from tests.points.world import day, happen, member, purchase, rows, value


async def test_reward_to_be_claimed_waits_for_the_click_and_is_given_once(
    points_database: Database, operator: Client
) -> None:
    await active(points_database, "task", "two", task(claim="click"), since=datetime.now(UTC).replace(year=2024, day=1))
    someone, path = await member(points_database), "/v1/members/{}/tasks/two/claims"
    now = datetime.now(UTC)
    await happen(points_database, purchase(someone, "a", 1_00, at=now))
    early = await operator.post(path.format(someone), json={})
    assert (early.status_code, early.json()["code"], early.json()["missing"]) == (409, "task_not_completed", [1])
    (shown,) = (await operator.get(f"/v1/members/{someone}/tasks")).json()["tasks"]
    assert (shown["state"], shown["goals"][0]["texts"]["en"]) == ("open", "1 more purchases")
    await happen(points_database, purchase(someone, "b", 1_00, at=now))
    (shown,) = (await operator.get(f"/v1/members/{someone}/tasks")).json()["tasks"]
    assert (shown["state"], shown["claimable"]) == ("completed", True)
    assert await incentive_points(points_database, someone) == 0
    claimed = await operator.post(path.format(someone), json={})
    assert (claimed.status_code, claimed.json()["state"], claimed.json()["points"]) == (200, "rewarded", 50)
    again = await operator.post(path.format(someone), json={})
    assert (again.status_code, again.json()["code"]) == (409, "already_claimed")
    assert await incentive_points(points_database, someone) == 50
    assert len((await operator.get(f"/v1/members/{someone}/task-completions")).json()["items"]) == 1
    assert (await operator.post(path.format(uuid4()), json={})).status_code == 404


async def test_claims_close_some_days_after_the_window(points_database: Database, operator: Client) -> None:
    await active(points_database, "task", "daily", task(claim="click", window="daily", claim_days=1))
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 1_00), purchase(someone, "b", 1_00))
    answer = await operator.post(f"/v1/members/{someone}/tasks/daily/claims", json={"day": day(0).date().isoformat()})
    assert (answer.status_code, answer.json()["code"]) == (409, "claim_closed")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("window", ["once", "daily", "weekly", "monthly"])
async def test_claim_for_an_absurd_day_finds_nothing(
    points_database: Database, operator: Client, window: str, day: str
) -> None:
    await active(points_database, "task", "two", task(window=window, claim="click", claim_days=5))
    someone = await member(points_database)
    answer = await operator.post(f"/v1/members/{someone}/tasks/two/claims", json={"day": day})
    assert (answer.status_code, answer.json()["code"]) == (409, "task_not_completed")


async def test_definitions_are_drafted_changed_activated_and_ended(points_database: Database, operator: Client) -> None:
    path = "/v1/incentives/task/two"
    body = {"kind": "task", "name": {"zh": "两单"}, **task()}
    assert (await operator.post(path, json=body)).status_code == 201
    assert (await operator.post(path, json=body)).json()["code"] == "incentive_exists"
    changed = await operator.put(path, json={**body, "window": "daily"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["revision"]) == (200, 2)
    assert (await operator.put(path, json=body, headers={"If-Match": '"1"'})).status_code == 412
    assert (await operator.post(f"{path}/end")).json()["code"] == "wrong_state"
    assert (await operator.post(f"{path}/activate")).json()["state"] == "active"
    refused = await operator.put(path, json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    words = await operator.put(path, json={**body, "window": "daily", "name": {"zh": "两单有礼"}})
    assert words.json()["definition"]["name"]["zh"] == "两单有礼"
    assert (await operator.post(f"{path}/end")).json()["state"] == "ended"
    assert [one["key"] for one in (await operator.get("/v1/incentives?state=ended")).json()["items"]] == ["two"]
    actions = [row.action for row in await rows(points_database, "SELECT action FROM audit_log ORDER BY id")]
    assert actions == ["task.drafted", "task.changed", "task.activated", "task.changed", "task.ended"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"goals": []}, "goals"),
        ({"window": "campaign"}, "first_day"),
        ({"goals": [{"measure": {"of": "activities"}, "target": 1}]}, "activity"),
        ({"goals": [{"measure": {"of": "purchases", "what": "sum"}, "target": 1}]}, "counted"),
        ({"reward": {"points": -1}}, "points"),
        ({"unknown": 1}, "unknown"),
    ],
)
async def test_bad_definitions_are_refused_naming_what_is_wrong(
    operator: Client, points_database: Database, change: dict[str, Any], words: str
) -> None:
    answer = await operator.post(
        "/v1/incentives/task/bad", json={"kind": "task", "name": {"en": "x"}, **task(), **change}
    )
    assert answer.status_code == 422
    assert words in str(answer.json()["errors"])
    assert await value(points_database, "SELECT count(*) FROM incentives") == 0


async def test_a_task_needs_the_badge_it_gives(points_database: Database, operator: Client) -> None:
    body = {"kind": "task", "name": {"en": "x"}, **task(reward={"badge": "hero"})}
    await operator.post("/v1/incentives/task/brave", json=body)
    answer = await operator.post("/v1/incentives/task/brave/activate")
    assert (answer.status_code, answer.json()["missing"]) == (409, "badge hero")


REWARDED = {"rewards": [{"day": 1, "points": 5}]}
SPUN: dict[str, Any] = {
    "total": 1,
    "fallback": "none",
    "prizes": [{"key": "none", "name": {"en": "-"}, "kind": "nothing", "weight": 1}],
}
COUPON = {"key": "c", "name": {"en": "c"}, "kind": "coupon", "coupon": "none-such", "weight": 0}


@pytest.mark.parametrize(
    ("kind", "form", "missing"),
    [
        ("streak", {**REWARDED, "wallet": "typo"}, "wallet typo"),
        ("streak", {**REWARDED, "wallet": "growth", "make_up": {"per_month": 1, "cost": 1}}, "spendable wallet growth"),
        ("task", task(reward={"points": 1, "wallet": "typo"}), "wallet typo"),
        ("task", task(reward={"coupon": "none-such"}), "coupon template none-such"),
        ("task", task(reward={"badge": "counting"}), "badge counting"),
        ("badge", {"levels": [{"threshold": 1, "name": {"en": "x"}}], "wallet": "typo"}, "wallet typo"),
        ("draw", {**SPUN, "wallet": "growth", "cost": 5}, "spendable wallet growth"),
        ("draw", {**SPUN, "prizes": [*SPUN["prizes"], COUPON]}, "coupon template none-such"),
    ],
)
async def test_what_a_definition_names_must_be_there_before_it_is_active(
    points_database: Database, operator: Client, kind: str, form: dict[str, Any], missing: str
) -> None:
    badge = {"measure": {"of": "purchases"}, "levels": [{"threshold": 1, "name": {"en": "x"}}]}
    await active(points_database, "badge", "counting", badge)
    await operator.post(f"/v1/incentives/{kind}/new", json={"kind": kind, "name": {"en": "x"}, **form})
    answer = await operator.post(f"/v1/incentives/{kind}/new/activate")
    assert (answer.status_code, answer.json()["code"]) == (409, "reference_missing"), answer.text
    assert answer.json()["missing"] == missing


async def test_of_many_clicks_at_once_one_is_rewarded(points_database: Database, operator: Client) -> None:
    await active(points_database, "task", "two", task(claim="click"))
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 1_00), purchase(someone, "b", 1_00))
    path = f"/v1/members/{someone}/tasks/two/claims"
    answers = await asyncio.gather(*(operator.post(path, json={}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert await incentive_points(points_database, someone) == 50
