"""The HTTP doors: the catalogue, offers, orders, their way, and every refusal with its facts."""

import asyncio
import csv
import io
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from common.http import create_app, walk
from common.security.tokens import TokenVerifier
from common.storage import Database
from points.settings import Settings
from tests.common.http.conformance import conformance
from tests.points.rewards.world import ADDRESS, balance, member, programme, rows, tier, value

Client = httpx.AsyncClient

MUG: dict[str, Any] = {
    "key": "mug",
    "kind": "goods",
    "name_zh": "马克杯",
    "name_en": "Mug",
    "prices": [{"option": "points", "points": 100}, {"option": "mixed", "points": 40, "money": 2900}],
    "stock": 5,
}


async def send(client: Client, method: str, path: str, status: int = 200, /, **request: Any) -> Any:
    answer = await client.request(method, path, **request)
    assert answer.status_code == status, answer.text
    return answer.json()


async def published(operator: Client, **change: Any) -> dict[str, Any]:
    body = {**MUG, **change}
    await send(operator, "POST", "/v1/rewards", 201, json=body)
    found: dict[str, Any] = await send(
        operator, "POST", f"/v1/rewards/{body['key']}/state", json={"state": "published"}
    )
    return found


def wish(member_id: UUID, /, **change: Any) -> dict[str, Any]:
    return {"member_id": str(member_id), "reward": "mug", "address": ADDRESS, **change}


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


async def test_order_is_placed_once_and_shown_masked(points_database: Database, operator: Client, till: Client) -> None:
    someone = await member(points_database, (150, None))
    await published(operator)
    headers = {"Idempotency-Key": str(uuid4())}
    first = await till.post("/v1/reward-orders", json=wish(someone, request_id="r1"), headers=headers)
    again = await till.post("/v1/reward-orders", json=wish(someone, request_id="r1"), headers=headers)
    other = await till.post("/v1/reward-orders", json=wish(someone, request_id="r1"))
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 200)
    assert first.json() == again.json() == other.json()
    body = first.json()
    assert (body["state"], body["points"], body["next_states"]) == (
        "accepted",
        100,
        ["picking", "shipped", "cancelled"],
    )
    assert (body["address"]["name"], body["address"]["phone"], body["address"]["city"]) == ("王*", "****00", "上海")
    assert (body["address"]["street"], body["address_masked"]) == ("***", True)
    assert await balance(points_database, someone) == 50
    reused = await send(till, "POST", "/v1/reward-orders", 409, json=wish(someone, request_id="r1", option="mixed"))
    assert (reused["code"], reused["order_id"]) == ("request_id_reused", body["order_id"])


async def test_address_is_revealed_by_permission_and_written_down(
    points_database: Database, operator: Client, till: Client
) -> None:
    someone = await member(points_database, (150, None))
    await published(operator)
    placed = await send(till, "POST", "/v1/reward-orders", 201, json=wish(someone))
    path = f"/v1/reward-orders/{placed['order_id']}"
    assert (await send(till, "GET", path, 403, params={"reveal": "true"}))["permission"] == "members:reveal"
    found = await send(operator, "GET", path, params={"reveal": "true"})
    assert (found["address"]["street"], found["address_masked"]) == (ADDRESS["street"], False)
    seen = "SELECT subject FROM audit_log WHERE action = 'member.revealed'"
    assert await value(points_database, seen) == str(someone)
    await value(points_database, "UPDATE data_keys SET key_id = '', wrapped = '' RETURNING 1")
    erased = await send(operator, "GET", path, params={"reveal": "true"})
    assert (erased["address"], erased["address_erased"]) == (None, True)
    gone = await send(till, "POST", "/v1/reward-orders", 410, json=wish(someone, option="mixed"))
    assert gone["code"] == "personal_data_erased"


async def test_every_refusal_of_an_order_names_its_facts(
    points_database: Database, operator: Client, till: Client
) -> None:
    someone = await member(points_database, (150, None))
    await published(operator, limits=[{"quantity": 2, "per": "ever"}])
    await published(operator, key="gold", tiers=["gold"])
    await published(operator, key="late", valid_from="2199-01-01T00:00:00")
    await published(operator, key="early", valid_until="2001-01-01T00:00:00")
    await published(operator, key="chosen", segments=["loyal"])
    await send(operator, "POST", "/v1/rewards", 201, json={**MUG, "key": "hidden"})

    async def refused(status: int, **change: Any) -> dict[str, Any]:
        body: dict[str, Any] = await send(till, "POST", "/v1/reward-orders", status, json=wish(someone, **change))
        return body

    short = await refused(409, quantity=2)
    assert (short["code"], short["balance"], short["need"]) == ("insufficient_points", 150, 200)
    limit = await refused(409, quantity=3, option="mixed")
    assert (limit["code"], limit["limit"], limit["per"], limit["used"]) == ("limit_reached", 2, "ever", 0)
    assert (limit["wanted"], limit["resets_at"]) == (3, None)
    wrong_tier = await refused(409, reward="gold")
    assert (wrong_tier["code"], wrong_tier["tier"], wrong_tier["tiers"]) == ("not_for_this_tier", "base", ["gold"])
    assert (await refused(409, reward="late"))["valid_from"].startswith("2198-12-31T16:00:00")
    over = await refused(409, reward="early")
    assert (over["code"], over["valid_until"]) == ("no_longer_valid", "2000-12-31T16:00:00Z")
    assert (await refused(409, reward="chosen"))["code"] == "not_for_this_segment"
    assert (await refused(409, reward="hidden"))["code"] == "reward_not_published"
    await send(operator, "PUT", "/v1/rewards/gold/stock", json={"stock": 0, "note": "none"})
    await tier(points_database, someone, "gold")
    empty = await refused(409, reward="gold")
    assert (empty["code"], empty["stock"], empty["wanted"]) == ("out_of_stock", 0, 1)
    assert (await refused(422, option="barter"))["options"] == ["points", "mixed"]
    assert (await refused(422, address=None))["code"] == "address_needed"
    assert (await refused(404, member_id=str(uuid4())))["code"] == "unknown_member"
    assert (await refused(404, reward="nothing"))["code"] == "unknown_reward"
    unreadable: tuple[dict[str, Any], ...] = (
        {"quantity": 0},
        {"quantity": 101},
        {"quantity": "1"},
        {"address": {"name": "王"}},
        {"x": 1},
    )
    for change in unreadable:
        assert (await refused(422, **change))["code"] == "invalid_request"
    assert await balance(points_database, someone) == 150


async def test_whole_way_of_an_order(points_database: Database, operator: Client, till: Client) -> None:
    someone = await member(points_database, (150, None))
    await published(operator)
    placed = await send(till, "POST", "/v1/reward-orders", 201, json=wish(someone, option="mixed", quantity=2))
    assert (placed["state"], placed["payment"]["state"], placed["payment"]["amount"]) == (
        "awaiting_payment",
        "due",
        5800,
    )
    path = f"/v1/reward-orders/{placed['order_id']}"
    paid = await send(till, "POST", f"{path}/payment", json={"payment_reference": "wx-1"})
    assert (paid["state"], paid["payment"]["state"], paid["payment"]["reference"]) == ("accepted", "paid", "wx-1")
    await send(till, "POST", f"{path}/picking", 403)
    await send(operator, "POST", f"{path}/picking", 412, headers={"If-Match": '"1"'})
    await send(operator, "POST", f"{path}/picking", headers={"If-Match": '"2"'})
    held = await send(till, "POST", f"{path}/cancellation", 409)
    assert (held["code"], held["from"], held["to"], held["allowed"]) == (
        "bad_transition",
        "picking",
        "cancelled",
        ["shipped"],
    )
    await send(operator, "POST", f"{path}/shipment", 422, json={})
    await send(operator, "POST", f"{path}/shipment", json={"carrier": "顺丰", "tracking": "SF42"})
    await send(operator, "POST", f"{path}/delivery", json={"note": "reception"})
    back = await send(operator, "POST", f"{path}/return", json={"reason": "broken", "restock": False})
    assert (back["order"]["state"], back["refund"]) == ("returned", 5800)
    assert (back["points"]["points"], back["points"]["restored"], back["points"]["renewed"]) == (80, 80, 0)
    assert await balance(points_database, someone) == 150
    assert (await send(operator, "GET", "/v1/rewards/mug"))["stock"] == 3
    first = await send(operator, "GET", f"{path}/history", params={"limit": 3})
    rest = await send(operator, "GET", f"{path}/history", params={"cursor": first["next"]})
    steps = [(one["state"], one["reason"]) for one in first["items"] + rest["items"]]
    assert steps == [
        ("awaiting_payment", ""),
        ("accepted", ""),
        ("picking", ""),
        ("shipped", ""),
        ("delivered", "reception"),
        ("returned", "broken"),
    ]
    assert rest["items"][0]["facts"] == {"carrier": "顺丰", "tracking": "SF42"}


async def test_orders_are_filtered_and_come_in_pages(points_database: Database, operator: Client, till: Client) -> None:
    someone, other = await member(points_database, (900, None)), await member(points_database, (900, None))
    await published(operator, stock=100)
    await published(operator, key="spa", kind="service")
    placed = [await send(till, "POST", "/v1/reward-orders", 201, json=wish(someone)) for _ in range(5)]
    spa = await send(
        till, "POST", "/v1/reward-orders", 201, json={"member_id": str(other), "reward": "spa", "option": "points"}
    )
    await send(operator, "POST", f"/v1/reward-orders/{spa['order_id']}/fulfilment")
    first = await send(operator, "GET", "/v1/reward-orders", params={"limit": 4})
    second = await send(operator, "GET", "/v1/reward-orders", params={"limit": 4, "cursor": first["next"]})
    newest_first = [one["order_id"] for one in first["items"] + second["items"]]
    assert newest_first == [spa["order_id"], *(one["order_id"] for one in reversed(placed))]
    for params, count in (
        ({"state": "fulfilled"}, 1),
        ({"state": ["fulfilled", "accepted"]}, 6),
        ({"member_id": str(someone)}, 5),
        ({"reward": "spa"}, 1),
        ({"ordered_from": spa["ordered_at"]}, 1),
        ({"ordered_until": spa["ordered_at"]}, 5),
        ({"state": "cancelled"}, 0),
    ):
        assert len((await send(operator, "GET", "/v1/reward-orders", params=params))["items"]) == count
    await send(operator, "GET", "/v1/reward-orders", 422, params={"state": "lost"})
    missing = await send(operator, "GET", f"/v1/reward-orders/{uuid4()}", 404)
    assert missing["code"] == "unknown_reward_order"


async def test_tickets_are_shown_to_who_sells_them_and_let_in(
    points_database: Database, client: Any, operator: Client, till: Client
) -> None:
    someone = await member(points_database, (900, None))
    await published(operator, key="concert", kind="ticket")
    body = {"member_id": str(someone), "reward": "concert", "quantity": 2, "option": "points"}
    placed = await send(till, "POST", "/v1/reward-orders", 201, json=body)
    code = placed["tickets"][0]["code"]
    assert len(code) == 23
    async with client(role="auditor") as auditor:
        seen = await send(auditor, "GET", f"/v1/reward-orders/{placed['order_id']}")
        assert seen["tickets"][0]["code"] == "****" + code[-3:]
    await send(till, "POST", "/v1/reward-tickets/check-in", 403, json={"code": code})
    entered = await send(operator, "POST", "/v1/reward-tickets/check-in", json={"code": code, "reward": "concert"})
    assert (entered["order_state"], entered["number"]) == ("accepted", 1)
    again = await send(operator, "POST", "/v1/reward-tickets/check-in", 409, json={"code": code})
    assert (again["code"], again["used_at"]) == ("ticket_used", entered["used_at"])
    used = await send(till, "POST", f"/v1/reward-orders/{placed['order_id']}/cancellation", 409)
    assert (used["code"], used["kind"], used["what"]) == ("already_used", "ticket", entered["ticket_id"])
    unknown = await send(operator, "POST", "/v1/reward-tickets/check-in", 404, json={"code": "ABCDE"})
    assert unknown["code"] == "unknown_ticket"


async def test_export_is_a_harmless_csv_masked_unless_revealed(
    points_database: Database, operator: Client, till: Client, client: Any
) -> None:
    someone = await member(points_database, (900, None))
    await published(operator)
    address = {**ADDRESS, "name": '=HYPERLINK("x")', "phone": "+8613800138000"}
    await send(till, "POST", "/v1/reward-orders", 201, json=wish(someone, address=address))
    await send(till, "POST", "/v1/reward-orders", 201, json=wish(someone))

    async def read(**params: Any) -> list[dict[str, str]]:
        answer = await operator.get("/v1/reward-orders/export.csv", params=params)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
        assert answer.text.startswith("\ufeff")
        return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))

    masked, second = await read(state="accepted")
    assert (masked["reward"], masked["name_zh"], masked["street"]) == ("mug", "马克杯", "***")
    assert second["name"] == "王*"
    shown, _ = await read(reveal="true")
    assert (shown["name"], shown["phone"]) == ('\'=HYPERLINK("x")', "'+8613800138000")
    assert await value(points_database, "SELECT count(*) FROM audit_log WHERE action = 'reward_orders.exported'") == 1
    assert await read(state="shipped") == []
    async with client(role="operator", permissions=["rewards:fulfil"]) as warehouse:
        await send(warehouse, "GET", "/v1/reward-orders/export.csv", 403, params={"reveal": "true"})


SOMEBODY = UUID(int=7)
DOORS = [
    ("POST", "/v1/rewards", "rewards:write"),
    ("GET", "/v1/rewards", "rewards:read"),
    ("GET", "/v1/rewards/available", "rewards:read"),
    ("GET", "/v1/rewards/mug", "rewards:read"),
    ("GET", "/v1/rewards/mug/availability", "rewards:read"),
    ("PUT", "/v1/rewards/mug", "rewards:write"),
    ("POST", "/v1/rewards/mug/state", "rewards:write"),
    ("POST", "/v1/rewards/mug/stock", "rewards:write"),
    ("PUT", "/v1/rewards/mug/stock", "rewards:write"),
    ("GET", "/v1/rewards/mug/stock/changes", "rewards:read"),
    ("POST", "/v1/reward-orders", "rewards:order"),
    ("GET", "/v1/reward-orders", "rewards:read"),
    ("GET", "/v1/reward-orders/export.csv", "rewards:fulfil"),
    ("GET", f"/v1/reward-orders/{SOMEBODY}", "rewards:read"),
    ("GET", f"/v1/reward-orders/{SOMEBODY}/history", "rewards:read"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/payment", "rewards:order"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/picking", "rewards:fulfil"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/shipment", "rewards:fulfil"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/delivery", "rewards:fulfil"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/fulfilment", "rewards:fulfil"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/cancellation", "rewards:order"),
    ("POST", f"/v1/reward-orders/{SOMEBODY}/return", "rewards:fulfil"),
    ("POST", "/v1/reward-tickets/check-in", "rewards:fulfil"),
]


@pytest.mark.parametrize(("method", "path", "permission"), DOORS)
async def test_every_door_asks_for_its_permission(client: Any, method: str, path: str, permission: str) -> None:
    async with client(role="admin", permissions=["templates:read"]) as stranger:
        answer = await stranger.request(method, path)
        assert (answer.status_code, answer.json()["permission"]) == (403, permission)
        del stranger.headers["Authorization"]
        assert (await stranger.request(method, path)).status_code == 401


async def test_no_door_is_left_open(app: FastAPI, token: Callable[..., str]) -> None:
    assert await walk(app, token) == []


@pytest.mark.slow
async def test_nothing_that_is_sent_makes_a_server_error(
    points_database: Database, app: FastAPI, operator: Client, verifier: TokenVerifier, token: Callable[..., str]
) -> None:
    await published(operator)
    from points.problems import PROBLEMS
    from points.reward_fulfilment.api import router as fulfilment
    from points.reward_offers.api import router as offers
    from points.reward_orders.api import router as orders
    from points.rewards.api import router as rewards

    url = points_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    served = create_app(
        service="points",
        routers=[offers, rewards, orders, fulfilment],
        problems=PROBLEMS,
        settings=Settings(database_url=SecretStr(url)),
        verifier=verifier,
    )
    exclude = "^/(metrics|v1/(dead-letters|audit-log|jobs).*)$"
    found = await asyncio.to_thread(conformance, served, token=token(role="admin"), max_examples=15, exclude=exclude)
    assert found == "", found
