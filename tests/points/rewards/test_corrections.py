"""What staff put right of an order: where it goes until it is sent, its carrier and number since then."""

from common.storage import Database
from tests.points.rewards.asking import Client, published, send, wish
from tests.points.rewards.world import ADDRESS, PERSON, member, told, value

ELSEWHERE = {**PERSON, "street": "淮海中路 2 号"}


async def test_carrier_and_tracking_are_corrected_after_shipment_and_told(
    points_database: Database, operator: Client, till: Client
) -> None:
    someone = await member(points_database, (150, None))
    await published(operator)
    placed = await send(till, "POST", "/v1/reward-orders", 201, json=wish(someone))
    path = f"/v1/reward-orders/{placed['order_id']}"
    right = {"carrier": "顺丰", "tracking": "SF42", "note": "typed wrong"}
    early = await send(operator, "PUT", f"{path}/shipment", 409, json=right)
    assert (early["code"], early["what"], early["state"], early["allowed"]) == (
        "not_correctable",
        "shipment",
        "accepted",
        ["shipped", "delivered"],
    )
    await send(operator, "POST", f"{path}/shipment", json={"carrier": "顺丰", "tracking": "SF24"})
    await send(till, "PUT", f"{path}/shipment", 403, json=right)
    await send(operator, "PUT", f"{path}/shipment", 412, json=right, headers={"If-Match": '"1"'})
    for _ in range(2):
        found = await send(operator, "PUT", f"{path}/shipment", json=right)
        assert (found["state"], found["carrier"], found["tracking"], found["revision"]) == (
            "shipped",
            "顺丰",
            "SF42",
            3,
        )
    changes = [data for kind, data in await told(points_database) if kind == "reward.order_changed.v1"]
    assert [(one["previous_state"], one["state"], one["tracking"]) for one in changes] == [
        ("accepted", "shipped", "SF24"),
        ("shipped", "shipped", "SF42"),
    ]
    last = (await send(operator, "GET", f"{path}/history"))["items"][-1]
    assert (last["previous_state"], last["state"], last["reason"]) == ("shipped", "shipped", "typed wrong")
    assert last["facts"] == {
        "corrected": "shipment",
        "carrier": "顺丰",
        "tracking": "SF42",
        "previous_carrier": "顺丰",
        "previous_tracking": "SF24",
    }
    await send(operator, "POST", f"{path}/return")
    assert (await send(operator, "PUT", f"{path}/shipment", 409, json=right))["state"] == "returned"


async def test_address_is_corrected_until_the_parcel_goes_out(
    points_database: Database, operator: Client, till: Client
) -> None:
    someone = await member(points_database, (150, None))
    await published(operator)
    placed = await send(till, "POST", "/v1/reward-orders", 201, json=wish(someone, request_id="r"))
    path = f"/v1/reward-orders/{placed['order_id']}"
    body = {"address": ELSEWHERE, "note": "moved"}
    await send(till, "PUT", f"{path}/address", 403, json=body)
    for _ in range(2):
        assert (await send(operator, "PUT", f"{path}/address", json=body))["revision"] == 2
    shown = await send(operator, "GET", path, params={"reveal": "true"})
    assert (shown["address"], shown["state"]) == (ELSEWHERE, "accepted")
    last = (await send(operator, "GET", f"{path}/history"))["items"][-1]
    assert (last["state"], last["reason"], last["facts"]) == ("accepted", "moved", {"corrected": "address"})
    kept = await value(points_database, "SELECT address FROM reward_orders")
    assert ELSEWHERE["street"] not in kept
    assert len(await told(points_database)) == 2, "it was ordered, and paid in points"
    again = await send(till, "POST", "/v1/reward-orders", 200, json=wish(someone, request_id="r"))
    assert again["order_id"] == placed["order_id"], "the same request, whatever became of the address"
    await send(operator, "POST", f"{path}/shipment", json={"carrier": "顺丰"})
    late = await send(operator, "PUT", f"{path}/address", 409, json={"address": ADDRESS})
    assert (late["code"], late["what"], late["state"]) == ("not_correctable", "address", "shipped")


async def test_what_is_sent_to_nobody_has_no_address_to_correct(
    points_database: Database, operator: Client, till: Client
) -> None:
    someone = await member(points_database, (150, None))
    await published(operator, key="visit", kind="service")
    placed = await send(till, "POST", "/v1/reward-orders", 201, json=wish(someone, reward="visit", address=None))
    path = f"/v1/reward-orders/{placed['order_id']}/address"
    assert (await send(operator, "PUT", path, 422, json={"address": ADDRESS}))["code"] == "address_not_needed"
