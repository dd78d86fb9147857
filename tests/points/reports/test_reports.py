"""Reports over the API: by period and by rule, on a ledger with every kind of movement that purchases make."""

from datetime import UTC, date, datetime
from typing import Any

from common.storage import Database
from points.reports import handlers
from tests.points.rewards import world as rewards
from tests.points.world import day, happen, member, programme, purchase, refund, rule, value

POINTS, RULES, LIABILITY = "/v1/reports/points", "/v1/reports/rules", "/v1/reports/liability"
MARCH = {"first": "2025-03-01", "last": "2025-04-30"}


async def test_points_are_told_by_month_with_what_is_outstanding_after_each(
    points_database: Database, client: Any
) -> None:
    ann = await member(points_database)
    await happen(points_database, purchase(ann, "a1", 10_000), purchase(ann, "a2", 5_000, at=day(40)))
    await happen(points_database, refund("a1", "r1", 4_000, at=day(45)))
    async with client(role="operator") as operator:
        found = (await operator.get(POINTS, params={**MARCH, "period": "month"})).json()
        growth = (await operator.get(POINTS, params={**MARCH, "wallet": "growth"})).json()
    months = [(one["figures"]["earned"], one["figures"]["clawed_back"], one["outstanding"]) for one in found["periods"]]
    assert months == [(100, 0, 100), (50, 40, 110)]
    assert (found["total"]["change"], found["outstanding_now"]) == (110, 110)
    assert growth["outstanding_now"] == 0


async def test_each_rule_version_is_told_with_what_it_paid_and_what_returns_took(
    points_database: Database, client: Any
) -> None:
    ann = await member(points_database)
    await rule(points_database, "bonus", {"kind": "fixed", "points": 20})
    await happen(points_database, purchase(ann, "a1", 10_000), refund("a1", "r1", 5_000))
    async with client(role="operator") as operator:
        found = (await operator.get(RULES, params=MARCH)).json()["rules"]
        nothing = (await operator.get(RULES, params={"first": "2020-01-01", "last": "2020-01-02"})).json()["rules"]
    told = {one["rule"]: (one["version"], one["points"], one["taken_back"], one["occasions"]) for one in found}
    assert told == {"purchase_rate": (1, 100, 50, 1), "bonus": (1, 20, 10, 1)}
    assert nothing == []


async def test_the_report_of_rules_may_take_its_time(points_database: Database) -> None:
    """Years of purchases are read for it, longer than a request usually may ask the database."""
    async with points_database.transaction() as tx:
        await handlers.by_rule(tx, date(2025, 1, 1), date(2025, 12, 31))
        assert await tx.fetch_value("SHOW statement_timeout") == "2min"
        assert await tx.fetch_value("SHOW enable_nestloop") == "off"  # else every lot is looked for among all


async def test_days_in_the_wrong_order_are_refused_with_both(client: Any) -> None:
    async with client(role="operator") as operator:
        refused = await operator.get(POINTS, params={"first": "2025-02-01", "last": "2025-01-01"})
        many = await operator.get(POINTS, params={"first": "1900-01-01", "last": "2025-01-01"})
        early = await operator.get(POINTS, params={"last": "0001-01-02"})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_range")
    assert (refused.json()["first"], refused.json()["last"]) == ("2025-02-01", "2025-01-01")
    assert many.status_code == 422
    assert early.json()["code"] == "bad_range"


async def test_the_liability_says_its_method_and_what_the_points_cost(points_database: Database, client: Any) -> None:
    ann = await member(points_database)
    await happen(points_database, purchase(ann, "a1", 10_000), purchase(ann, "a2", 5_000, at=day(40)))
    async with client(role="operator") as operator:
        before = (await operator.get(LIABILITY)).json()
        body = {"member_id": str(ann), "reference": "cup", "points": 60}
        redeemed = await operator.post("/v1/redemptions", json=body)
        after = (await operator.get(LIABILITY)).json()
    assert redeemed.status_code in (200, 201), redeemed.text
    assert (before["method"], before["outstanding"], before["ultimate_rate"]) == ("cape_cod", 150, None)
    assert (before["expected"], before["breakage"]) == (150, 0)
    assert [(one["month"], one["points"]) for one in before["cohorts"]] == [("2025-03", 100), ("2025-04", 50)]
    assert (after["outstanding"], after["cohorts"][0]["spent"]) == (90, 60)
    assert after["expected"] + after["breakage"] == 90
    assert after["liability"] <= after["most"] == 90 * after["minor_units"] // after["per_points"]


async def test_rewards_are_told_by_day_with_what_was_undone(points_database: Database, client: Any) -> None:
    ann = await rewards.member(points_database, (500, None))
    await rewards.offer(points_database, rewards.reward("course", kind="service"))
    await rewards.order(points_database, ann, "course", goods=False, quantity=2)
    undone = await rewards.order(points_database, ann, "course", goods=False)
    await rewards.undo(points_database, undone)
    async with client(role="operator") as operator:
        (found,) = (await operator.get("/v1/reports/rewards")).json()["days"]
        none = (await operator.get("/v1/reports/rewards", params={"reward": "mug"})).json()["days"]
    assert (found["reward"], found["orders"], found["quantity"], found["points"]) == ("course", 2, 3, 300)
    assert (found["orders_undone"], found["quantity_undone"], found["points_undone"]) == (1, 1, 100)
    assert none == []


async def test_an_unknown_wallet_is_named(points_database: Database, client: Any) -> None:
    async with client(role="operator") as operator:
        for path in (POINTS, LIABILITY):
            answer = await operator.get(path, params={"wallet": "pionts"})
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_wallet_type"), path


async def test_what_has_expired_costs_nothing_before_the_sweep(points_database: Database, client: Any) -> None:
    ann = await member(points_database)
    await happen(points_database, programme(expiry_months=1))
    await happen(points_database, purchase(ann, "a1", 10_000))
    async with client(role="operator") as operator:
        found = (await operator.get(LIABILITY)).json()
    assert (found["outstanding"], found["expected"], found["liability"]) == (0, 0, 0)


async def test_points_that_came_back_with_grace_are_issued_once(points_database: Database, client: Any) -> None:
    """Spent, expired meanwhile, given back: they go from the month they were earned in to the one they live again."""
    ann, now = await member(points_database), datetime.now(UTC)
    await happen(points_database, programme(expiry_months=1))
    await happen(points_database, purchase(ann, "a1", 10_000, at=now))
    async with client(role="operator") as operator:
        body = {"member_id": str(ann), "reference": "cup", "points": 60}
        redeemed = (await operator.post("/v1/redemptions", json=body)).json()
        await value(points_database, "UPDATE lots SET expires_at = now() - interval '1 hour' RETURNING 1")
        path = f"/v1/redemptions/{redeemed['redemption_id']}/cancel"
        assert (await operator.post(path, json={"reason": "sold out"})).status_code == 200
        found = (await operator.get(LIABILITY)).json()
    assert (found["outstanding"], sum(one["spent"] for one in found["cohorts"])) == (60, 0)
    assert sum(one["points"] for one in found["cohorts"]) == 100
