"""A rule's life over the API: drafted, checked, published from an instant on, retired from an instant on."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from common.storage import Database
from tests.points.conftest import Client
from tests.points.world import PAYLOADS, day, happen, member, purchase, rows, value

RULES = "/v1/earning-rules"
RATE: dict[str, Any] = {
    "names": {"zh-CN": "茶类三倍", "en": "More for tea"},
    "effect": {"kind": "rate", "points": 3, "per_minor_units": 100},
    "when": {"kind": "products", "lines": {"categories": ["tea"]}},
}


async def draft(operator: Client, rule: str, **changes: Any) -> Any:
    answer = await operator.put(f"{RULES}/{rule}/draft", json={**RATE, **changes})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def publish(operator: Client, rule: str, **body: Any) -> Any:
    answer = await operator.post(f"{RULES}/{rule}/publish", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_new_programme_has_one_rule_one_point_per_unit_of_money(operator: Client) -> None:
    (rule,) = (await operator.get(RULES)).json()["items"]
    assert (rule["rule"], rule["state"], rule["version"], rule["draft_revision"]) == (
        "purchase_rate",
        "published",
        1,
        None,
    )
    effect = rule["definition"]["effect"]
    assert (effect["kind"], effect["points"], effect["per_minor_units"]) == ("rate", 1, 100)
    (version,) = (await operator.get(f"{RULES}/purchase_rate/versions")).json()["items"]
    assert version["published_by"] == "migrate"


async def test_draft_becomes_a_version_that_earns_from_its_time_on(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    plain = {"names": {"en": "Rate"}, "effect": {"kind": "rate", "points": 3, "per_minor_units": 200}}
    assert (await operator.put(f"{RULES}/purchase_rate/draft", json=plain)).json()["revision"] == 1
    version = await publish(operator, "purchase_rate", effective_from=day(0).isoformat())
    assert (version["version"], version["definition"]["effect"]["points"]) == (2, 3)
    await happen(
        points_database, purchase(someone, "before", 2_00, at=day(-1)), purchase(someone, "a", 2_00, at=day(0))
    )
    assert await value(points_database, "SELECT balance FROM wallets WHERE wallet = 'points'") == 2 + 3
    actions = [row.action for row in await rows(points_database, "SELECT action FROM audit_log ORDER BY id")]
    assert actions == ["earning_rule.drafted", "earning_rule.published"]
    told = await rows(points_database, f"{PAYLOADS} WHERE routing_key = 'rule.published.v1'")
    assert len(told) == 1
    assert '"version":2' in told[0].body.replace(" ", "")
    assert (await operator.get(f"{RULES}/purchase_rate/draft")).status_code == 404


async def test_draft_is_edited_by_who_has_seen_it(operator: Client) -> None:
    url = f"{RULES}/tea/draft"
    made = await operator.put(url, json=RATE, headers={"If-Match": '"0"'})
    assert (made.status_code, made.headers["ETag"]) == (200, '"1"')
    assert (await operator.put(url, json=RATE, headers={"If-Match": '"0"'})).status_code == 412
    assert (await operator.put(url, json=RATE, headers={"If-Match": '"1"'})).headers["ETag"] == '"2"'
    stale = await operator.post(f"{RULES}/tea/publish", json={}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["revision"]) == (412, 2)
    assert (await operator.delete(url, headers={"If-Match": '"1"'})).status_code == 412
    assert (await operator.delete(url, headers={"If-Match": '"2"'})).status_code == 204
    assert (await operator.delete(url)).json()["code"] == "unknown_draft"
    assert (await operator.get(f"{RULES}/tea")).json()["code"] == "unknown_rule"


async def test_what_was_published_stays_when_the_next_draft_changes(operator: Client) -> None:
    await draft(operator, "tea")
    first = await publish(operator, "tea")
    await draft(operator, "tea", names={"en": "Other"})
    assert (await operator.get(f"{RULES}/tea/versions/1")).json()["definition"] == first["definition"]
    summary = (await operator.get(f"{RULES}/tea")).json()
    assert (summary["state"], summary["version"], summary["draft_revision"]) == ("published", 1, 1)
    assert summary["definition"]["names"]["en"] == "More for tea"


async def test_retired_rule_pays_nothing_from_then_on_and_late_purchases_still_earn(
    points_database: Database, operator: Client
) -> None:
    someone = await member(points_database)
    answer = await operator.post(
        f"{RULES}/purchase_rate/retire", json={"retired_from": day(5).isoformat(), "reason": "over"}
    )
    assert (answer.status_code, answer.json()["state"]) == (200, "retired")
    await happen(points_database, purchase(someone, "late", 7_00, at=day(4)), purchase(someone, "b", 9_00, at=day(5)))
    assert await value(points_database, "SELECT sum(balance) FROM wallets WHERE wallet = 'points'") == 7
    again = await operator.post(f"{RULES}/purchase_rate/retire", json={"retired_from": day(6).isoformat()})
    assert (again.status_code, again.json()["code"], again.json()["rule"]) == (409, "rule_state", "purchase_rate")
    history = (await operator.get(f"{RULES}/purchase_rate/history")).json()["items"]
    assert [(one["action"], one["reason"]) for one in history] == [("retired", "over"), ("published", "")]
    assert len(await rows(points_database, f"{PAYLOADS} WHERE routing_key = 'rule.retired.v1'")) == 1


async def test_rule_that_is_published_again_lives_again(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    await operator.post(f"{RULES}/purchase_rate/retire", json={"retired_from": day(0).isoformat()})
    await draft(operator, "purchase_rate", when=None)
    await publish(operator, "purchase_rate", effective_from=day(10).isoformat())
    days = {"a": 5, "b": 15}
    await happen(points_database, *(purchase(someone, key, 1_00, at=day(number)) for key, number in days.items()))
    assert await value(points_database, "SELECT sum(balance) FROM wallets WHERE wallet = 'points'") == 3


async def test_draft_alone_cannot_be_retired(operator: Client) -> None:
    await draft(operator, "tea")
    answer = await operator.post(f"{RULES}/tea/retire", json={})
    assert (answer.status_code, answer.json()["state"]) == (409, "a draft")
    assert (await operator.post(f"{RULES}/nothing/retire", json={})).status_code == 404


async def test_versions_published_at_the_same_time_get_numbers_of_their_own(operator: Client) -> None:
    await draft(operator, "tea")
    answers = await asyncio.gather(*(operator.post(f"{RULES}/tea/publish", json={}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 404, 404, 404, 404]
    for number in range(5):
        await draft(operator, f"rule_{number}")
    answers = await asyncio.gather(*(operator.post(f"{RULES}/rule_{number}/publish", json={}) for number in range(5)))
    assert [answer.json()["version"] for answer in answers] == [1] * 5


async def test_same_idempotency_key_publishes_once(operator: Client) -> None:
    await draft(operator, "tea")
    key = {"Idempotency-Key": str(uuid4())}
    first, again = [await operator.post(f"{RULES}/tea/publish", json={}, headers=key) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, again.json())


async def test_rules_are_listed_by_filters_and_pages(operator: Client) -> None:
    for rule in ("a_tea", "b_tea", "c_tea"):
        await draft(operator, rule)
    await publish(operator, "a_tea")
    await draft(
        operator,
        "d_login",
        when=None,
        occasion={"kind": "activity", "activity": "sign_in"},
        effect={"kind": "fixed", "points": 5},
        wallet="growth",
    )

    async def keys(**params: Any) -> list[str]:
        return [one["rule"] for one in (await operator.get(RULES, params=params)).json()["items"]]

    assert await keys(state="draft") == ["b_tea", "c_tea", "d_login"]
    assert await keys(state="published") == ["a_tea", "purchase_rate"]
    assert await keys(has_draft="false") == ["a_tea", "purchase_rate"]
    assert await keys(wallet="growth") == await keys(occasion="activity") == await keys(effect="fixed") == ["d_login"]
    assert await keys(words="茶类") == ["a_tea", "b_tea", "c_tea", "d_login"]
    assert await keys(words="B_TEA") == ["b_tea"]
    first = (await operator.get(RULES, params={"limit": 2})).json()
    assert [one["rule"] for one in first["items"]] == ["a_tea", "b_tea"]
    assert await keys(limit=2, cursor=first["next"]) == ["c_tea", "d_login"]


async def test_unpublishable_rule_is_refused_naming_fields_and_reasons(operator: Client) -> None:
    wrong = {
        "occasion": {"kind": "activity", "activity": "sign_in"},
        "wallet": "gold_bars",
        "limits": [{"scope": "order", "period": "day", "unit": "points", "amount": 5}],
    }
    made = await draft(operator, "odd", **wrong)
    errors = {one["field"]: one["reason"] for one in made["check"]["errors"]}
    assert set(errors) == {"effect", "limits.0.period", "when", "wallet"}
    assert errors["wallet"] == "there is no wallet type gold_bars"
    answer = await operator.post(f"{RULES}/odd/publish", json={})
    assert (answer.status_code, answer.json()["code"]) == (422, "rule_invalid")
    assert "definition.effect" in [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
async def test_rule_cannot_begin_or_end_at_the_ends_of_time(operator: Client, instant: str) -> None:
    """They would be stored as infinities, and no purchase could be priced any more."""
    await draft(operator, "tea")
    published = await operator.post(f"{RULES}/tea/publish", json={"effective_from": instant})
    assert (published.status_code, published.json()["errors"][0]["field"]) == (422, "body.effective_from")
    retired = await operator.post(f"{RULES}/purchase_rate/retire", json={"retired_from": instant})
    assert (retired.status_code, retired.json()["errors"][0]["field"]) == (422, "body.retired_from")


async def test_coupon_rule_needs_a_template_that_is_issued(operator: Client) -> None:
    made = await draft(operator, "gift", effect={"kind": "coupon", "template": "nothing"})
    assert [one["field"] for one in made["check"]["errors"]] == ["effect.template"]


async def test_warnings_name_rules_that_pay_the_same(operator: Client) -> None:
    made = await draft(operator, "tea", effect={**RATE["effect"], "points": 0})
    warnings = {(one["field"], one["reason"]) for one in made["check"]["warnings"]}
    assert ("effect.points", "gives nothing") in warnings
    assert ("stacking", "purchase_rate version 1 pays for the same too: both count") in warnings
    checked = await operator.post(
        f"{RULES}/validate",
        json={"rule": "tea", "definition": {**RATE, "when": {"kind": "tier", "one_of": ["jade"]}}},
    )
    text = "the programme has no tier jade"
    texts = {"zh-CN": "本计划没有等级 jade", "en": text}
    assert {"field": "when", "code": "no_tiers", "reason": text, "texts": texts} in checked.json()["warnings"]


async def test_warnings_name_rules_that_will_pay_the_same(operator: Client) -> None:
    """Published already, effective next year only."""
    await draft(operator, "later")
    await publish(operator, "later", effective_from=f"{datetime.now(UTC).year + 1}-01-01T00:00:00Z")
    made = await draft(operator, "tea")
    reasons = [one["reason"] for one in made["check"]["warnings"]]
    assert "later version 1 pays for the same too: both count" in reasons


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"effect": {"kind": "rate", "points": 1.5, "per_minor_units": 1}}, "body.effect.rate.points"),
        ({"effect": {"kind": "rate", "points": 1, "per_minor_units": 0}}, "body.effect.rate.per_minor_units"),
        ({"effect": {"kind": "multiplier", "factor": "1,5"}}, "body.effect.multiplier.factor"),
        ({"effect": {"kind": "multiplier", "by_tier": {"gold": 2}}}, "body.effect.multiplier.by_tier.gold"),
        ({"effect": {"kind": "magic"}}, "body.effect"),
        ({"wallet": "Points!"}, "body.wallet"),
        ({"names": {}}, "body.names"),
        ({"rate": 3}, "body.rate"),
        ({"when": {"kind": "time_window", "start": "22:00", "end": "22:00"}}, "body.when.time_window"),
        ({"when": {"kind": "time_window", "start": "25:00", "end": "22:00"}}, "body.when.time_window.start"),
        ({"when": {"kind": "date_range", "first": "2025-02-01", "last": "2025-01-01"}}, "body.when.date_range"),
        ({"when": {"kind": "amount", "at_least": 5, "below": 5}}, "body.when.amount"),
        ({"when": {"kind": "weekday", "days": [8]}}, "body.when.weekday.days.0"),
        ({"when": {"kind": "weekday", "days": [1, 1]}}, "body.when.weekday.days"),
        ({"when": {"kind": "member_day"}}, "body.when.member_day"),
        ({"when": {"kind": "all", "of": []}}, "body.when.all.of"),
        ({"when": {"kind": "not", "of": {"kind": "field", "name": "a", "op": "equals"}}}, "body.when.not.of.field"),
        ({"limits": [{"scope": "member", "unit": "points", "amount": 0}]}, "body.limits.0.amount"),
        ({"expiry": {"kind": "days"}}, "body.expiry"),
    ],
)
async def test_bad_definition_is_refused_naming_the_field(operator: Client, change: dict[str, Any], field: str) -> None:
    answer = await operator.put(f"{RULES}/tea/draft", json={**RATE, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("depth", [11, 500, 5_000, 100_000])
async def test_conditions_nested_too_deep_are_refused(operator: Client, depth: int) -> None:
    inner = '{"kind":"not","of":' * depth + '{"kind":"first_purchase"}' + "}" * depth
    body = '{"names":{"en":"a"},"effect":{"kind":"fixed","points":1},"when":' + inner + "}"
    headers = {"Content-Type": "application/json"}
    answer = await operator.put(f"{RULES}/deep/draft", content=body, headers=headers)
    assert answer.status_code in (400, 413, 422), answer.text


async def test_schema_is_enough_for_a_form(operator: Client) -> None:
    schema = (await operator.get(f"{RULES}/schema")).json()
    kinds = schema["properties"]["effect"]["discriminator"]["mapping"]
    assert set(kinds) == {"rate", "fixed", "multiplier", "coupon"}
    inner = {"$ref": "#/$defs/Condition"}
    assert (
        schema["$defs"]["AllOf"]["properties"]["of"]["items"] == schema["$defs"]["NotThis"]["properties"]["of"] == inner
    )
    assert {"all", "not", "birthday", "lunar_day"} <= set(schema["$defs"]["Condition"]["discriminator"]["mapping"])
    assert (await operator.put(f"{RULES}/schema/draft", json=RATE)).status_code == 422
