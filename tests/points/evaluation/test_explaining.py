"""Asking why over the API: a cart that might be, and a purchase that was."""

from typing import Any
from uuid import uuid4

import pytest

from common.events import event_of
from common.events.members import MemberMerged
from common.storage import Database
from tests.points.conftest import Client
from tests.points.world import SHOP, day, happen, member, programme, purchase, refund, rule, tiers, value

SIMULATE, EXPLAIN, RULES = "/v1/earning-rules/simulate", "/v1/purchases/explain", "/v1/earning-rules"
CART = {"kind": "purchase", "amount": 100_00}
DOUBLE = {"kind": "multiplier", "factor": "2"}


async def ask(operator: Client, occasion: dict[str, Any] | None = None, **body: Any) -> Any:
    body.setdefault("person", {})
    if body["person"] is None:
        del body["person"]
    answer = await operator.post(SIMULATE, json={"occasion": occasion or CART, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(answer: Any) -> dict[str, tuple[str, int]]:
    return {one["rule"]: (one["reason"], one["points"]) for one in answer["outcomes"]}


async def why(operator: Client, order: str) -> Any:
    answer = await operator.get(EXPLAIN, params={"source": SHOP, "order_id": order})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_cart_of_nobody_in_particular_is_explained_in_both_languages(
    points_database: Database, operator: Client
) -> None:
    await rule(points_database, "gold", DOUBLE, when={"kind": "tier", "one_of": ["gold"]})
    await rule(
        points_database, "login", {"kind": "fixed", "points": 5}, occasion={"kind": "activity", "activity": "sign_in"}
    )
    found = await ask(operator)
    assert told(found) == {"purchase_rate": ("rate", 100), "gold": ("tier", 0), "login": ("for_activity", 0)}
    texts = {one["rule"]: one["texts"] for one in found["outcomes"]}
    assert texts["purchase_rate"] == {
        "zh-CN": "按 100.00 每 1.00 得 1 分，贡献 100 分。",
        "en": "1 points per 1.00 on 100.00: 100 points.",
    }
    assert texts["gold"] == {"zh-CN": "会员等级为 base，需要 gold。", "en": "The tier is base, it needs gold."}
    golden = await ask(operator, person={"tier": "gold"})
    assert told(golden)["gold"] == ("multiplier", 100)
    assert [(one["wallet"], one["points"]) for one in golden["earned"]] == [("points", 200)]


async def test_cart_of_a_member_knows_the_tier_the_first_purchase_and_what_limits_leave(
    points_database: Database, operator: Client
) -> None:
    someone = await member(points_database)
    limits = [{"scope": "member", "period": "month", "unit": "points", "amount": 120}]
    await rule(points_database, "first", {"kind": "fixed", "points": 50}, when={"kind": "first_purchase"})
    await rule(points_database, "gold", DOUBLE, when={"kind": "tier", "one_of": ["gold"]}, limits=limits)
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    before = await ask(operator, person=None, member_id=str(someone), occurred_at=day(1).isoformat())
    assert told(before) == {"purchase_rate": ("rate", 100), "first": ("fixed", 50), "gold": ("multiplier", 100)}
    await happen(points_database, purchase(someone, "a", 100_00, at=day(1)))
    after = await ask(operator, person=None, member_id=str(someone), occurred_at=day(2).isoformat())
    assert told(after) == {
        "purchase_rate": ("rate", 100),
        "first": ("not_first_purchase", 0),
        "gold": ("multiplier_cut", 20),
    }
    (cut,) = [one for one in after["outcomes"] if one["rule"] == "gold"]
    assert (cut["facts"]["cut"], cut["facts"]["resets_on"]) == (80, "2025-04-01")
    await happen(points_database, purchase(someone, "b", 100_00, at=day(2)))
    empty = await ask(operator, person=None, member_id=str(someone), occurred_at=day(3).isoformat())
    assert told(empty)["gold"] == ("limit_reached", 0)
    assert await value(points_database, "SELECT count(*) FROM purchases") == 2
    unknown = await operator.post(SIMULATE, json={"occasion": CART, "member_id": str(uuid4())})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_member")


async def test_cart_of_a_member_who_was_merged_is_that_of_who_stayed(
    points_database: Database, operator: Client
) -> None:
    """As the purchase would be: one limit for one person."""
    stayed, gone = await member(points_database), await member(points_database)
    limits = [{"scope": "member", "period": "ever", "unit": "uses", "amount": 1}]
    await rule(points_database, "once", {"kind": "fixed", "points": 50}, limits=limits)
    merged = MemberMerged(merge_id=uuid4(), member_id=stayed, absorbed_member_id=gone, occurred_at=day(0))
    await happen(points_database, event_of(merged))
    await happen(points_database, purchase(stayed, "a", 100_00, at=day(1)))
    found = await ask(operator, person=None, member_id=str(gone), occurred_at=day(2).isoformat())
    assert told(found)["once"] == ("limit_reached", 0)


async def test_drafts_and_rules_under_trial_come_in_for_published_ones(
    points_database: Database, operator: Client
) -> None:
    more = {"names": {"en": "More"}, "effect": {"kind": "rate", "points": 3, "per_minor_units": 100}}
    assert (await operator.put(f"{RULES}/purchase_rate/draft", json=more)).status_code == 200
    assert told(await ask(operator)) == {"purchase_rate": ("rate", 100)}
    drafted = await ask(operator, drafts=["purchase_rate"])
    assert (told(drafted), drafted["published"]) == ({"purchase_rate": ("rate", 300)}, {"points": 100})
    double = {"rule": "double", "definition": {"names": {"en": "Double"}, "effect": DOUBLE}}
    assert told(await ask(operator, rules=[double])) == {"purchase_rate": ("rate", 100), "double": ("multiplier", 100)}
    assert told(await ask(operator, without=["purchase_rate"], rules=[double])) == {
        "double": ("multiplier_of_nothing", 0)
    }
    missing = await operator.post(SIMULATE, json={"occasion": CART, "person": {}, "drafts": ["nothing"]})
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_draft")
    twice = await operator.post(SIMULATE, json={"occasion": CART, "person": {}, "drafts": ["a", "a"]})
    assert twice.status_code == 422


async def test_activity_that_might_be_and_lines_of_a_cart(points_database: Database, operator: Client) -> None:
    await rule(
        points_database,
        "stars",
        {"kind": "fixed", "points": 5},
        occasion={"kind": "activity", "activity": "review"},
        when={"kind": "field", "name": "stars", "op": "at_least", "values": [4]},
    )
    act = {"kind": "activity", "activity": "review", "fields": {"stars": 3}}
    found = await ask(operator, act)
    assert told(found) == {"stars": ("field", 0), "purchase_rate": ("for_purchases", 0)}
    assert told(await ask(operator, {**act, "fields": {"stars": 5}}))["stars"] == ("fixed", 5)
    lines = [{"sku": "a", "amount": 30_00, "discount": 5_00}, {"sku": "b", "amount": 70_00}]
    cart = await ask(operator, {**CART, "discount": 12_00, "lines": lines})
    assert cart["basis"] == 88_00
    assert sum(cart["earned"][0]["by_line"]) == cart["earned"][0]["points"] == 88


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"person": None}, "body"),
        ({"member_id": "00000000-0000-0000-0000-000000000001"}, "body"),
        ({"occasion": {"kind": "purchase", "amount": 1, "discount": 2}}, "body.occasion.purchase"),
        ({"occasion": {"kind": "purchase", "amount": -1}}, "body.occasion.purchase.amount"),
        ({"person": {"birthday": {"month": 2, "day": 30}}}, "body.person.birthday"),
        ({"occurred_at": "now"}, "body.occurred_at"),
    ],
)
async def test_bad_question_is_refused_naming_the_field(operator: Client, change: dict[str, Any], field: str) -> None:
    answer = await operator.post(SIMULATE, json={"occasion": CART, "person": {}, **change})
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


async def test_purchase_is_explained_by_the_rules_and_facts_of_its_time(
    points_database: Database, operator: Client
) -> None:
    await happen(points_database, programme(rounding="half_up"))
    someone = await member(points_database)
    await rule(
        points_database, "silver", {"kind": "multiplier", "factor": "1.5"}, when={"kind": "tier", "one_of": ["silver"]}
    )
    await happen(points_database, tiers(someone, 1, ("silver", day(0))))
    await happen(points_database, purchase(someone, "a", 33_00, at=day(1)))
    await happen(points_database, programme(2, rounding="floor"))
    await rule(points_database, "purchase_rate", {"kind": "rate", "points": 9, "per_minor_units": 100})
    await rule(points_database, "later", {"kind": "fixed", "points": 9})
    found = await why(operator, "a")
    assert told(found) == {"purchase_rate": ("rate", 33), "silver": ("multiplier", 17), "later": ("published_later", 0)}
    assert found["agrees"]
    assert found["credited"] == [{"wallet": "points", "earned": 50, "taken_back": 0}]
    await happen(points_database, refund("a", "r", 33_00, at=day(3)))
    again = await why(operator, "a")
    assert (again["agrees"], again["credited"][0]["taken_back"]) == (True, 50)


async def test_purchase_that_met_limits_is_explained_as_it_was(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    limits = [{"scope": "budget", "unit": "points", "amount": 130}]
    await rule(points_database, "extra", {"kind": "fixed", "points": 100}, limits=limits)
    await happen(points_database, *(purchase(someone, key, 10_00, at=day(number)) for number, key in enumerate("abc")))
    reasons = [told(await why(operator, key))["extra"] for key in "abc"]
    assert reasons == [("fixed", 100), ("fixed_cut", 30), ("limit_reached", 0)]
    assert all([(await why(operator, key))["agrees"] for key in "abc"])


async def test_which_of_several_limits_shut_a_rule_out_of_a_purchase_is_not_claimed(
    points_database: Database, operator: Client
) -> None:
    """It was the year's: the first that is named, the month's, had room again."""
    someone = await member(points_database)
    month = {"scope": "member", "period": "month", "unit": "points", "amount": 500}
    year = {"scope": "member", "period": "year", "unit": "uses", "amount": 1}
    order = {"scope": "order", "unit": "points", "amount": 90}
    await rule(points_database, "extra", {"kind": "fixed", "points": 50}, limits=[order, month, year])
    await happen(points_database, purchase(someone, "a", 10_00, at=day(0)), purchase(someone, "b", 10_00, at=day(40)))
    (extra,) = [one for one in (await why(operator, "b"))["outcomes"] if one["rule"] == "extra"]
    assert (extra["reason"], extra["points"]) == ("one_limit_reached", 0)
    assert extra["facts"] == {"limits": ["member:month:points", "member:year:uses"]}
    assert "每会员每月上限 500 分" in extra["texts"]["zh-CN"]
    assert "每会员每年上限 1 次" in extra["texts"]["zh-CN"]
    assert "500 points per member a month" in extra["texts"]["en"]
    assert "1 uses per member a year" in extra["texts"]["en"]


async def test_purchase_that_nobody_knows_cannot_be_explained(operator: Client) -> None:
    answer = await operator.get(EXPLAIN, params={"source": SHOP, "order_id": "none"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_purchase")
