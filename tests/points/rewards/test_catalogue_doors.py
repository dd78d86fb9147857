"""The HTTP doors of the catalogue and of offers."""

from typing import Any
from uuid import uuid4

from common.storage import Database
from tests.points.rewards.asking import MUG, Client, published, send
from tests.points.rewards.world import member, programme, rows, tier


async def test_reward_is_made_changed_and_published_by_revision(operator: Client) -> None:
    made = await operator.post("/v1/rewards", json=MUG)
    assert (made.status_code, made.headers["ETag"], made.headers["Location"]) == (201, '"1"', "/v1/rewards/mug")
    assert (made.json()["state"], made.json()["stock"]) == ("hidden", 5)
    change = {name: fact for name, fact in MUG.items() if name not in ("key", "stock")} | {"name_en": "Cup", "sort": 7}
    answer = await operator.put("/v1/rewards/mug", json=change, headers={"If-Match": '"1"'})
    assert (answer.json()["name_en"], answer.headers["ETag"], answer.json()["stock"]) == ("Cup", '"2"', 5)
    stale = await send(operator, "PUT", "/v1/rewards/mug", 412, json=change, headers={"If-Match": '"1"'})
    assert stale["revision"] == 2
    await send(operator, "POST", "/v1/rewards/mug/state", 412, json={"state": "published"}, headers={"If-Match": '"1"'})
    found = await send(operator, "POST", "/v1/rewards/mug/state", json={"state": "published"})
    assert (found["state"], found["revision"]) == ("published", 3)
    wrong = await send(operator, "POST", "/v1/rewards/mug/state", 409, json={"state": "published"})
    assert (wrong["code"], wrong["from"], wrong["to"], wrong["allowed"]) == (
        "bad_transition",
        "published",
        "published",
        ["hidden", "archived"],
    )


async def test_catalogue_refuses_what_contradicts_itself(operator: Client) -> None:
    await send(operator, "POST", "/v1/rewards", 201, json=MUG)
    taken = await send(operator, "POST", "/v1/rewards", 409, json=MUG)
    assert (taken["code"], taken["reward"]) == ("reward_key_taken", "mug")
    bad = await send(operator, "POST", "/v1/rewards", 422, json={**MUG, "key": "x", "kind": "coupon"})
    assert (bad["code"], bad["field"]) == ("bad_reward", "coupon_template")
    other = {name: fact for name, fact in MUG.items() if name not in ("key", "stock")} | {"kind": "service"}
    assert (await send(operator, "PUT", "/v1/rewards/mug", 422, json=other))["field"] == "kind"
    assert (await send(operator, "GET", "/v1/rewards/none", 404))["code"] == "unknown_reward"
    wrong: tuple[dict[str, Any], ...] = (
        {"key": "Bad Key"},
        {"key": "available"},
        {"prices": []},
        {"prices": [{"points": -1}]},
        {"prices": [{"points": 1.5}]},
        {"stock": -1},
        {"valid_from": "2026-01-01T00:00:00+08:00"},
        {"valid_from": 5},
        {"valid_from": "0001-01-01T00:00:00"},
        {"image_url": "javascript:alert(1)"},
        {"colour": "red"},
    )
    for change in wrong:
        body = {**MUG, "key": "other", **change}
        assert (await send(operator, "POST", "/v1/rewards", 422, json=body))["code"] == "invalid_request"


async def test_catalogue_is_filtered_and_comes_in_pages(operator: Client) -> None:
    for number in range(5):
        await send(operator, "POST", "/v1/rewards", 201, json={**MUG, "key": f"mug-{number}", "sort": 10 - number})
    await published(operator, key="spa", kind="service", name_zh="按摩", name_en="Massage", sort=1)
    first = await send(operator, "GET", "/v1/rewards", params={"limit": 4})
    second = await send(operator, "GET", "/v1/rewards", params={"limit": 4, "cursor": first["next"]})
    keys = [one["key"] for one in first["items"] + second["items"]]
    assert keys == ["spa", "mug-4", "mug-3", "mug-2", "mug-1", "mug-0"]
    assert second["next"] is None
    for params, wanted in (
        ({"state": "published"}, ["spa"]),
        ({"kind": "service"}, ["spa"]),
        ({"q": "按摩"}, ["spa"]),
        ({"q": "MASS"}, ["spa"]),
        ({"q": "mug-3"}, ["mug-3"]),
        ({"q": "%"}, []),
    ):
        found = await send(operator, "GET", "/v1/rewards", params=params)
        assert [one["key"] for one in found["items"]] == wanted


async def test_local_times_are_shown_with_their_instants(points_database: Database, operator: Client) -> None:
    await programme(points_database, time_zone="Europe/Paris")
    body = {**MUG, "valid_from": "2030-01-01T00:00:00", "valid_until": "2030-07-01T00:00:00"}
    found = await send(operator, "POST", "/v1/rewards", 201, json=body)
    assert (found["valid_from"], found["opens_at"]) == ("2030-01-01T00:00:00", "2029-12-31T23:00:00Z")
    assert found["closes_at"] == "2030-06-30T22:00:00Z"


async def test_stock_is_restocked_and_corrected_with_a_trace(points_database: Database, operator: Client) -> None:
    await published(operator)
    assert (await send(operator, "POST", "/v1/rewards/mug/stock", json={"change": 3, "note": "来货"}))["stock"] == 8
    short = await send(operator, "POST", "/v1/rewards/mug/stock", 409, json={"change": -9})
    assert (short["code"], short["stock"], short["wanted"]) == ("out_of_stock", 8, 9)
    assert (await send(operator, "PUT", "/v1/rewards/mug/stock", json={"stock": None, "note": "made to order"}))[
        "stock"
    ] is None
    endless = await send(operator, "POST", "/v1/rewards/mug/stock", 409, json={"change": 1})
    assert endless["code"] == "stock_unlimited"
    await send(operator, "PUT", "/v1/rewards/mug/stock", json={"stock": 2, "note": "counted"})
    found = await send(operator, "GET", "/v1/rewards/mug/stock/changes", params={"limit": 3})
    assert [(one["reason"], one["change"], one["stock"]) for one in found["items"]] == [
        ("correction", 2, 2),
        ("correction", -8, None),
        ("restock", 3, 8),
    ]
    rest = await send(operator, "GET", "/v1/rewards/mug/stock/changes", params={"cursor": found["next"]})
    assert [(one["reason"], one["note"]) for one in rest["items"]] == [("initial", "")]
    actions = await rows(points_database, "SELECT action FROM audit_log ORDER BY id")
    assert [one.action for one in actions] == [
        "reward.created",
        "reward.published",
        "reward.restocked",
        "reward.stock_corrected",
        "reward.stock_corrected",
    ]


async def test_limited_edition_keeps_its_stock_and_its_limit(operator: Client) -> None:
    edition = {"limited_edition": True, "limits": [{"quantity": 1, "per": "ever"}]}
    await published(operator, **edition)
    endless = await send(operator, "PUT", "/v1/rewards/mug/stock", 422, json={"stock": None, "note": "more"})
    assert (endless["code"], endless["field"]) == ("bad_reward", "limited_edition")
    bad = await send(operator, "POST", "/v1/rewards", 422, json={**MUG, **edition, "key": "x", "stock": None})
    assert bad["field"] == "limited_edition"


async def test_offers_say_why_not_in_two_languages(points_database: Database, operator: Client) -> None:
    someone = await member(points_database, (150, None))
    await published(operator)
    await published(operator, key="gold", sort=1, tiers=["gold"])
    await published(operator, key="late", sort=2, valid_from="2199-01-01T00:00:00")
    await published(operator, key="dear", sort=3, prices=[{"points": 1000}])
    await published(operator, key="gone", sort=4, stock=0)
    found = await send(operator, "GET", "/v1/rewards/available", params={"member_id": str(someone)})
    said = {one["reward"]["key"]: [reason["code"] for reason in one["reasons"]] for one in found["items"]}
    assert said == {
        "mug": [],
        "gold": ["not_for_this_tier"],
        "late": ["not_yet_valid"],
        "dear": ["insufficient_points"],
        "gone": ["out_of_stock"],
    }
    (reason,) = found["items"][3]["reasons"]
    assert (reason["facts"]["balance"], reason["facts"]["need"]) == (150, 1000)
    assert "150" in reason["text_en"]
    assert "积分不足" in reason["text_zh"]
    for params, wanted in (
        ({"available": "true"}, ["mug"]),
        ({"affordable": "false"}, ["dear"]),
        ({"available": "false", "affordable": "true"}, ["gold", "late", "gone"]),
        ({"kind": "service"}, []),
    ):
        query = {"member_id": str(someone), **params}
        found = await send(operator, "GET", "/v1/rewards/available", params=query)
        assert [one["reward"]["key"] for one in found["items"]] == wanted
    await tier(points_database, someone, "gold")
    first = await send(
        operator, "GET", "/v1/rewards/available", params={"member_id": str(someone), "available": "true", "limit": 1}
    )
    second = await send(
        operator,
        "GET",
        "/v1/rewards/available",
        params={"member_id": str(someone), "available": "true", "limit": 1, "cursor": first["next"]},
    )
    assert [one["reward"]["key"] for one in first["items"] + second["items"]] == ["mug", "gold"]
    assert second["next"] is None


async def test_one_offer_by_quantity_and_option(points_database: Database, operator: Client) -> None:
    someone = await member(points_database, (150, None))
    await published(operator, limits=[{"quantity": 3, "per": "month"}])
    path, query = "/v1/rewards/mug/availability", {"member_id": str(someone)}
    found = await send(operator, "GET", path, params={**query, "quantity": 2, "option": "points"})
    assert (found["available"], found["affordable"]) == (False, False)
    found = await send(operator, "GET", path, params={**query, "quantity": 3, "option": "mixed"})
    assert (found["available"], found["limits"]) == (True, [{"per": "month", "limit": 3, "used": 0}])
    found = await send(operator, "GET", path, params={**query, "option": "barter"})
    assert found["reasons"][0]["code"] == "unknown_price_option"
    assert (await send(operator, "GET", path, 404, params={"member_id": str(uuid4())}))["code"] == "unknown_member"


async def test_coupon_reward_is_published_only_while_its_template_issues(operator: Client) -> None:
    await send(operator, "POST", "/v1/rewards", 201, json={**MUG, "kind": "coupon", "coupon_template": "gone"})
    refused = await send(operator, "POST", "/v1/rewards/mug/state", 422, json={"state": "published"})
    assert (refused["code"], refused["field"]) == ("bad_reward", "coupon_template")
