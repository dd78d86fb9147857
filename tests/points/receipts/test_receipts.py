"""Receipts over HTTP hold by themselves, whatever happened to the member."""

import json
from typing import Any
from uuid import uuid4

from common.storage import Database
from loyalty.receipts import CANONICAL, Receipt, problems_between, problems_of, read
from points.receipts.api import CANONICAL as OURS
from tests.points.conftest import Client
from tests.points.redemption.world import cancel, hold, lots, owe, redeem, rich, soon
from tests.points.world import day, happen, member, purchase, registered


async def receipt(client: Client, member_id: Any, **query: Any) -> tuple[Receipt, Any]:
    answer = await client.get(f"/v1/members/{member_id}/receipt", params=query)
    assert answer.status_code == 200, answer.text
    return read(answer.text), answer.json()


async def test_the_words_in_a_receipt_are_those_that_are_checked() -> None:
    assert OURS == CANONICAL


async def test_receipt_of_everything_that_can_happen_holds(points_database: Database, operator: Client) -> None:
    someone, other = await rich(points_database, (100, soon(days=2))), await rich(points_database)
    await happen(points_database, purchase(someone, "订单/1\u00e9", 50_00, at=day(1)))
    held = await hold(operator, someone, 30)
    await cancel(operator, held["redemption_id"])
    done = await redeem(operator, someone, 40)
    await cancel(operator, done["redemption_id"], points=10)
    gift = {"member_id": str(someone), "recipient_id": str(other), "points": 20}
    assert (await operator.post("/v1/gifts", json=gift)).status_code == 201
    await owe(points_database, other, 50)
    await lots(points_database, other, (60, None))
    merge = {"member_id": str(other), "absorbed_member_id": str(someone)}
    assert (await operator.post("/v1/merges", json=merge)).status_code == 201
    for one in (someone, other):
        found, body = await receipt(operator, one)
        assert list(problems_of(found)) == []
        assert body["complete"] is True
        assert body["head"]["sequence"] == len(body["transfers"]) > 3


async def test_receipt_goes_on_from_what_the_member_has(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None), (50, None))
    older, before = await receipt(operator, someone)
    await redeem(operator, someone, 40)
    await redeem(operator, someone, 30)
    known = {"sequence": before["head"]["sequence"], "hash": before["head"]["hash"]}
    newer, body = await receipt(operator, someone, **known)
    assert [one["sequence"] for one in body["transfers"]] == [3, 4]
    assert [*problems_of(newer), *problems_between(older, newer)] == []
    part, first = await receipt(operator, someone, limit=1)
    assert (first["complete"], len(first["transfers"]), list(problems_of(part))) == (False, 1, [])
    refused = await operator.get(f"/v1/members/{someone}/receipt", params={**known, "hash": "ab" * 32})
    assert (refused.status_code, refused.json()["code"], refused.json()["ours"]) == (
        *(409, "receipt_mismatch"),
        known["hash"],
    )
    ahead = await operator.get(f"/v1/members/{someone}/receipt", params={"sequence": 5})
    assert (ahead.status_code, ahead.json()["newest"]) == (404, 4)


async def test_empty_wallets_have_receipts_and_strangers_have_none(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    found, body = await receipt(operator, someone)
    assert (body["transfers"], body["head"], body["complete"]) == ([], {"sequence": 0, "hash": "0" * 64}, True)
    assert list(problems_of(found)) == []
    assert (await operator.get(f"/v1/members/{uuid4()}/receipt")).status_code == 404
    assert (await operator.get(f"/v1/members/{someone}/receipt", params={"hash": "x"})).status_code == 422


async def test_receipt_works_after_erasure_and_names_nobody(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None))
    await redeem(operator, someone, 40, order={"order_id": "o", "amount": 100, "currency": "CNY"})
    await happen(points_database, registered(someone, revision=9, status="erased"))
    found, body = await receipt(operator, someone)
    assert list(problems_of(found)) == []
    named = {name for one in body["transfers"] for name in one}
    assert named.isdisjoint({"name", "phone", "email", "note", "message"})
    assert "goodwill" not in json.dumps(body)
