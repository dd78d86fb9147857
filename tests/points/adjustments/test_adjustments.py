"""People correct wallets: with a reason, with a second person above the limit, and never below nothing unsaid."""

import asyncio
import json
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.storage import Database
from tests.points.conftest import Client
from tests.points.redemption.world import account, holds_together, lots, open_lots, owe, post, redeem, rich, soon
from tests.points.world import PAYLOADS, happen, programme, rows, value


async def adjust(client: Client, member_id: UUID, kind: str, points: int, status: int = 201, **more: Any) -> Any:
    body = {"member_id": str(member_id), "kind": kind, "points": points, "reason": "goodwill", **more}
    return await post(client, "/v1/adjustments", body, status)


async def decide(client: Client, adjustment_id: str, verb: str, status: int = 200) -> Any:
    return await post(client, f"/v1/adjustments/{adjustment_id}/{verb}", {"note": "seen"}, status)


async def reverse(client: Client, adjustment_id: str, status: int = 201, **body: Any) -> Any:
    return await post(client, f"/v1/adjustments/{adjustment_id}/reverse", body, status)


async def events(database: Database) -> list[dict[str, Any]]:
    found = await rows(database, f"{PAYLOADS} WHERE routing_key = 'points.adjusted.v1' ORDER BY id")
    return [json.loads(row.body) for row in found]


async def test_credit_opens_a_lot_with_the_expiry_that_was_chosen(points_database: Database, operator: Client) -> None:
    await happen(points_database, programme(expiry_months=12))
    someone, end = await rich(points_database), soon(days=3).replace(microsecond=0)
    at = await adjust(operator, someone, "credit", 10, expiry="at", expires_at=end.isoformat(), note="对不起")
    never = await adjust(operator, someone, "credit", 20, expiry="never")
    usual = await adjust(operator, someone, "credit", 30)
    assert (at["state"], at["sequence"], at["note"], never["expires_at"]) == ("posted", 1, "对不起", None)
    assert soon(days=360) < datetime.fromisoformat(usual["expires_at"]) < soon(days=370)
    assert [points for points, _ in await open_lots(points_database, someone)] == [10, 30, 20]
    assert [(one["points"], one["reason"], one["note"]) for one in await events(points_database)] == [
        (10, "goodwill", "对不起"),
        (20, "goodwill", ""),
        (30, "goodwill", ""),
    ]
    passed = await adjust(operator, someone, "credit", 1, 422, expiry="at", expires_at=soon(days=-1).isoformat())
    assert passed["code"] == "expiry_passed"


async def test_credit_repays_debt_first(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database)
    await owe(points_database, someone, 30)
    await adjust(operator, someone, "credit", 50)
    assert await account(points_database, someone) == (20, 0, 0, 0)


async def test_debit_overdraws_only_when_debt_is_allowed(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (60, None))
    refused = await adjust(operator, someone, "debit", 90, 409)
    assert (refused["code"], refused["balance"], refused["need"]) == ("insufficient_points", 60, 90)
    done = await adjust(operator, someone, "debit", 90, allow_debt=True)
    assert (done["shortfall"], await account(points_database, someone)) == (30, (0, 30, 0, 0))
    assert (await adjust(operator, someone, "debit", 1, 409))["debt"] == 30
    more = await adjust(operator, someone, "debit", 5, allow_debt=True)
    assert more["shortfall"] == 5
    assert [one["points"] for one in await events(points_database)] == [-90, -5]
    await holds_together(points_database)


async def test_debt_is_written_off_as_far_as_there_is_any(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database)
    await owe(points_database, someone, 30)
    assert (await adjust(operator, someone, "write_off", 31, 409))["debt"] == 30
    done = await adjust(operator, someone, "write_off", 30)
    assert await account(points_database, someone) == (0, 0, 0, 0)
    await lots(points_database, someone, (50, None))
    await reverse(operator, done["adjustment_id"])
    assert await account(points_database, someone) == (20, 0, 0, 0)
    await holds_together(points_database)


async def test_above_the_limit_a_second_person_must_agree(points_database: Database, client: Any) -> None:
    someone = await rich(points_database, (60, None))
    async with client(role="support", subject="staff:ann") as ann, client(role="operator", subject="staff:bo") as bo:
        asked = await adjust(ann, someone, "credit", 1_001)
        assert (asked["state"], asked["sequence"], asked["asked_by"]) == ("pending", None, "staff:ann")
        assert await account(points_database, someone) == (60, 0, 0, 0)
        waiting = (await bo.get("/v1/adjustments", params={"state": "pending"})).json()["items"]
        assert [one["adjustment_id"] for one in waiting] == [asked["adjustment_id"]]
        assert (await decide(ann, asked["adjustment_id"], "approve", 403))["permission"] == "points:approve"
        done = await decide(bo, asked["adjustment_id"], "approve")
        assert (done["state"], done["decided_by"], done["decision_note"]) == ("posted", "staff:bo", "seen")
        assert await account(points_database, someone) == (1_061, 0, 0, 0)
        assert (await decide(bo, asked["adjustment_id"], "approve", 409))["code"] == "adjustment_state"
    actions = await rows(points_database, "SELECT action, actor FROM audit_log ORDER BY id")
    assert [tuple(row) for row in actions] == [("adjustment.asked", "staff:ann"), ("adjustment.posted", "staff:bo")]


async def test_who_asked_cannot_approve_but_may_take_it_back(points_database: Database, client: Any) -> None:
    someone = await rich(points_database)
    async with client(role="admin", subject="staff:ann") as ann:
        asked = await adjust(ann, someone, "credit", 5_000)
        refused = await decide(ann, asked["adjustment_id"], "approve", 403)
        assert (refused["code"], refused["asked_by"]) == ("second_person_needed", "staff:ann")
        assert (await decide(ann, asked["adjustment_id"], "reject"))["state"] == "rejected"
        assert (await decide(ann, asked["adjustment_id"], "reject", 409))["state"] == "rejected"
    assert await account(points_database, someone) == (0, 0, 0, 0)
    assert await events(points_database) == []


async def test_debit_that_was_approved_late_is_refused_when_the_points_are_gone(
    points_database: Database, client: Any
) -> None:
    someone = await rich(points_database, (2_000, None))
    async with client(role="admin", subject="staff:ann") as ann, client(role="admin", subject="staff:bo") as bo:
        asked = await adjust(ann, someone, "debit", 1_500)
        await redeem(ann, someone, 1_000)
        assert (await decide(bo, asked["adjustment_id"], "approve", 409))["code"] == "insufficient_points"
        assert (await ann.get(f"/v1/adjustments/{asked['adjustment_id']}")).json()["state"] == "pending"


async def test_reversal_of_a_credit_takes_its_own_lot_first(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (50, soon(days=1)))
    given = await adjust(operator, someone, "credit", 40, expiry="never")
    undone = await reverse(operator, given["adjustment_id"], note="by mistake")
    assert (undone["kind"], undone["reverses"], undone["points"]) == ("reversal", given["adjustment_id"], 40)
    assert [points for points, _ in await open_lots(points_database, someone)] == [50]
    assert (await reverse(operator, given["adjustment_id"], 409))["state"] == "reversed"
    assert (await reverse(operator, undone["adjustment_id"], 409))["code"] == "adjustment_state"
    assert await value(points_database, "SELECT count(*) FROM transfers") == 3


async def test_reversal_of_a_spent_credit_is_refused_or_leaves_debt(
    points_database: Database, operator: Client
) -> None:
    someone = await rich(points_database)
    given = await adjust(operator, someone, "credit", 40)
    await redeem(operator, someone, 30)
    assert (await reverse(operator, given["adjustment_id"], 409))["balance"] == 10
    undone = await reverse(operator, given["adjustment_id"], allow_debt=True)
    assert (undone["shortfall"], await account(points_database, someone)) == (30, (0, 30, 0, 0))
    await holds_together(points_database)


async def test_reversal_of_a_debit_restores_its_lots(points_database: Database, operator: Client) -> None:
    end = soon(days=2)
    someone = await rich(points_database, (50, end), (5, None))
    taken = await adjust(operator, someone, "debit", 70, allow_debt=True)
    await reverse(operator, taken["adjustment_id"])
    assert await account(points_database, someone) == (55, 0, 0, 0)
    assert await open_lots(points_database, someone) == [(50, end), (5, None)]
    assert [one["points"] for one in await events(points_database)] == [-70, 70]
    await holds_together(points_database)


async def test_reversal_above_the_limit_waits_too_and_only_once(points_database: Database, client: Any) -> None:
    someone = await rich(points_database)
    async with client(role="admin", subject="staff:ann") as ann, client(role="admin", subject="staff:bo") as bo:
        asked = await adjust(ann, someone, "credit", 2_000)
        await decide(bo, asked["adjustment_id"], "approve")
        waits = await reverse(ann, asked["adjustment_id"])
        assert waits["state"] == "pending"
        assert (await reverse(bo, asked["adjustment_id"], 409))["state"] == "reversed"
        await decide(bo, waits["adjustment_id"], "reject")
        again = await reverse(ann, asked["adjustment_id"])
        assert (await decide(bo, again["adjustment_id"], "approve"))["state"] == "posted"
    assert await account(points_database, someone) == (0, 0, 0, 0)


async def test_policy_names_reasons_and_the_limit(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database)
    answer = await operator.put("/v1/adjustment-policy", json={"approve_above_points": None, "reasons": ["fraud"]})
    assert answer.json()["revision"] == 1
    refused = await adjust(operator, someone, "credit", 10_000, 422)
    assert (refused["code"], refused["known"]) == ("unknown_reason", ["fraud"])
    assert (await adjust(operator, someone, "credit", 10_000, reason="fraud"))["state"] == "posted"
    stale = await operator.put("/v1/adjustment-policy", json={}, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    assert (await operator.get("/v1/adjustment-policy")).json()["reasons"] == ["fraud"]


@pytest.mark.parametrize(
    "change",
    [
        {"points": 0},
        {"kind": "gift"},
        {"expiry": "at"},
        {"expires_at": "2090-01-01T00:00:00Z"},
        {"kind": "debit", "expiry": "never"},
        {"allow_debt": True},
        {"reason": ""},
        {"note": "x" * 2_001},
    ],
)
async def test_bad_adjustments_are_refused(points_database: Database, operator: Client, change: dict[str, Any]) -> None:
    body = {"member_id": str(uuid4()), "kind": "credit", "points": 5, "reason": "goodwill", **change}
    assert (await operator.post("/v1/adjustments", json=body)).status_code == 422
    assert await value(points_database, "SELECT count(*) FROM adjustments") == 0


async def test_unknown_members_adjustments_and_wallets(points_database: Database, operator: Client) -> None:
    assert (await adjust(operator, uuid4(), "credit", 5, 404))["code"] == "unknown_member"
    assert (await adjust(operator, uuid4(), "credit", 5_000, 404))["code"] == "unknown_member"
    assert (await decide(operator, str(uuid4()), "approve", 404))["code"] == "unknown_adjustment"
    someone = await rich(points_database)
    assert (await adjust(operator, someone, "credit", 5, 404, wallet="pionts"))["code"] == "unknown_wallet_type"


async def test_list_filters(points_database: Database, operator: Client) -> None:
    someone, other = await rich(points_database), await rich(points_database)
    await adjust(operator, someone, "credit", 5)
    await adjust(operator, someone, "credit", 6, reason="fraud")
    await adjust(operator, other, "credit", 5_000)

    async def found(**query: Any) -> list[int]:
        items = (await operator.get("/v1/adjustments", params=query)).json()["items"]
        return [one["points"] for one in items]

    assert await found() == [5_000, 6, 5]
    assert await found(member_id=str(someone), reason="fraud") == [6]
    assert await found(state="pending") == [5_000]
    assert await found(asked_by="nobody") == []
    first = (await operator.get("/v1/adjustments", params={"limit": 2})).json()
    assert await found(limit=2, cursor=first["next"]) == [5]


async def test_hundred_debits_at_once_take_what_is_there(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (50, None), (54, soon(days=1)))
    body = {"member_id": str(someone), "kind": "debit", "points": 2, "reason": "fraud"}
    answers = await asyncio.gather(*(operator.post("/v1/adjustments", json=body) for _ in range(100)))
    assert Counter(answer.status_code for answer in answers) == {201: 52, 409: 48}
    assert await account(points_database, someone) == (0, 0, 0, 0)


async def test_credits_at_once_open_a_wallet_of_another_type_once(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database)
    body = {"member_id": str(someone), "kind": "credit", "points": 2, "reason": "goodwill", "wallet": "growth"}
    answers = await asyncio.gather(*(operator.post("/v1/adjustments", json=body) for _ in range(30)))
    assert Counter(answer.status_code for answer in answers) == {201: 30}
    assert await account(points_database, someone, "growth") == (60, 0, 0, 0)


async def test_debit_agreed_to_after_a_merge_is_the_survivors_and_can_be_reversed(
    points_database: Database, client: Any
) -> None:
    stays, absorbed = await rich(points_database, (5_000, None)), await rich(points_database, (3_000, None))
    async with client(role="operator") as ann, client(role="operator", subject="boss") as boss:
        asked = await adjust(ann, absorbed, "debit", 2_000)
        await post(ann, "/v1/merges", {"member_id": str(stays), "absorbed_member_id": str(absorbed)})
        done = await decide(boss, asked["adjustment_id"], "approve")
        assert done["member_id"] == str(stays)
        assert (await ann.get(f"/v1/adjustments/{asked['adjustment_id']}")).json() == done
        back = await reverse(ann, asked["adjustment_id"])
        await decide(boss, back["adjustment_id"], "approve")
    assert await account(points_database, stays) == (8_000, 0, 0, 0)
    await holds_together(points_database)


async def test_credit_that_would_have_expired_when_it_is_agreed_to_is_refused(
    points_database: Database, client: Any
) -> None:
    someone = await rich(points_database)
    async with client(role="operator") as ann, client(role="operator", subject="boss") as boss:
        asked = await adjust(ann, someone, "credit", 2_000, expiry="at", expires_at=soon(days=1).isoformat())
        await rows(points_database, "UPDATE adjustments SET expires_at = now() - interval '1 second' RETURNING 1")
        refused = await decide(boss, asked["adjustment_id"], "approve", 422)
        assert refused["code"] == "expiry_passed"
        await decide(boss, asked["adjustment_id"], "reject")
    assert await account(points_database, someone) == (0, 0, 0, 0)
