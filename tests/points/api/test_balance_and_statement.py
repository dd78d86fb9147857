"""What people are told of a member's points."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from common.storage import Database
from tests.points.conftest import Client
from tests.points.world import (
    SHOP,
    day,
    happen,
    member,
    programme,
    purchase,
    rate,
    refund,
    registered,
    rows,
    tiers,
    value,
)


async def get(client: Client, path: str, status: int = 200, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_balance_of_a_new_member_is_nothing(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    body = await get(operator, f"/v1/members/{someone}/balance")
    nothing = dict.fromkeys(("available", "pending", "held", "debt", "expiring"), 0)
    assert body["wallets"] == [{"wallet": "points", **nothing, "next_expiry": None, "next_release": None}]


async def test_balance_leaves_out_what_has_expired_and_tells_what_will(
    points_database: Database, operator: Client
) -> None:
    someone = await member(points_database)
    now = datetime.now(UTC)
    await happen(points_database, programme(expiry_months=1))
    await happen(points_database, purchase(someone, "gone", 10_00, at=now - timedelta(days=40)))
    await happen(points_database, purchase(someone, "soon", 20_00, at=now - timedelta(days=20)))
    await happen(points_database, purchase(someone, "new", 40_00, at=now))
    (wallet,) = (await get(operator, f"/v1/members/{someone}/balance", within_days=15))["wallets"]
    assert (wallet["available"], wallet["expiring"]) == (60, 20)
    assert datetime.fromisoformat(wallet["next_expiry"]) > now


async def test_balance_as_of_two_times(points_database: Database, operator: Client) -> None:
    """What we knew then of what had occurred then."""
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(0)))
    await happen(points_database, purchase(someone, "b", 50_00, at=day(10)))
    known = datetime.now(UTC)
    await happen(points_database, purchase(someone, "late", 7_00, at=day(1)))
    await happen(points_database, refund("a", "r", 40_00, at=day(5)))

    async def available(**query: Any) -> int:
        (wallet,) = (await get(operator, f"/v1/members/{someone}/balance", **query))["wallets"]
        return int(wallet["available"])

    assert await available() == 117
    assert await available(as_of=day(2).isoformat()) == 107
    assert await available(as_of=day(6).isoformat()) == 67
    assert await available(as_of=day(6).isoformat(), recorded_until=known.isoformat()) == 100
    assert await available(recorded_until=known.isoformat()) == 150


async def test_balance_as_of_counts_what_expired_by_then(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    await happen(points_database, programme(expiry_months=1))
    await happen(points_database, purchase(someone, "a", 100_00, at=day(0)), refund("a", "r", 30_00, at=day(1)))
    for as_of, available in ((day(2), 70), (day(30), 70), (day(31), 0)):
        body = await get(operator, f"/v1/members/{someone}/balance", as_of=as_of.isoformat())
        assert body["wallets"][0]["available"] == available


async def test_unknown_member_is_a_problem_that_says_so(operator: Client) -> None:
    stranger = uuid4()
    for path in ("balance", "statement"):
        body = await get(operator, f"/v1/members/{stranger}/{path}", 404)
        assert (body["code"], body["member_id"]) == ("unknown_member", str(stranger))
    assert (await get(operator, "/v1/purchases", 404, member_id=str(stranger)))["code"] == "unknown_member"


async def test_statement_explains_every_movement_newest_first(points_database: Database, operator: Client) -> None:
    await rate(points_database, 3, 200, multipliers={"gold": "2"})
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "订单/1", 200_00, discount=20_00, at=day(1)))
    await happen(points_database, refund("订单/1", "退货-1", 90_00, at=day(3)))
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    body = await get(operator, f"/v1/members/{someone}/statement")
    found = [(entry["sequence"], entry["kind"], entry["points"], entry["balance"]) for entry in body["items"]]
    assert found == [(3, "repriced", 135, 270), (2, "clawed_back", -135, 135), (1, "earned", 270, 270)]
    assert body["next"] is None
    assert body["items"][1]["reference"] == "退货-1"
    earning = body["items"][2]["earning"]
    assert (earning["source"], earning["order_id"], earning["basis"], earning["tier"]) == (
        SHOP,
        "订单/1",
        180_00,
        "gold",
    )
    (credit,) = earning["credits"]
    shares = [(one["rule"], one["version"], one["points"], one.get("factor")) for one in credit["shares"]]
    assert shares == [("purchase_rate", 2, 270, None), ("tier_multiplier", 1, 270, "2")]


async def test_statement_comes_in_pages_without_gaps(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    await happen(points_database, *(purchase(someone, f"o{number}", 1_00) for number in range(7)))
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        body = await get(operator, f"/v1/members/{someone}/statement", **query)
        seen += [entry["sequence"] for entry in body["items"]]
        if body["next"] is None:
            break
        query["cursor"] = body["next"]
    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_purchases_come_in_pages_latest_first_and_by_time(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    await happen(points_database, *(purchase(someone, f"o{number}", 1_00, at=day(number)) for number in range(6)))
    first = await get(operator, "/v1/purchases", member_id=str(someone), limit=4)
    second = await get(operator, "/v1/purchases", member_id=str(someone), limit=4, cursor=first["next"])
    orders = [one["order_id"] for one in first["items"] + second["items"]]
    assert orders == ["o5", "o4", "o3", "o2", "o1", "o0"]
    between = await get(
        operator,
        "/v1/purchases",
        member_id=str(someone),
        occurred_from=day(1).isoformat(),
        occurred_until=day(3).isoformat(),
    )
    assert [one["order_id"] for one in between["items"]] == ["o2", "o1"]


async def test_lookup_tells_all_of_one_purchase(points_database: Database, operator: Client) -> None:
    await rate(points_database, multipliers={"gold": "2"})
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00, at=day(1)))
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    await happen(points_database, refund("a", "r", 25_00, at=day(3)))
    body = await get(operator, "/v1/purchases/lookup", source=SHOP, order_id="a")
    assert (body["earning"]["earned"], body["earning"]["taken_back"], body["earning"]["returned"]) == (200, 50, 25_00)
    assert [(one["previous_tier"], one["tier"], one["points"]) for one in body["repricings"]] == [("base", "gold", 100)]
    assert [(one["return_id"], one["state"], one["points"]) for one in body["returns"]] == [("r", "applied", 50)]
    missing = await get(operator, "/v1/purchases/lookup", 404, source=SHOP, order_id="b")
    assert (missing["code"], missing["order_id"]) == ("unknown_purchase", "b")


async def test_returns_that_wait_or_were_refused_can_be_listed(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    await happen(points_database, refund("a", "r1", 60_00, at=day(1)), refund("a", "r2", 50_00, at=day(2)))
    await happen(points_database, refund("never", "r3", 1_00))
    await happen(points_database, purchase(someone, "a", 100_00))
    waiting = await get(operator, "/v1/returns")
    refused = await get(operator, "/v1/returns", state="refused")
    assert [one["return_id"] for one in waiting["items"]] == ["r3"]
    assert [one["return_id"] for one in refused["items"]] == ["r2"]
    assert refused["items"][0]["reason"].startswith("returned_more_than_bought")
    await get(operator, "/v1/returns", 422, state="applied")


async def test_ledger_can_be_verified_by_auditors(points_database: Database, auditor: Client) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00), purchase(someone, "b", 10_00))
    body = await get(auditor, f"/v1/members/{someone}/ledger/verify")
    head = await value(points_database, "SELECT encode(head, 'hex') FROM wallets")
    assert body["holds"]
    assert body["chains"] == [{"wallet": "points", "transfers": 2, "head": head, "holds": True, "breaks": []}]
    async with points_database.transaction() as tx:
        await tx.execute("ALTER TABLE transfers DISABLE TRIGGER transfers_append_only")
        await tx.execute("UPDATE transfers SET order_id = 'x' WHERE sequence = 1")
    body = await get(auditor, f"/v1/members/{someone}/ledger/verify")
    assert not body["holds"]
    assert body["chains"][0]["breaks"] == [{"wallet": "points", "sequence": 1, "problem": "was changed"}]


async def test_check_says_whether_the_ledger_holds(points_database: Database, auditor: Client) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00))
    body = await get(auditor, "/v1/ledger/check")
    assert body["holds"]
    (wallet,) = body["wallets"]
    assert (wallet["balance"], wallet["issued"], wallet["difference"], wallet["problems"]) == (10, 10, 0, [])
    await value(points_database, "UPDATE wallets SET balance = balance + 1 RETURNING 1")
    body = await get(auditor, "/v1/ledger/check")
    assert not body["holds"]
    assert body["wallets"][0]["problems"][0]["member_id"] == str(someone)


async def test_figures_count_what_happened(points_database: Database, operator: Client) -> None:
    await rate(points_database, multipliers={"gold": "2"})
    someone, other = await member(points_database), uuid4()
    await happen(points_database, registered(other))
    await happen(points_database, purchase(someone, "a", 100_00, at=day(1)), purchase(other, "tiny", 50))
    await happen(points_database, refund("a", "r", 25_00), refund("never", "w", 1))
    await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    body = await get(operator, "/v1/figures")
    assert (body["members"], body["purchases"], body["returns"], body["returns_waiting"], body["repricings"]) == (
        2,
        2,
        2,
        1,
        1,
    )
    (wallet,) = body["wallets"]
    assert (wallet["issued"], wallet["clawed_back"], wallet["repriced_up"], wallet["repriced_down"]) == (100, 25, 75, 0)
    assert (wallet["outstanding"], wallet["debt"], wallet["sum"], wallet["problems"]) == (150, 0, 0, 0)


async def test_statement_of_another_wallet(points_database: Database, operator: Client) -> None:
    await rate(points_database, wallet="growth")
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00))
    assert (await get(operator, f"/v1/members/{someone}/statement"))["items"] == []
    body = await get(operator, f"/v1/members/{someone}/statement", wallet="growth")
    assert [entry["points"] for entry in body["items"]] == [10]
    assert len(await rows(points_database, "SELECT * FROM wallets")) == 2


async def test_what_was_known_then_is_of_now_unless_another_time_is_asked(
    points_database: Database, operator: Client
) -> None:
    """Points that will expire some day had not expired then."""
    await happen(points_database, programme(expiry_months=1_200))
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    known = await value(points_database, "SELECT clock_timestamp()")
    body = await get(operator, f"/v1/members/{someone}/balance", recorded_until=known.isoformat())
    assert body["wallets"][0]["available"] == 100
    assert body["as_of"] >= known.isoformat()[:19]
