"""What-ifs on real purchases: what they answer, and that nothing else changes."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.runtime.service import Context
from common.storage import Database
from points.simulation.handlers import run, run_next
from tests.points.world import day, happen, member, purchase, refund, rows, tiers, value

RATE = {"kind": "rate", "points": 1, "per_minor_units": 100}
WINDOW = {"occurred_from": "2025-01-01T00:00:00Z", "occurred_until": "2026-01-01T00:00:00Z"}


def rule(key: str, effect: dict[str, Any], **more: Any) -> dict[str, Any]:
    definition = {"names": {"en": key}, "occasion": {"kind": "purchase"}, "effect": effect, **more}
    return {"rule": key, "definition": definition}


async def answer(client: Any, database: Database, *rules: dict[str, Any], without: tuple[str, ...] = ()) -> Any:
    """Ask, let a worker replay, and read the whole answer."""
    async with client(role="operator") as operator:
        body = {"name": "trial", "changes": {"rules": list(rules), "without": list(without)}, **WINDOW}
        asked = await operator.post("/v1/what-ifs", json=body)
        assert asked.status_code == 202, asked.text
        assert await run_next(database)
        return (await operator.get(f"/v1/what-ifs/{asked.json()['what_if_id']}")).json()


@pytest.fixture
async def shoppers(points_database: Database) -> tuple[UUID, UUID]:
    """Ann bought for 100.00 and 50.00, Ben for 200.00, of which half came back; he was gold then."""
    ann, ben = await member(points_database), await member(points_database)
    await happen(points_database, tiers(ben, 1, ("gold", day(-30))))
    await happen(
        points_database,
        purchase(ann, "a1", 10_000),
        purchase(ann, "a2", 5_000, at=day(40)),
        purchase(ben, "b1", 20_000),
        refund("b1", "r1", 10_000),
    )
    return ann, ben


async def test_the_same_rules_change_nothing(client: Any, points_database: Database, shoppers: Any) -> None:
    found = await answer(client, points_database, rule("purchase_rate", RATE))
    (wallet,) = found["result"]["wallets"]
    assert (wallet["before"], wallet["after"], wallet["cost"]) == (250, 250, 0)
    assert (found["state"], found["percent"], found["done"], found["purchases"]) == ("finished", 100.0, 3, 3)


async def test_today_side_is_what_members_have_got(client: Any, points_database: Database, shoppers: Any) -> None:
    found = await answer(client, points_database, without=("purchase_rate",))
    posted = await value(points_database, "SELECT sum(balance) FROM wallets WHERE wallet = 'points'")
    (wallet,) = found["result"]["wallets"]
    assert (wallet["before"], wallet["after"]) == (posted, 0)


async def test_a_bonus_is_told_by_tier_rule_month_and_member(
    client: Any, points_database: Database, shoppers: tuple[UUID, UUID]
) -> None:
    _, ben = shoppers
    gold = rule("gold_bonus", {"kind": "fixed", "points": 30}, when={"kind": "tier", "one_of": ["gold"]})
    result = (await answer(client, points_database, gold))["result"]
    assert [(one["tier"], one["difference"]) for one in result["tiers"]] == [("base", 0), ("gold", 15)]
    assert {one["rule"]: one["after"] for one in result["rules"]} == {"gold_bonus": 15, "purchase_rate": 250}
    assert [(one["month"], one["difference"]) for one in result["months"]] == [("2025-03", 15), ("2025-04", 0)]
    assert [(one["member_id"], one["difference"]) for one in result["winners"]] == [(str(ben), 15)]
    assert result["losers"] == []
    assert (result["better"], result["worse"]) == (1, 0)


async def test_two_rules_that_pay_the_same_purchase_are_named_before_anything_is_published(
    client: Any, points_database: Database, shoppers: Any
) -> None:
    bonus = rule("bonus", {"kind": "fixed", "points": 10})
    (double,) = (await answer(client, points_database, bonus))["result"]["double_payments"]
    assert double["rules"] == ["bonus", "purchase_rate"]
    assert (double["purchases_before"], double["purchases_after"], double["is_new"]) == (0, 3, True)
    assert double["points"] == 25


async def test_a_saved_draft_can_be_tried_and_an_unknown_one_is_refused(
    client: Any, points_database: Database, shoppers: Any
) -> None:
    draft = rule("bonus", {"kind": "fixed", "points": 10})["definition"]
    async with client(role="operator") as operator:
        assert (await operator.put("/v1/earning-rules/bonus/draft", json=draft)).status_code < 300
        asked = (await operator.post("/v1/what-ifs", json={"drafts": ["bonus"], **WINDOW})).json()
        unknown = await operator.post("/v1/what-ifs", json={"drafts": ["nobody"], **WINDOW})
        twice = await operator.post("/v1/what-ifs", json={"drafts": ["bonus", "bonus"], **WINDOW})
        await operator.delete("/v1/earning-rules/bonus/draft")
        assert await run_next(points_database)
        found = (await operator.get(f"/v1/what-ifs/{asked['what_if_id']}")).json()
    assert {one["rule"]: one["after"] for one in found["result"]["rules"]} == {"purchase_rate": 250, "bonus": 25}
    assert (unknown.status_code, twice.status_code) == (404, 422)


async def test_limits_count_from_zero_on_both_sides(client: Any, points_database: Database, shoppers: Any) -> None:
    once = {"scope": "member", "period": "ever", "unit": "uses", "amount": 1}
    limited = rule("once", {"kind": "fixed", "points": 10}, limits=[once])
    result = (await answer(client, points_database, limited))["result"]
    assert {one["rule"]: one["after"] for one in result["rules"]}["once"] == 15


async def test_nothing_is_written_but_the_answer(client: Any, points_database: Database, shoppers: Any) -> None:
    tables = ("transfers", "lots", "wallets", "accruals", "purchases", "outbox", "earning_rules")
    before = [await rows(points_database, f"SELECT * FROM {table}") for table in tables]
    await answer(client, points_database, rule("bonus", {"kind": "fixed", "points": 10}))
    assert [await rows(points_database, f"SELECT * FROM {table}") for table in tables] == before


async def test_a_what_if_that_changes_nothing_is_refused(client: Any) -> None:
    async with client(role="operator") as operator:
        refused = await operator.post("/v1/what-ifs", json={"changes": {}})
    assert (refused.status_code, refused.json()["code"]) == (422, "nothing_changed")


async def test_a_time_that_ends_before_it_begins_is_refused(client: Any) -> None:
    body = {"changes": {"without": ["purchase_rate"]}, "occurred_from": "2025-02-01T00:00:00Z"}
    async with client(role="operator") as operator:
        for until in ("2025-02-01T00:00:00Z", "2025-01-01T00:00:00Z"):
            refused = await operator.post("/v1/what-ifs", json={**body, "occurred_until": until})
            assert (refused.status_code, refused.json()["code"]) == (422, "empty_range")
        later = await operator.post("/v1/what-ifs", json={**body, "occurred_from": "2999-01-01T00:00:00Z"})
        assert (later.status_code, later.json()["code"]) == (422, "empty_range")


async def test_leaving_out_a_rule_that_there_is_not_is_refused(client: Any) -> None:
    async with client(role="operator") as operator:
        asked = await operator.post("/v1/what-ifs", json={"changes": {"without": ["purchase_rat"]}})
        cart = {"occasion": {"kind": "purchase", "amount": 100}, "person": {}, "without": ["purchase_rat"]}
        tried = await operator.post("/v1/earning-rules/simulate", json=cart)
    for answer in (asked, tried):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_rule")


async def test_one_that_waits_can_be_cancelled_once(client: Any, points_database: Database) -> None:
    async with client(role="operator") as operator:
        body = {"changes": {"without": ["purchase_rate"]}}
        what_if_id = (await operator.post("/v1/what-ifs", json=body)).json()["what_if_id"]
        first = await operator.post(f"/v1/what-ifs/{what_if_id}/cancel")
        again = await operator.post(f"/v1/what-ifs/{what_if_id}/cancel")
        unknown = await operator.post(f"/v1/what-ifs/{uuid4()}/cancel")
        listed = (await operator.get("/v1/what-ifs", params={"state": "cancelled"})).json()["items"]
    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert (again.status_code, again.json()["code"], again.json()["state"]) == (409, "what_if_over", "cancelled")
    assert unknown.status_code == 404
    assert [one["what_if_id"] for one in listed] == [what_if_id]
    assert not await run_next(points_database)


async def test_one_whose_worker_ended_is_begun_again(client: Any, points_database: Database, shoppers: Any) -> None:
    async with client(role="operator") as operator:
        body = {"changes": {"without": ["purchase_rate"]}, **WINDOW}
        what_if_id = (await operator.post("/v1/what-ifs", json=body)).json()["what_if_id"]
        stopped = asyncio.Event()
        stopped.set()
        assert await run_next(points_database, stopped)
        half = (await operator.get(f"/v1/what-ifs/{what_if_id}")).json()
        assert half["state"] == "running"
        assert not await run_next(points_database), "its worker may still be at work"
        async with points_database.transaction() as tx:
            await tx.execute("UPDATE what_ifs SET seen_at = seen_at - interval '2 minutes'")
        assert await run_next(points_database)
        whole = (await operator.get(f"/v1/what-ifs/{what_if_id}")).json()
    assert (whole["state"], whole["done"]) == ("finished", 3)


async def test_a_broken_one_says_why_and_the_next_one_runs(client: Any, points_database: Database) -> None:
    async with client(role="operator") as operator:
        body = {"changes": {"without": ["purchase_rate"]}}
        await operator.post("/v1/what-ifs", json=body)
        async with points_database.transaction() as tx:
            await tx.execute("""UPDATE what_ifs SET changes = '{"rules": 7}'""")
        await operator.post("/v1/what-ifs", json=body)
    assert await run_next(points_database)
    assert await run_next(points_database)
    states = await rows(points_database, "SELECT state, problem FROM what_ifs ORDER BY asked_at")
    assert [row.state for row in states] == ["failed", "finished"]
    assert states[0].problem.startswith("ValidationError")


async def test_the_loop_outlives_a_database_that_is_away(points_database: Database, shoppers: Any, client: Any) -> None:
    """A loop that ends takes its worker with it."""
    away = Database("postgresql://nobody:nothing@127.0.0.1:9/nowhere", service="points")
    stop = asyncio.Event()
    running = asyncio.create_task(run(Context(service="points", settings=None, database=away), stop))
    await asyncio.sleep(0.5)
    assert not running.done()
    stop.set()
    await running
    await away.close()


async def test_one_whose_database_goes_away_is_no_failure(
    points_database: Database, shoppers: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(role="operator") as operator:
        await operator.post("/v1/what-ifs", json={"changes": {"without": ["purchase_rate"]}, **WINDOW})

    async def gone(*_: object) -> None:
        raise OSError("the server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr("points.simulation.handlers._replay", gone)
        with pytest.raises(OSError, match="closed"):
            await run_next(points_database)
    assert await value(points_database, "SELECT state FROM what_ifs") == "running"
