"""Undoing, handing over, and refusals of draws that name the rule."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from common.events import event_of
from common.events.incentives import DrawUndone
from common.events.members import MemberMerged
from common.security.callers import SYSTEM
from common.storage import Database
from points.draws import epochs
from tests.points.conftest import Client
from tests.points.coupons import world as coupons
from tests.points.draws.world import NOTHING, play, rich, spin, ten_points, undo
from tests.points.incentives.world import active, incentive_points
from tests.points.world import PAYLOADS, balance, happen, member, rows, tiers, value


async def test_undone_play_gives_the_cost_back_and_takes_the_prize(points_database: Database) -> None:
    await active(points_database, "draw", "spin", spin(ten_points(100, stock=1), {**NOTHING, "weight": 0}, cost=30))
    someone = await rich(points_database)
    played = await play(points_database, someone)
    undone = await undo(points_database, played.play_id)
    assert undone.undone_at is not None
    (told,) = await rows(points_database, f"{PAYLOADS} WHERE routing_key = 'draw.undone.v1'")
    assert (json.loads(told.body)["play_id"], json.loads(told.body)["cost"]) == (str(played.play_id), 30)
    event = DrawUndone.model_validate_json(told.body)
    assert (event.play_id, event.cost, event.points) == (played.play_id, 30, 10)
    assert await balance(points_database, someone) == (100, 0)
    assert await incentive_points(points_database, someone) == 0
    async with points_database.transaction() as tx:
        _, opened = await epochs.renew(tx, SYSTEM, "spin")
    assert await value(points_database, "SELECT stock FROM draw_stocks WHERE epoch = 2 AND prize = 'ten'") == 1
    assert opened.epoch == 2


async def test_free_play_that_is_undone_is_free_again(points_database: Database) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, cost=30, free_per_day=1))
    someone = await rich(points_database)
    free, paid = await play(points_database, someone), await play(points_database, someone)
    assert (free.cost, paid.cost) == (0, 30)
    await undo(points_database, free.play_id)
    assert [(await play(points_database, someone)).cost for _ in range(2)] == [0, 30]


async def test_play_stays_when_its_prize_was_used_or_it_was_undone_before(
    points_database: Database, operator: Client
) -> None:
    await active(points_database, "draw", "spin", spin(ten_points(100), {**NOTHING, "weight": 0}, cost=30))
    someone = await rich(points_database, 50)
    first, second = await play(points_database, someone), await play(points_database, someone)
    assert await balance(points_database, someone) == (10, 0)
    answer = await operator.post(f"/v1/draw-plays/{first.play_id}/undo", json={"reason": "told us"})
    assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (
        409,
        "play_not_undone",
        "prize_used",
    )
    assert (await operator.post(f"/v1/draw-plays/{second.play_id}/undo", json={"reason": "x"})).status_code == 200
    again = await operator.post(f"/v1/draw-plays/{second.play_id}/undo", json={"reason": "x"})
    assert again.json()["reason"] == "already_undone"
    assert (await operator.post(f"/v1/draw-plays/{uuid4()}/undo", json={"reason": "x"})).status_code == 404


async def test_goods_are_owed_until_they_are_handed_over(points_database: Database, operator: Client) -> None:
    mug = {"key": "mug", "name": {"en": "mug"}, "kind": "goods", "reward": "mug-2025", "weight": 100, "stock": 5}
    await active(points_database, "draw", "spin", spin(mug, {**NOTHING, "weight": 0}))
    someone = await member(points_database)
    played = (await operator.post(f"/v1/members/{someone}/draws/spin/plays", json={})).json()
    assert (played["reward"], played["owed"]) == ("mug-2025", True)
    second = (await operator.post(f"/v1/members/{someone}/draws/spin/plays", json={})).json()
    owed = (await operator.get("/v1/draw-plays/owed?limit=1")).json()
    assert [(one["play_id"], one["member_id"]) for one in owed["items"]] == [(played["play_id"], str(someone))]
    rest = (await operator.get(f"/v1/draw-plays/owed?limit=1&cursor={owed['next']}")).json()["items"]
    assert [one["play_id"] for one in rest] == [second["play_id"]]
    assert (await operator.get("/v1/draw-plays/owed?draw=other")).json()["items"] == []
    handed = await operator.post(f"/v1/draw-plays/{played['play_id']}/hand-over")
    assert (handed.status_code, handed.json()["owed"]) == (200, False)
    again = await operator.post(f"/v1/draw-plays/{played['play_id']}/hand-over")
    assert again.json()["code"] == "nothing_to_hand_over"
    undone = await operator.post(f"/v1/draw-plays/{played['play_id']}/undo", json={"reason": "x"})
    assert undone.json()["reason"] == "handed_over"
    listed = (await operator.get(f"/v1/members/{someone}/draw-plays?draw=spin")).json()["items"]
    assert [one["play_id"] for one in listed] == [second["play_id"], played["play_id"]]
    assert [one["play_id"] for one in (await operator.get("/v1/draw-plays/owed")).json()["items"]] == [
        second["play_id"]
    ]


async def test_coupon_that_cannot_be_issued_is_owed(points_database: Database, operator: Client) -> None:
    coupon = {"key": "c", "name": {"en": "c"}, "kind": "coupon", "coupon": "ten", "weight": 100}
    await coupons.template(points_database, "ten")
    await active(points_database, "draw", "spin", spin(coupon, {**NOTHING, "weight": 0}))
    await coupons.archived(points_database, "ten")
    someone = await member(points_database)
    answer = await operator.post(f"/v1/members/{someone}/draws/spin/plays", json={})
    assert (answer.status_code, answer.json()["owed"], answer.json()["coupon_id"]) == (201, True, None), answer.text
    stayed, path = await member(points_database), f"/v1/draw-plays/{answer.json()['play_id']}/hand-over"
    merged = MemberMerged(merge_id=uuid4(), member_id=stayed, absorbed_member_id=someone, occurred_at=datetime.now(UTC))
    await happen(points_database, event_of(merged))
    refused = await operator.post(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "template_not_active"), refused.text
    await value(points_database, "UPDATE coupon_templates SET state = 'active' RETURNING state")
    given = (await operator.post(path)).json()
    assert (given["owed"], given["coupon_id"]) != (True, None)
    whose = await value(points_database, "SELECT member_id FROM coupons WHERE coupon_id = :id", id=given["coupon_id"])
    assert whose == stayed


@pytest.mark.parametrize(
    ("facts", "code", "told"),
    [
        ({"opens_at": "2090-01-01T00:00:00Z"}, "draw_closed", {"reason": "not_yet"}),
        ({"closes_at": "2020-01-01T00:00:00Z"}, "draw_closed", {"reason": "over"}),
        ({"audience": {"tiers": ["gold"]}}, "not_in_audience", {"tier": "base", "tiers": ["gold"]}),
        ({"cost": 1}, "insufficient_points", {"need": 1, "balance": 0}),
    ],
)
async def test_refusals_name_the_rule_and_nothing_is_half_done(
    points_database: Database, operator: Client, facts: dict[str, Any], code: str, told: dict[str, Any]
) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, **facts))
    someone = await member(points_database)
    answer = await operator.post(f"/v1/members/{someone}/draws/spin/plays", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert {name: answer.json()[name] for name in told} == told
    assert await value(points_database, "SELECT plays FROM draw_epochs") == 0


async def test_draw_is_for_its_audience(points_database: Database, operator: Client) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, audience={"tiers": ["gold"]}))
    someone = await member(points_database)
    assert (await operator.get(f"/v1/members/{someone}/draws")).json()["draws"] == []
    await happen(points_database, tiers(someone, 1, ("gold", datetime(2025, 1, 1, tzinfo=UTC))))
    (shown,) = (await operator.get(f"/v1/members/{someone}/draws")).json()["draws"]
    assert (shown["open"], shown["next_cost"]) == (True, 0)
    assert (await operator.post(f"/v1/members/{someone}/draws/spin/plays", json={})).status_code == 201


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"total": 99}, "add up to 100, not to the total of 99"),
        ({"fallback": "none"}, "fallback"),
        ({"fallback": "ten"}, "fallback"),
        ({"prizes": [{**NOTHING, "weight": 50}, {**NOTHING, "weight": 50}]}, "same key"),
    ],
)
async def test_odds_that_do_not_add_up_are_refused(
    points_database: Database, operator: Client, change: dict[str, Any], words: str
) -> None:
    form = spin(ten_points(60, stock=1), {**NOTHING, "weight": 40})
    body = {"kind": "draw", "name": {"zh": "大转盘"}, **form, **change}
    answer = await operator.post("/v1/incentives/draw/spin", json=body)
    assert answer.status_code == 422
    assert words in str(answer.json()["errors"])


async def test_activating_a_draw_publishes_its_commitment_and_ending_it_the_seed(
    points_database: Database, operator: Client
) -> None:
    body = {"kind": "draw", "name": {"zh": "大转盘"}, **spin({**NOTHING, "weight": 100})}
    await operator.post("/v1/incentives/draw/spin", json=body)
    assert (await operator.get("/v1/draws/spin/epochs")).json()["items"] == []
    assert (await operator.post("/v1/incentives/draw/spin/activate")).status_code == 200
    (epoch,) = (await operator.get("/v1/draws/spin/epochs")).json()["items"]
    assert (epoch["seed"], epoch["epoch"]) == (None, 1)
    assert (await operator.post("/v1/incentives/draw/spin/end")).status_code == 200
    (epoch,) = (await operator.get("/v1/draws/spin/epochs")).json()["items"]
    assert len(epoch["seed"]) == 64
    someone = await member(points_database)
    answer = await operator.post(f"/v1/members/{someone}/draws/spin/plays", json={})
    assert answer.json()["reason"] == "not_active"
