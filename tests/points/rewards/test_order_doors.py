"""The HTTP doors of orders: every step, every refusal with its facts."""

import csv
import io
from typing import Any
from uuid import uuid4

from common.storage import Database
from tests.points.rewards.asking import MUG, Client, published, send, wish
from tests.points.rewards.world import ADDRESS, balance, member, rows, tier, value


async def test_order_is_placed_once_and_shown_masked(points_database: Database, operator: Client, till: Client) -> None:
    someone = await member(points_database, (150, None))
    await published(operator)
    headers = {"Idempotency-Key": str(uuid4())}
    first = await till.post("/v1/reward-orders", json=wish(someone, request_id="r1"), headers=headers)
    again = await till.post("/v1/reward-orders", json=wish(someone, request_id="r1"), headers=headers)
    other = await till.post("/v1/reward-orders", json=wish(someone, request_id="r1"))
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 200)
    assert first.json() == again.json() == other.json()
    ended = await till.post("/v1/reward-orders", json=wish(someone, request_id="r1", grant="one.that.ended"))
    assert (ended.status_code, ended.json()) == (200, first.json())
    unknown = await till.post("/v1/reward-orders", json=wish(someone, request_id="r2", grant="a.b.c"))
    assert (unknown.status_code, unknown.json()["code"]) == (403, "grant_refused")
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
    async with client(role="support", subject="staff:li") as support:
        path = f"/v1/reward-orders/{placed['order_id']}"
        assert (await send(support, "GET", path))["tickets"][0]["code"] == "****" + code[-3:]
        assert (await send(support, "GET", path, params={"reveal": "true"}))["tickets"][0]["code"] == code
    seen = "SELECT facts::text FROM audit_log WHERE action = 'member.revealed' AND actor = 'staff:li'"
    assert "ticket_codes" in await value(points_database, seen)
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
    (log,) = await rows(points_database, "SELECT facts FROM audit_log WHERE action = 'reward_orders.exported'")
    assert log.facts["order_ids"] == sorted(
        str(row.order_id) for row in await rows(points_database, "SELECT order_id FROM reward_orders")
    )
    assert await read(state="shipped") == []
    async with client(role="operator", permissions=["rewards:fulfil"]) as warehouse:
        await send(warehouse, "GET", "/v1/reward-orders/export.csv", 403, params={"reveal": "true"})
