"""Holds and redemptions over HTTP, on real PostgreSQL."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

from common.storage import Database
from points.redemption import holds
from tests.points.conftest import Client
from tests.points.redemption.world import (
    account,
    cancel,
    confirm,
    hold,
    holds_together,
    lots,
    open_lots,
    owe,
    redeem,
    rich,
    soon,
)
from tests.points.world import PAYLOADS, happen, member, programme, purchase, refund, rows, value


async def told(database: Database, word: str) -> list[dict[str, Any]]:
    found = await rows(database, f"{PAYLOADS} WHERE routing_key = :word ORDER BY id", word=word)
    return [json.loads(row.body) for row in found]


async def test_one_step_spends_the_earliest_expiring_lots_first(points_database: Database, operator: Client) -> None:
    first, second = soon(days=1), soon(days=2)
    someone = await rich(points_database, (50, None), (30, second), (20, first))
    done = await redeem(operator, someone, 60, order={"order_id": "订单-1", "amount": 500, "currency": "CNY"})
    assert (done["state"], done["points"], done["value"], done["order_id"]) == ("confirmed", 60, 60, "订单-1")
    assert await open_lots(points_database, someone) == [(40, None)]
    (event,) = await told(points_database, "points.redeemed.v1")
    assert (event["points"], event["balance"], event["redemption_id"]) == (60, 40, done["redemption_id"])
    assert (event["reason"], event["reference"]) == ("checkout", "订单-1")


async def test_hold_is_spent_when_confirmed(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None))
    held = await hold(operator, someone, 70)
    assert (held["state"], held["points"], held["held"]) == ("held", 0, 70)
    assert await account(points_database, someone) == (30, 0, 0, 70)
    assert (await redeem(operator, someone, 31, 409))["balance"] == 30
    done = await confirm(operator, held["redemption_id"])
    assert (done["state"], done["points"]) == ("confirmed", 70)
    assert await confirm(operator, held["redemption_id"]) == done
    assert (await confirm(operator, held["redemption_id"], 409, points=3))["code"] == "redemption_state"
    assert await account(points_database, someone) == (30, 0, 0, 0)
    assert [event["hold_id"] for event in await told(points_database, "points.held.v1")] == [held["redemption_id"]]
    assert len(await told(points_database, "points.redeemed.v1")) == 1
    await holds_together(points_database)


async def test_hold_confirmed_in_part_gives_the_rest_back(points_database: Database, operator: Client) -> None:
    early, late = soon(days=1), soon(days=9)
    someone = await rich(points_database, (40, early), (60, late))
    order = {"order_id": "o", "amount": 300, "currency": "CNY", "lines": [{"sku": "a", "amount": 100}] * 3}
    held = await hold(operator, someone, 80, order=order)
    assert [line["points"] for line in held["lines"]] == [27, 27, 26]
    done = await confirm(operator, held["redemption_id"], points=50)
    assert (done["points"], done["held"], done["value"]) == (50, 80, 50)
    assert [line["points"] for line in done["lines"]] == [17, 17, 16]
    assert await open_lots(points_database, someone) == [(50, late)]
    (event,) = await told(points_database, "points.hold_ended.v1")
    assert (event["points"], event["outcome"]) == (30, "confirmed_in_part")
    assert (await confirm(operator, held["redemption_id"], 409, points=81))["code"] == "redemption_state"


async def test_cancelled_hold_leaves_the_lots_as_they_were(points_database: Database, operator: Client) -> None:
    early, late = soon(days=1), soon(days=9)
    someone = await rich(points_database, (40, early), (60, late))
    held = await hold(operator, someone, 80)
    ended = await cancel(operator, held["redemption_id"], reason="changed mind")
    assert (ended["state"], ended["points"]) == ("cancelled", 0)
    assert await cancel(operator, held["redemption_id"]) == ended
    assert await open_lots(points_database, someone) == [(40, early), (60, late)]
    assert (await confirm(operator, held["redemption_id"], 409))["state"] == "cancelled"
    (event,) = await told(points_database, "points.hold_ended.v1")
    assert (event["outcome"], event["balance"]) == ("cancelled", 100)
    await holds_together(points_database)


async def test_part_of_a_hold_cannot_be_cancelled(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (40, None))
    held = await hold(operator, someone, 40)
    assert (await cancel(operator, held["redemption_id"], 409, points=10))["code"] == "redemption_state"
    assert (await confirm(operator, held["redemption_id"], 409, points=41))["rule"] == "held"


async def overdue(database: Database, redemption_id: str) -> None:
    async with database.transaction() as tx:
        past = "UPDATE redemptions SET expires_at = now() - interval '1 second' WHERE redemption_id = :id"
        await tx.execute(past, {"id": UUID(redemption_id)})


async def spent_lots_end(database: Database, member_id: UUID) -> None:
    """Lots that were used up whole have expired by now."""
    async with database.transaction() as tx:
        past = "UPDATE lots SET expires_at = now() - interval '1 second' WHERE member_id = :id AND remaining = 0"
        assert await tx.execute(past, {"id": member_id}) == 1


async def test_overdue_hold_ends_by_itself_and_cannot_be_confirmed(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (40, soon(days=3)))
    held = await hold(operator, someone, 40, hold_seconds=5)
    await overdue(points_database, held["redemption_id"])
    refused = await confirm(operator, held["redemption_id"], 409)
    assert refused["code"] == "hold_expired"
    for _ in range(2):
        async with points_database.transaction() as tx:
            await holds.end_overdue(tx)
    assert await account(points_database, someone) == (40, 0, 0, 0)
    assert [event["outcome"] for event in await told(points_database, "points.hold_ended.v1")] == ["expired"]
    assert (await confirm(operator, held["redemption_id"], 409))["state"] == "expired"
    await holds_together(points_database)


async def test_a_hold_prolongs_no_life(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (40, soon(days=1)))
    held = await hold(operator, someone, 40)
    await spent_lots_end(points_database, someone)
    await cancel(operator, held["redemption_id"])
    balance = (await operator.get(f"/v1/members/{someone}/balance")).json()["wallets"][0]
    assert balance["available"] == 0
    assert (await redeem(operator, someone, 1, 409))["code"] == "insufficient_points"


async def test_redemption_given_back_restores_lots_and_renews_what_expired(
    points_database: Database, operator: Client
) -> None:
    await happen(points_database, programme(grace_days=5))
    late = soon(days=30)
    someone = await rich(points_database, (40, soon(days=1)), (60, late))
    done = await redeem(operator, someone, 70)
    await spent_lots_end(points_database, someone)
    back = await cancel(operator, done["redemption_id"], reason="returned", reference="ret-1")
    (receipt,) = back["returns"]
    assert (receipt["points"], receipt["restored"], receipt["renewed"]) == (70, 30, 40)
    assert receipt["grace_until"] is not None
    assert (back["state"], back["given_back"]) == ("given_back", 70)
    found = await open_lots(points_database, someone)
    assert [points for points, _ in found] == [40, 60]
    assert found[1] == (60, late)
    assert soon(days=4.9) < (found[0][1] or late) < soon(days=5.1)
    assert await cancel(operator, done["redemption_id"]) == back
    (event,) = await told(points_database, "points.given_back.v1")
    assert (event["points"], event["renewed"], event["balance"]) == (70, 40, 100)
    await holds_together(points_database)


async def test_what_is_only_renewed_is_written_down_with_the_lot_it_was_taken_from(
    points_database: Database, operator: Client
) -> None:
    someone = await rich(points_database, (40, soon(days=1)))
    done = await redeem(operator, someone, 40)
    await spent_lots_end(points_database, someone)
    for reference, points in (("ret-1", 30), ("ret-2", 10)):
        await cancel(operator, done["redemption_id"], points=points, reference=reference)
    found = await rows(points_database, "SELECT points, renewed FROM lot_restorations ORDER BY sequence")
    assert [(row.points, row.renewed) for row in found] == [(30, True), (10, True)]


async def test_lines_are_given_back_with_their_own_points(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (1_000, None))
    lines = [{"sku": "茶", "amount": 333}, {"sku": "杯", "amount": 333}, {"sku": "壶", "amount": 334}]
    done = await redeem(
        operator, someone, 100, order={"order_id": "o", "amount": 1_000, "currency": "CNY", "lines": lines}
    )
    assert [line["points"] for line in done["lines"]] == [33, 33, 34]
    part = await cancel(operator, done["redemption_id"], lines=[2], reference="r1")
    assert (part["state"], part["given_back"], part["returns"][0]["lines"]) == ("confirmed", 33, {"2": 33})
    assert await cancel(operator, done["redemption_id"], lines=[2], reference="r1") == part
    assert (await cancel(operator, done["redemption_id"], 409, lines=[3], reference="r1"))["code"] == "reference_reused"
    assert (await cancel(operator, done["redemption_id"], 409, lines=[2]))["code"] == "redemption_state"
    assert (await cancel(operator, done["redemption_id"], 422, lines=[4]))["code"] == "unknown_line"
    few = await cancel(operator, done["redemption_id"], points=7)
    assert [line["given_back"] for line in few["lines"]] == [3, 33, 4]
    assert (await cancel(operator, done["redemption_id"], 409, points=61))["allowed"] == 60
    whole = await cancel(operator, done["redemption_id"])
    assert (whole["state"], [one["points"] for one in whole["returns"]]) == ("given_back", [33, 7, 60])
    assert await account(points_database, someone) == (1_000, 0, 0, 0)


async def test_same_reference_is_the_same_redemption_and_another_body_is_refused(
    points_database: Database, operator: Client
) -> None:
    someone = await rich(points_database, (100, None))
    key: dict[str, Any] = {"source": "//shop", "reference": "R-1"}
    first = await redeem(operator, someone, 60, **key)
    assert await redeem(operator, someone, 60, **key) == first
    assert (await redeem(operator, someone, 59, 409, **key))["code"] == "reference_reused"
    assert (await hold(operator, someone, 60, 409, **key))["code"] == "reference_reused"
    assert await account(points_database, someone) == (40, 0, 0, 0)
    other = await rich(points_database, (100, None))
    assert (await redeem(operator, other, 60, 409, **key))["code"] == "reference_reused"
    found = await operator.get("/v1/redemptions/lookup", params=key)
    assert found.json()["redemption_id"] == first["redemption_id"]
    assert (await operator.get("/v1/redemptions/lookup", params={"reference": "?"})).status_code == 404


async def test_same_reference_at_the_same_time_is_one_redemption(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (1_000, None))
    answers = await asyncio.gather(*(redeem(operator, someone, 60, reference="R-1") for _ in range(20)))
    assert len({answer["redemption_id"] for answer in answers}) == 1
    assert await account(points_database, someone) == (940, 0, 0, 0)


async def test_idempotency_key_gives_the_first_answer_again(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None))
    body, key = {"member_id": str(someone), "points": 60}, {"Idempotency-Key": "k1"}
    answers = [await operator.post("/v1/redemptions", json=body, headers=key) for _ in range(3)]
    assert len({answer.text for answer in answers}) == 1
    assert await account(points_database, someone) == (40, 0, 0, 0)


async def test_who_owes_cannot_redeem(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None))
    await owe(points_database, someone, 10)
    refused = await redeem(operator, someone, 5, 409)
    assert (refused["code"], refused["debt"], refused["need"]) == ("insufficient_points", 10, 5)


async def test_points_given_back_to_who_owes_pay_the_debt_and_the_receipt_says_so(
    points_database: Database, operator: Client
) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "o", 100_00))
    done = await redeem(operator, someone, 60)
    await happen(points_database, refund("o", "r", 80_00))
    assert await account(points_database, someone) == (0, 40, 0, 0)
    for number, (points, repaid, after) in enumerate(((30, 30, (0, 10, 0, 0)), (30, 10, (20, 0, 0, 0)))):
        back = await cancel(operator, done["redemption_id"], points=points)
        assert [one["repaid"] for one in back["returns"]][number] == repaid
        assert await account(points_database, someone) == after
    assert (await operator.get(f"/v1/redemptions/{done['redemption_id']}")).json()["returns"] == back["returns"]
    await holds_together(points_database)


async def test_refusals_name_the_rule_and_change_nothing(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None))
    refused = await redeem(operator, someone, 101, 409)
    assert (refused["code"], refused["balance"], refused["need"]) == ("insufficient_points", 100, 101)
    assert (await redeem(operator, uuid4(), 1, 404))["code"] == "unknown_member"
    assert (await redeem(operator, someone, 1, 409, wallet="nothing"))["code"] == "insufficient_points"
    await lots(points_database, someone, (500, None), wallet="growth")
    assert (await redeem(operator, someone, 1, 409, wallet="growth"))["code"] == "wallet_not_spendable"
    order = {"order_id": "o", "amount": 50, "currency": "CNY"}
    assert (await redeem(operator, someone, 51, 409, order=order))["rule"] == "share_of_order"
    dollars = {**order, "currency": "USD"}
    assert (await redeem(operator, someone, 5, 422, order=dollars))["programme_currency"] == "CNY"
    uneven = {**order, "lines": [{"sku": "a", "amount": 49}]}
    assert (await redeem(operator, someone, 5, 422, order=uneven))["of_lines"] == 49
    for odd in ({"points": 0}, {"points": -1}, {"points": 1.5}, {"points": 1, "hold_seconds": 60}, {"points": 2**60}):
        answer = await operator.post("/v1/redemptions", json={"member_id": str(someone), **odd})
        assert answer.status_code == 422
    assert (await confirm(operator, str(uuid4()), 404))["code"] == "unknown_redemption"
    assert await account(points_database, someone) == (100, 0, 0, 0)
    assert await value(points_database, "SELECT count(*) FROM redemptions") == 0


async def test_list_filters_and_pages(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None))
    made = [await redeem(operator, someone, number) for number in (1, 2, 3)]
    held = await hold(operator, someone, 4)
    path = f"/v1/members/{someone}/redemptions"
    first = (await operator.get(path, params={"limit": 3})).json()
    second = (await operator.get(path, params={"limit": 3, "cursor": first["next"]})).json()
    found = [item["redemption_id"] for item in (*first["items"], *second["items"])]
    assert found == [one["redemption_id"] for one in (held, *reversed(made))]
    assert second["next"] is None
    only = (await operator.get(path, params={"state": "held"})).json()["items"]
    assert [item["redemption_id"] for item in only] == [held["redemption_id"]]
    late = await operator.get(path, params={"from": soon(hours=1).isoformat()})
    assert late.json()["items"] == []
    assert (await operator.get(f"/v1/redemptions/{held['redemption_id']}")).json()["held"] == 4
