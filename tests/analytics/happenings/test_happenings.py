"""Coupons, rewards, incentives and rules: each event counts once, on its day, under the latest name."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from analytics.consumer import SUBSCRIPTIONS
from analytics.happenings.facts_of import ROWS
from common.events import Event, event_of
from common.events.coupons import CouponExpired, CouponIssued, CouponReturned, CouponUsed
from common.events.incentives import BadgeAwarded, DrawPlayed, DrawUndone, TaskCompleted, TaskRevoked
from common.events.registry import CONTRACTS, POINTS, SUBSCRIBERS
from common.events.returns import ReturnReferred, ReturnRefused
from common.events.rewards import RewardOrderChanged, RewardOrdered
from common.events.rules import BudgetExhausted, RulePublished
from common.storage import Database
from tests.analytics.builders import earned, hear, member, settings, value, words
from tests.contracts.examples import examples

RANGE = {"from": "2026-03-01", "to": "2026-03-31"}


def at(day: int, hour: int = 4) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def told(data: Any) -> Event[Any]:
    return event_of(data, source="//loyalty/points")


def coupon(contract: Any, day: int = 2, name: str = "满百减十", **more: Any) -> Event[Any]:
    fields = {"coupon_id": uuid4(), "template": "ten", "name": name, "member_id": member("lin")}
    return told(contract(**fields, occurred_at=at(day), **more))


def order(contract: Any, day: int = 3, **more: Any) -> Event[Any]:
    fields = {"reward_order_id": uuid4(), "member_id": member("lin"), "reward": "cup", "kind": "goods"}
    return told(contract(**fields, quantity=2, points=500, money=900, occurred_at=at(day), **more))


async def test_coupons_by_template_with_the_discount_they_gave(
    analytics_database: Database, analyst: httpx.AsyncClient
) -> None:
    used = coupon(CouponUsed, order_source="//shop", order_id="A-1", discount=1_000)
    await hear(analytics_database, coupon(CouponIssued), coupon(CouponIssued, 5, "满百减十（新）"), used)
    await hear(analytics_database, coupon(CouponReturned, order_source="//shop", order_id="A-1"), coupon(CouponExpired))
    assert words(await hear(analytics_database, used)) == [("duplicate", "")]
    body = (await analyst.get("/v1/coupons", params=RANGE)).json()
    (line,) = body["items"]
    assert (line["about"], line["key"], line["name"]) == ("coupon", "ten", "满百减十（新）")
    assert {kind: one["times"] for kind, one in line["happened"].items()} == {
        "issued": 2,
        "used": 1,
        "returned": 1,
        "expired": 1,
    }
    assert line["happened"]["used"]["money"] == 1_000
    assert body["total"] == line["happened"]
    assert "discount" in body["definition"]
    assert body["as_of"]


async def test_orders_of_rewards_and_what_became_of_them(
    analytics_database: Database, analyst: httpx.AsyncClient
) -> None:
    cancelled = order(RewardOrderChanged, state="cancelled", previous_state="ordered")
    sent = order(RewardOrderChanged, state="shipped", previous_state="accepted", tracking="SF24")
    right = order(RewardOrderChanged, state="shipped", previous_state="shipped", tracking="SF42")
    await hear(analytics_database, order(RewardOrdered), order(RewardOrdered), cancelled, sent, right)
    body = (await analyst.get("/v1/points/by-reward", params={**RANGE, "period": "week"})).json()
    (line,) = body["items"]
    assert line["happened"]["ordered"] == {"times": 2, "quantity": 4, "points": 1_000, "money": 1_800}
    assert line["happened"]["cancelled"]["times"] == 1
    assert (line["happened"]["shipped"]["times"], line["happened"]["corrected"]["times"]) == (1, 1)
    assert [one["happened"] is None for one in body["periods"]].count(False) >= 1


async def test_returns_that_were_set_aside_by_reason(analytics_database: Database, analyst: httpx.AsyncClient) -> None:
    facts: dict[str, Any] = {"source": "//shop", "order_source": "//shop", "order_id": "A-1", "currency": "CNY"}
    await hear(
        analytics_database,
        told(ReturnReferred(**facts, return_id="r1", amount=900, reason="shortfall", occurred_at=at(4))),
        told(ReturnRefused(**facts, return_id="r1", amount=900, reason="rejected", occurred_at=at(4))),
    )
    body = (await analyst.get("/v1/points/returns-set-aside", params=RANGE)).json()
    found = {(line["key"], kind): one["money"] for line in body["items"] for kind, one in line["happened"].items()}
    assert found == {("rejected", "refused"): 900, ("shortfall", "referred"): 900}


async def test_incentives_by_kind(analytics_database: Database, analyst: httpx.AsyncClient) -> None:
    common: dict[str, Any] = {"member_id": member("lin"), "key": "k", "occurred_at": at(4)}
    await hear(
        analytics_database,
        told(TaskCompleted(**common, points=20)),
        told(TaskRevoked(**common, completion="2026-03-01:1", points=20)),
        told(BadgeAwarded(**common)),
        told(DrawPlayed(**common, play_id=uuid4(), cost=50, prize="茶具")),
        told(DrawPlayed(**common, play_id=uuid4(), cost=50)),
        told(DrawUndone(**common, play_id=uuid4(), cost=50)),
    )
    body = (await analyst.get("/v1/incentives", params=RANGE)).json()
    found = {(one["about"], kind): tally for one in body["items"] for kind, tally in one["happened"].items()}
    assert {key: one["times"] for key, one in found.items()} == {
        ("task", "completed"): 1,
        ("task", "revoked"): 1,
        ("badge", "awarded"): 1,
        ("draw", "won"): 1,
        ("draw", "lost"): 1,
        ("draw", "undone"): 1,
    }
    assert (found["task", "completed"]["points"], found["draw", "lost"]["quantity"]) == (20, 50)


async def test_points_by_rule_carry_the_rules_name_and_its_exhausted_budget(
    analytics_database: Database, analyst: httpx.AsyncClient
) -> None:
    rule: dict[str, Any] = {"rule": "standard", "version": 1, "name": "每元一分"}
    await hear(
        analytics_database,
        earned("lin", 1, 60),
        told(RulePublished(**rule, effective_from=at(1))),
        told(BudgetExhausted(**rule, budget=60, occurred_at=at(2))),
    )
    body = (await analyst.get("/v1/points/by-rule", params=RANGE)).json()
    assert body["items"] == [
        {"rule": "standard", "version": 1, "name": "每元一分", "credits": 1, "points": 60, "budget_exhausted": 1}
    ]
    assert (body["points"], body["periods"][0]["span"]["from"]) == (60, "2026-03-01")


async def test_an_unfinished_period_is_null(analytics_database: Database, analyst: httpx.AsyncClient) -> None:
    for path in ("/v1/coupons", "/v1/points/by-reward", "/v1/incentives", "/v1/points/by-rule"):
        body = (await analyst.get(path, params={"from": "2026-03-02", "to": "2199-01-31", "period": "month"})).json()
        assert body.get("code") == "range_too_long" or body["periods"][0]["finished"], path
        part = (await analyst.get(path, params={"from": "2026-03-02", "to": "2026-03-31"})).json()
        assert [one.get("happened", one.get("points")) for one in part["periods"]] == [None], path


async def test_a_new_time_zone_moves_happenings_to_their_day(analytics_database: Database) -> None:
    from tests.analytics.calendar.test_rebuild import rebuild

    late = told(TaskCompleted(member_id=member("lin"), key="k", occurred_at=at(4, 20)))
    await hear(analytics_database, late)
    assert str(await value(analytics_database, "SELECT day FROM happenings")) == "2026-03-05"
    await hear(analytics_database, settings(1, time_zone="America/New_York"))
    await rebuild(analytics_database)
    assert str(await value(analytics_database, "SELECT day FROM happenings")) == "2026-03-04"


async def test_every_golden_example_of_points_is_heard(analytics_database: Database) -> None:
    assert {contract.TYPE for contract in POINTS} <= set(SUBSCRIBERS["analytics"])
    heard = {one.contract for one in SUBSCRIPTIONS}
    assert set(ROWS) <= heard
    for contract in POINTS:
        for number, data in enumerate(examples(contract.TYPE).values()):
            own = {"sequence": number + 1} if "sequence" in data else {}
            await hear(analytics_database, told(CONTRACTS[contract.TYPE].model_validate({**data, **own})))
    assert await value(analytics_database, "SELECT count(DISTINCT (about, kind)) FROM happenings") >= len(ROWS) - 1
