"""What operators allow of redemptions, quotes, and the member's PIN as a grant."""

import asyncio
from typing import Any

import pytest

from common.security.signing import SigningKey
from common.storage import Database
from tests.points.conftest import Client
from tests.points.redemption.world import account, cancel, confirm, granting, hold, lots, post, redeem, rich
from tests.points.world import value

POLICY = "/v1/redemption-policy"


async def set_policy(client: Client, **settings: Any) -> Any:
    answer = await client.put(POLICY, json=settings)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_policy_is_versioned_and_refuses_stale_changes(points_database: Database, operator: Client) -> None:
    first = await operator.get(POLICY)
    assert (first.json()["revision"], first.headers["etag"], first.json()["step"]) == (0, '"0"', 1)
    changed = await operator.put(POLICY, json={"step": 10, "max_share_percent": 50}, headers={"If-Match": '"0"'})
    assert (changed.json()["revision"], changed.headers["etag"]) == (1, '"1"')
    stale = await operator.put(POLICY, json={"step": 5}, headers={"If-Match": '"0"'})
    assert (stale.status_code, stale.json()["revision"]) == (412, 1)
    now = (await operator.get(POLICY)).json()
    assert (now["step"], now["max_share_percent"], now["set_by"]) == (10, 50, "staff:test")
    assert await value(points_database, "SELECT action FROM audit_log") == "redemption_policy.changed"


@pytest.mark.parametrize(
    "body", [{"step": 0}, {"max_share_percent": 101}, {"points": 1.5}, {"hold_seconds": 1}, {"steps": 3}]
)
async def test_bad_policy_is_refused(operator: Client, body: dict[str, Any]) -> None:
    assert (await operator.put(POLICY, json=body)).status_code == 422


async def test_quote_says_what_an_order_may_use_and_why_no_more(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (1_000, None))
    await set_policy(operator, points=3, minor_units=10, step=5, minimum=10, max_share_percent=30)
    order = {
        "amount": 1_000,
        "currency": "CNY",
        "lines": [{"sku": "a", "amount": 600}, {"sku": "b", "amount": 400}],
    }
    body = {"member_id": str(someone), "order": order}
    found = await post(operator, "/v1/redemptions/quote", body, 200)
    assert (found["points"], found["value"], found["binding"]) == (90, 300, "share_of_order")
    assert found["caps"] == [{"rule": "balance", "points": 1_000}, {"rule": "share_of_order", "points": 90}]
    assert [(line["points"], line["value"]) for line in found["lines"]] == [(54, 180), (36, 120)]
    assert found["rounding"] == "3 points are worth 10 minor units; 90 × 10 ÷ 3 = 300 exactly."
    done = await redeem(operator, someone, 85, order={**order, "order_id": "o"})
    assert (done["value"], [line["points"] for line in done["lines"]]) == (283, [51, 34])
    for points, rule in ((5, "minimum"), (12, "step"), (95, "share_of_order")):
        refused = await redeem(operator, someone, points, 409, order={**order, "order_id": "o"})
        assert (refused["code"], refused["rule"]) == ("points_not_allowed", rule)
    assert await value(points_database, "SELECT count(*) FROM redemptions") == 1


async def test_share_of_an_order_is_one_however_often_points_are_used_for_it(
    points_database: Database, operator: Client
) -> None:
    someone, other = await rich(points_database, (1_000, None)), await rich(points_database, (1_000, None))
    await set_policy(operator, max_share_percent=30)
    order = {"order_id": "o", "amount": 1_000, "currency": "CNY"}
    done = await redeem(operator, someone, 100, order=order)
    held = await hold(operator, other, 150, order=order)
    refused = await redeem(operator, someone, 51, 409, order=order)
    assert (refused["code"], refused["rule"], refused["allowed"]) == ("points_not_allowed", "share_of_order", 50)
    asked = {"member_id": str(someone), "order": order}
    assert (await post(operator, "/v1/redemptions/quote", asked, 200))["points"] == 50
    elsewhere = {**asked, "source": "//another.shop"}
    assert (await post(operator, "/v1/redemptions/quote", elsewhere, 200))["points"] == 300
    await cancel(operator, held["redemption_id"])
    await cancel(operator, done["redemption_id"], points=40)
    assert (await redeem(operator, someone, 241, 409, order=order))["allowed"] == 240
    await redeem(operator, someone, 240, order=order)


async def test_share_of_an_order_holds_for_many_payers_at_once(points_database: Database, operator: Client) -> None:
    people = [await rich(points_database, (1_000, None)) for _ in range(6)]
    order = {"order_id": "o", "amount": 100, "currency": "CNY"}
    wishes = [{"member_id": str(one), "points": 40, "order": order} for one in people]
    answers = await asyncio.gather(*(operator.post("/v1/redemptions", json=wish) for wish in wishes))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409, 409]


async def test_what_cannot_be_spent_is_not_offered(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None))
    await lots(points_database, someone, (500, None), wallet="growth")
    asked = {"member_id": str(someone), "wallet": "growth", "order": {"amount": 1_000, "currency": "CNY"}}
    refused = await post(operator, "/v1/redemptions/quote", asked, 409)
    assert (refused["code"], refused["wallet"]) == ("wallet_not_spendable", "growth")


async def test_part_of_a_hold_is_confirmed_only_in_steps_and_from_the_minimum_on(
    points_database: Database, operator: Client
) -> None:
    someone = await rich(points_database, (1_000, None))
    await set_policy(operator, step=100, minimum=200)
    held = await hold(operator, someone, 300)
    for points, rule in ((100, "minimum"), (250, "step")):
        refused = await confirm(operator, held["redemption_id"], 409, points=points)
        assert (refused["code"], refused["rule"]) == ("points_not_allowed", rule)
    assert (await confirm(operator, held["redemption_id"], points=200))["points"] == 200


async def test_daily_limits_count_what_absorbed_members_redeemed(points_database: Database, operator: Client) -> None:
    absorbed, stays = await rich(points_database, (200, None)), await rich(points_database, (200, None))
    await set_policy(operator, daily_points=100)
    await redeem(operator, absorbed, 60)
    await post(operator, "/v1/merges", {"member_id": str(stays), "absorbed_member_id": str(absorbed)})
    refused = await redeem(operator, stays, 41, 409)
    assert (refused["limit"], refused["used"]) == ("points_per_day", 60)
    await redeem(operator, stays, 40)


async def test_daily_limits_of_a_member(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (1_000, None))
    await set_policy(operator, daily_points=100, daily_times=3)
    await redeem(operator, someone, 60)
    refused = await redeem(operator, someone, 41, 409)
    assert (refused["code"], refused["limit"], refused["used"], refused["need"]) == (
        *("limit_reached", "points_per_day"),
        *(60, 41),
    )
    assert refused["resets_at"]
    held = await hold(operator, someone, 40)
    order = {"amount": 1_000, "currency": "CNY"}
    body = {"member_id": str(someone), "order": order}
    assert (await post(operator, "/v1/redemptions/quote", body, 200))["binding"] == "daily_points"
    await cancel(operator, held["redemption_id"])
    await redeem(operator, someone, 1)
    await redeem(operator, someone, 1)
    assert (await redeem(operator, someone, 1, 409))["limit"] == "redemptions_per_day"
    told = await post(operator, "/v1/redemptions/quote", body, 200)
    assert (told["points"], told["binding"]) == (0, "daily_times")


async def test_above_the_limit_a_grant_is_needed_and_serves_once(
    points_database: Database, operator: Client, signing_key: SigningKey
) -> None:
    grant = granting(signing_key)
    someone, other = await rich(points_database, (1_000, None)), await rich(points_database, (1_000, None))
    await set_policy(operator, pin_above_points=100)
    await redeem(operator, someone, 100)
    refused = await redeem(operator, someone, 101, 403)
    assert (refused["code"], refused["pin_above_points"]) == ("grant_required", 100)
    one = grant(someone, 300)
    for body, reason in (
        ({"points": 301, "grant": one}, "too_little"),
        ({"points": 200, "grant": grant(other, 300)}, "wrong_member"),
        ({"points": 200, "grant": grant(someone, 300, purpose="unbind")}, "wrong_purpose"),
        ({"points": 200, "grant": one[:-6] + "AAAAAA"}, "bad_signature"),
        ({"points": 200, "grant": "no token"}, "malformed"),
    ):
        answer = await operator.post("/v1/redemptions", json={"member_id": str(someone), **body})
        assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (403, "grant_refused", reason)
    done = await hold(operator, someone, 200, grant=one)
    assert done["held"] == 200
    assert (await redeem(operator, someone, 200, 403, grant=one))["reason"] == "used"
    assert await account(points_database, someone) == (700, 0, 0, 200)


async def test_refused_redemption_leaves_the_grant_unused(
    points_database: Database, operator: Client, signing_key: SigningKey
) -> None:
    someone = await rich(points_database, (100, None))
    grant = granting(signing_key)(someone, 300)
    assert (await redeem(operator, someone, 200, 409, grant=grant))["code"] == "insufficient_points"
    await lots(points_database, someone, (100, None))
    await redeem(operator, someone, 200, grant=grant)


async def test_same_reference_with_its_used_grant_is_answered_again(
    points_database: Database, operator: Client, signing_key: SigningKey
) -> None:
    someone = await rich(points_database, (1_000, None))
    await set_policy(operator, pin_above_points=0)
    grant = granting(signing_key)(someone, 300)
    first = await redeem(operator, someone, 200, grant=grant, reference="R")
    assert await redeem(operator, someone, 200, grant=grant, reference="R") == first
    assert await redeem(operator, someone, 200, grant="one that has ended", reference="R") == first


async def test_grant_opens_no_door_and_a_token_is_no_grant(
    points_database: Database, client: Any, operator: Client, signing_key: SigningKey
) -> None:
    someone = await rich(points_database, (1_000, None))
    token = operator.headers["authorization"].removeprefix("Bearer ")
    refused = await redeem(operator, someone, 5, 403, grant=token)
    assert refused["code"] == "grant_refused"
    async with client(role="operator") as stranger:
        stranger.headers["authorization"] = f"Bearer {granting(signing_key)(someone, 5)}"
        answer = await stranger.get(f"/v1/members/{someone}/balance")
        assert answer.status_code == 401


async def test_checkouts_redeem_and_change_no_policy(points_database: Database, client: Any) -> None:
    someone = await rich(points_database, (1_000, None))
    async with client(role="checkout") as till:
        await redeem(till, someone, 5)
        assert (await till.get(POLICY)).status_code == 200
        assert (await till.put(POLICY, json={})).status_code == 403
    async with client(role="auditor") as auditor:
        await redeem(auditor, someone, 5, 403)
