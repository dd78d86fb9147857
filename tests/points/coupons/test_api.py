"""The doors of coupons: every refusal names itself with its facts, lists have pages, codes are seen by few."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.storage import Database
from points.coupon_codes.domain import PER_DEVICE
from points.coupon_codes.minting import mint
from tests.points.conftest import Client
from tests.points.coupons.world import SHOP, code_of, given, pool, template
from tests.points.world import member, rows, value

TERMS: dict[str, Any] = {"name_en": "Ten off", "benefit": {"kind": "amount", "amount": 10_00}}


@pytest.fixture
async def till(client: Any) -> AsyncIterator[Client]:
    async with client(role="checkout", kind="client", subject="client:till") as made:
        yield made


async def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def basket(member_id: UUID | None, **facts: Any) -> dict[str, Any]:
    lines = [{"sku": "a", "amount": 60_00}, {"sku": "b", "category": "food", "amount": 40_00}]
    return {"member_id": str(member_id) if member_id else None, "currency": "CNY", "lines": lines, **facts}


async def test_template_is_drafted_activated_versioned_and_archived(operator: Client) -> None:
    made = await ok(await operator.post("/v1/coupon-templates", json={"template": "ten", "terms": TERMS}), 201)
    assert (made["state"], made["version"], made["terms"]) == ("draft", 0, None)
    await ok(await operator.post("/v1/coupon-templates/ten/activate"))
    second = {**TERMS, "minimum_amount": 50_00}
    stale = await operator.put("/v1/coupon-templates/ten/draft", json=second, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    found = await ok(await operator.put("/v1/coupon-templates/ten/draft", json=second))
    assert (found["terms"]["minimum_amount"], found["draft"]["minimum_amount"]) == (0, 50_00)
    await ok(await operator.post("/v1/coupon-templates/ten/activate"))
    versions = (await ok(await operator.get("/v1/coupon-templates/ten/versions")))["items"]
    assert [(one["version"], one["terms"]["minimum_amount"]) for one in versions] == [(2, 50_00), (1, 0)]
    archived = await ok(await operator.post("/v1/coupon-templates/ten/archive"))
    assert archived["state"] == "archived"
    assert (await ok(await operator.get("/v1/coupon-templates?state=active")))["items"] == []
    again = await operator.post("/v1/coupon-templates/ten/archive")
    assert (again.status_code, again.json()["code"]) == (409, "template_state")


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"benefit": {"kind": "amount", "amount": 0}}, "body.terms.benefit.amount.amount"),
        ({"benefit": {"kind": "percent", "percent": "0"}}, "body.terms.benefit.percent"),
        ({"benefit": {"kind": "percent", "percent": "100.5"}}, "body.terms.benefit.percent"),
        ({"benefit": {"kind": "cash"}}, "body.terms.benefit"),
        ({"starts_at": "2025-01-02T00:00:00Z", "ends_at": "2025-01-01T00:00:00Z"}, "body.terms"),
        ({"starts_at": "9999-12-31T00:00:00Z", "days": 3660}, "body.terms.starts_at"),
        ({"exclusive": True, "combines_with": ["*"]}, "body.terms"),
        ({"name_en": ""}, "body.terms"),
        ({"codes": {"kind": "own", "prefix": "O1"}}, "body.terms.codes.own.prefix"),
        ({"days": -1}, "body.terms.days"),
        ({"colour": "red"}, "body.terms.colour"),
    ],
)
async def test_bad_terms_are_refused_naming_the_field(operator: Client, terms: dict[str, Any], field: str) -> None:
    answer = await operator.post("/v1/coupon-templates", json={"template": "ten", "terms": {**TERMS, **terms}})
    assert answer.status_code == 422, answer.text
    assert field in [one["field"] for one in answer.json()["errors"]]


async def test_refusals_to_issue_are_problems_with_facts(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    await template(points_database, limits={"issued_per_member": 1})
    await pool(points_database, "p", ["CODE-000001"])
    await template(points_database, "partner", codes={"kind": "pool", "pool": "p"})
    await template(points_database, "old", ends_at="2025-01-01T00:00:00Z")

    async def refused(key: str, who: UUID = someone) -> Any:
        answer = await operator.post(f"/v1/members/{who}/coupons", json={"template": key})
        return answer.status_code, answer.json()

    for key in ("ten", "partner"):
        await ok(await operator.post(f"/v1/members/{someone}/coupons", json={"template": key}), 201)
    status, body = await refused("ten")
    assert (status, body["code"], body["per"], body["limit"], body["issued"]) == (
        *(409, "issue_limit_reached"),
        *("member", 1, 1),
    )
    status, body = await refused("partner")
    assert (status, body["code"], body["pool"]) == (409, "pool_empty", "p")
    assert (await refused("old"))[1]["code"] == "template_ended"
    assert (await refused("nothing"))[1]["code"] == "unknown_template"
    assert (await refused("ten", uuid4()))[1]["code"] == "unknown_member"


async def test_checkout_from_validate_to_return(points_database: Database, till: Client) -> None:
    someone = await member(points_database)
    await template(points_database, categories=["food"])
    code = await code_of(points_database, await given(points_database, someone))
    order = {"order_source": SHOP, "order_id": "o1"}
    shown = await ok(await till.post("/v1/coupons/validate", json=basket(someone, codes=[code, mint("")])))
    assert (shown["discount"], shown["lines"], shown["to_pay"]) == (10_00, [0, 10_00], 90_00)
    assert [(one["place"], one["applies"], one["reason"]) for one in shown["coupons"]] == [
        ("codes.0", True, "applies"),
        ("codes.1", False, "code_unknown"),
    ]
    assert shown["coupons"][1]["text_zh"] == "没有这个券码"
    locked = await ok(await till.post("/v1/coupons/lock", json={**order, "cart": basket(someone, codes=[code])}), 201)
    assert (locked["state"], locked["quote"]["discount"]) == ("locked", 10_00)
    other = await till.post("/v1/coupons/lock", json={**order, "order_id": "o2", "cart": basket(someone, codes=[code])})
    assert (other.status_code, other.json()["code"]) == (409, "coupons_not_applicable")
    assert other.json()["coupons"][0]["reason"] == "locked"
    used = await ok(await till.post("/v1/coupons/use", json=order))
    assert (used["state"], used["discount"], used["coupons"][0]["lines"]) == ("used", 10_00, [0, 10_00])
    assert await ok(await till.get("/v1/coupon-orders/lookup", params=order)) == used
    assert (await till.post("/v1/coupons/release", json=order)).json()["code"] == "order_used"
    back = await ok(await till.post("/v1/coupons/return", json=order))
    assert [one["state"] for one in back["coupons"]] == ["active"]
    (log,) = await rows(points_database, "SELECT actor, subject FROM audit_log WHERE action = 'coupon.returned'")
    assert (log.actor, log.subject) == ("client:till", back["coupons"][0]["coupon_id"])
    missing = await till.post("/v1/coupons/use", json=order)
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_order")
    wrong = await till.post("/v1/coupons/validate", json=basket(someone, currency="USD"))
    assert (wrong.status_code, wrong.json()["code"]) == (409, "currency_mismatch")


async def test_lock_sent_again_with_its_key_gives_the_same_answer(points_database: Database, till: Client) -> None:
    someone = await member(points_database)
    await template(points_database)
    code = await code_of(points_database, await given(points_database, someone))
    body = {"order_source": SHOP, "order_id": "o1", "cart": basket(someone, codes=[code])}
    headers = {"Idempotency-Key": str(uuid4())}
    first, again = [await till.post("/v1/coupons/lock", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, first.json()) == (again.status_code, again.json())


async def test_wrong_codes_are_counted_even_where_the_lock_is_refused(points_database: Database, till: Client) -> None:
    await template(points_database, holder="any")
    for number in range(PER_DEVICE.times):
        body = basket(None, codes=[mint("")], device="10.0.0.7")
        answer = await till.post(
            "/v1/coupons/lock", json={"order_source": SHOP, "order_id": f"o{number}", "cart": body}
        )
        assert answer.status_code == 409
    answer = await till.post("/v1/coupons/validate", json=basket(None, codes=[mint("")], device="10.0.0.7"))
    assert (answer.status_code, answer.json()["code"], answer.json()["who"]) == (429, "too_many_wrong_codes", "device")
    assert 0 < int(answer.headers["Retry-After"]) == answer.json()["retry_after_seconds"]
    await ok(await till.post("/v1/coupons/validate", json=basket(None, codes=[mint("")], device="10.0.0.8")))


async def test_wallet_view_shows_states_of_now_in_pages(points_database: Database, till: Client) -> None:
    someone = await member(points_database)
    await template(points_database, days=5)
    for _ in range(5):
        await given(points_database, someone)
    await value(
        points_database,
        "UPDATE coupons SET expires_at = now() - interval '1 hour' "
        "WHERE coupon_id = (SELECT min(coupon_id::text)::uuid FROM coupons) RETURNING 1",
    )
    url = f"/v1/members/{someone}/coupons"
    active, query = [], {"state": "active", "limit": "3"}
    while True:
        found = await ok(await till.get(url, params=query))
        active += found["items"]
        if found["next"] is None:
            break
        query["cursor"] = found["next"]
    assert len({one["coupon_id"] for one in active}) == len(active) == 4
    assert {one["state"] for one in active} == {"active"}
    assert len((await ok(await till.get(url, params={"state": "expired"})))["items"]) == 1
    assert "code" not in active[0]


async def test_revealed_code_is_written_down_and_searched_by_support(
    points_database: Database, client: Any, auditor: Client
) -> None:
    someone = await member(points_database)
    await template(points_database)
    coupon = await given(points_database, someone)
    async with client(role="support", subject="staff:li") as support:
        code = (await ok(await support.post(f"/v1/coupons/{coupon.coupon_id}/reveal")))["code"]
        found = await ok(await support.post("/v1/coupons/search", json={"code": code.lower()}))
        assert found["coupon_id"] == str(coupon.coupon_id)
        typo = await support.post("/v1/coupons/search", json={"code": code[:-1] + ("2" if code[-1] != "2" else "3")})
        assert (typo.status_code, typo.json()["code"], typo.json()["reason"]) == (404, "unknown_code", "code_mistyped")
    log = await rows(points_database, "SELECT actor, action, subject FROM audit_log ORDER BY id DESC LIMIT 2")
    assert [(row.actor, row.action, row.subject) for row in log] == [
        ("staff:li", "coupon.searched", str(coupon.coupon_id)),
        ("staff:li", "coupon.code_revealed", str(coupon.coupon_id)),
    ]
    assert (await auditor.post(f"/v1/coupons/{coupon.coupon_id}/reveal")).status_code == 403
    what = (await ok(await auditor.get(f"/v1/coupons/{coupon.coupon_id}/history")))["items"]
    assert [one["what"] for one in what] == ["issued"]


async def test_pool_takes_all_or_nothing_and_names_bad_codes_by_place(operator: Client) -> None:
    await ok(await operator.post("/v1/coupon-pools", json={"pool": "p"}), 201)
    url = "/v1/coupon-pools/p/batches"
    assert (await ok(await operator.put(f"{url}/1", json={"codes": ["AAAA-1111", "BBBB-2222"]})))["taken_in"]
    assert not (await ok(await operator.put(f"{url}/1", json={"codes": ["AAAA-1111", "BBBB-2222"]})))["taken_in"]
    reused = await operator.put(f"{url}/1", json={"codes": ["CCCC-3333"]})
    assert (reused.status_code, reused.json()["code"]) == (409, "pool_batch_reused")
    twice = await operator.put(f"{url}/2", json={"codes": ["dddd 4444", "DDDD-4444", "x"]})
    assert (twice.status_code, twice.json()["code"], twice.json()["bad"]) == (
        *(409, "codes_not_accepted"),
        [{"position": 2, "reason": "twice_in_batch"}, {"position": 3, "reason": "too_short"}],
    )
    known = await operator.put(f"{url}/2", json={"codes": ["EEEE-5555", "bbbb2222"]})
    assert known.json()["bad"] == [{"position": 2, "reason": "in_use"}]
    text = "\ufeffnumber,code\r\n1,EEEE-5555\r\n\r\n2,FFFF-6666\r\n"
    assert (await ok(await operator.put(f"{url}/3", json={"csv": text, "column": "code"})))["codes"] == 2
    unreadable = await operator.put(f"{url}/4", json={"csv": text, "column": "kode"})
    assert (unreadable.status_code, unreadable.json()["code"]) == (422, "csv_not_readable")
    for empty in ({"csv": "\n"}, {"csv": "code\n", "column": "code"}):
        nothing = await operator.put(f"{url}/4", json=empty)
        assert (nothing.status_code, nothing.json()["code"]) == (422, "csv_not_readable")
    assert (await ok(await operator.get("/v1/coupon-pools/p")))["free"] == 4
    assert (await operator.put("/v1/coupon-pools/q/batches/1", json={"codes": ["AAAAAA"]})).status_code == 404


async def test_pool_is_exported_without_its_codes(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    await pool(points_database, "p", [f"PARTNER-{number:04d}" for number in range(5)])
    await template(points_database, codes={"kind": "pool", "pool": "p"})
    coupon = await given(points_database, someone)
    answer = await operator.get("/v1/coupon-pools/p/export")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["state"] for line in lines] == ["given", *["free"] * 4]
    assert (lines[0]["coupon_id"], lines[0]["coupon_state"]) == (str(coupon.coupon_id), "active")
    assert "PARTNER" not in answer.text
    listed = await ok(await operator.get("/v1/coupon-pools/p/codes?state=free&limit=3"))
    assert (len(listed["items"]), listed["next"] is not None) == (3, True)
    assert (await ok(await operator.post("/v1/coupon-pools/p/batches/first/withdraw")))["withdrawn"] == 4


async def test_bulk_job_is_made_collected_started_and_listed(points_database: Database, operator: Client) -> None:
    someone, other = await member(points_database), await member(points_database)
    await template(points_database)
    made = await ok(
        await operator.post(
            "/v1/coupon-batches",
            json={"template": "ten", "audience": "members", "members": [str(someone)], "start": False},
        ),
        202,
    )
    url = f"/v1/coupon-batches/{made['batch_id']}"
    listed = await ok(await operator.post(f"{url}/members", json={"members": [str(someone), str(other)]}))
    assert (listed["new"], listed["listed"]) == (1, 2)
    started = await ok(await operator.post(f"{url}/start"))
    assert (started["state"], started["total"]) == ("running", 2)
    late = await operator.post(f"{url}/members", json={"members": [str(other)]})
    assert (late.status_code, late.json()["code"]) == (409, "coupon_batch_state")
    assert [one["batch_id"] for one in (await ok(await operator.get("/v1/coupon-batches")))["items"]] == [
        made["batch_id"]
    ]
    assert (await ok(await operator.get(f"{url}/errors")))["items"] == []
    assert (await operator.get(f"/v1/coupon-batches/{uuid4()}")).json()["code"] == "unknown_coupon_batch"


async def test_coupons_of_a_template_by_reference(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    await template(points_database)
    await given(points_database, someone, reason="reward", reference="order-7")
    await given(points_database, someone)
    found = await ok(await operator.get("/v1/coupons?template=ten&reason=reward&reference=order-7"))
    assert [one["reference"] for one in found["items"]] == ["order-7"]
    counts = await ok(await operator.get("/v1/coupon-templates/ten/counts"))
    assert (counts["issued"], counts["used"], counts["members"]) == (2, 0, 1)
    details = await ok(await operator.get(f"/v1/coupons/{found['items'][0]['coupon_id']}"))
    assert (details["name_zh"], details["holder"]) == ("满减券", "member")
    taken = await ok(await operator.post(f"/v1/coupons/{found['items'][0]['coupon_id']}/revoke", json={"reason": "x"}))
    assert taken["state"] == "revoked"


@pytest.mark.parametrize(
    "change",
    [
        {"lines": [{"sku": name, "amount": 60_00} for name in "abc"]},
        {"lines": [{"sku": "a", "amount": 60_00}]},
        {"shipping": 5_00},
        {"member_id": None},
    ],
)
async def test_used_order_with_another_cart_is_refused(
    points_database: Database, till: Client, change: dict[str, Any]
) -> None:
    someone = await member(points_database)
    await template(points_database, holder="any")
    code = await code_of(points_database, await given(points_database, someone))
    order = {"order_source": SHOP, "order_id": "o1"}
    cart = basket(someone, codes=[code])
    used = await ok(await till.post("/v1/coupons/use", json={**order, "cart": cart}))
    assert await ok(await till.post("/v1/coupons/use", json={**order, "cart": cart})) == used
    other = await till.post("/v1/coupons/use", json={**order, "cart": {**cart, **change}})
    assert (other.status_code, other.json()["code"]) == (409, "order_used"), other.text
