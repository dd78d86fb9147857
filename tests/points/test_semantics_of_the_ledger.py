"""Rules 9 to 20 of the semantics in order, each by its own figures, as far as they are of points."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import DBAPIError

from common.events import event_of
from common.events.members import MemberUpdated
from common.events.purchases import PurchaseLine, RefundLine
from common.storage import Database
from points.checks import handlers as checks
from points.expiry import handlers as expiry
from tests.points.conftest import Client
from tests.points.redemption.world import cancel, hold, open_lots, redeem, rich, soon
from tests.points.world import (
    balance,
    day,
    happen,
    member,
    programme,
    purchase,
    rate,
    refund,
    registered,
    rows,
    rule,
    tiers,
    value,
    words,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")


async def get(client: Client, path: str, status: int = 200, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


async def available(client: Client, someone: UUID, **query: Any) -> int:
    wallets = (await get(client, f"/v1/members/{someone}/balance", **query))["wallets"]
    return int(next(one for one in wallets if one["wallet"] == "points")["available"])


async def test_9_debits_take_the_earliest_expiring_lot_and_never_expiring_last(
    points_database: Database, operator: Client
) -> None:
    """Rule 9: of 50 for ever, 30 until later, 20 until soon, 60 are taken: all of soon, later, and 10."""
    someone = await rich(points_database, (50, None), (30, soon(days=2)), (20, soon(days=1)))
    await redeem(operator, someone, 60)
    assert await open_lots(points_database, someone) == [(40, None)]


async def test_10_points_are_gone_at_their_instant_though_no_sweep_ran_and_sweeping_twice_writes_once(
    points_database: Database, operator: Client
) -> None:
    """Rule 10: 31 January and one month is the end of February."""
    someone = await member(points_database)
    await happen(points_database, programme(expiry_months=1))
    earned = datetime(2025, 1, 31, 12, 0, tzinfo=SHANGHAI)
    await happen(points_database, purchase(someone, "a", 100_00, at=earned))
    gone = datetime(2025, 2, 28, 12, 0, tzinfo=SHANGHAI)
    assert await value(points_database, "SELECT expires_at FROM lots") == gone
    before = (gone - timedelta(microseconds=1)).astimezone(UTC).isoformat()
    assert await available(operator, someone, as_of=before) == 100
    assert await available(operator, someone, as_of=gone.astimezone(UTC).isoformat()) == 0
    assert await available(operator, someone) == 0
    for _ in range(2):
        async with points_database.transaction() as tx:
            await expiry.sweep_some(tx, 100)
    assert await value(points_database, "SELECT count(*) FROM transfers WHERE kind = 'expired'") == 1


async def test_11_of_two_holds_for_the_same_points_one_wins(points_database: Database, operator: Client) -> None:
    """Rule 11; a hundred at the same time: redemption/test_at_once."""
    someone = await rich(points_database, (100, None))
    await hold(operator, someone, 70)
    refused = await hold(operator, someone, 70, 409)
    assert (refused["code"], refused["balance"], refused["need"]) == ("insufficient_points", 30, 70)


async def test_12_a_cancelled_redemption_restores_its_lots_with_their_expiry(
    points_database: Database, operator: Client
) -> None:
    """Rule 12; what expired meanwhile: redemption/test_giving_back_domain."""
    early, late = soon(days=1), soon(days=9)
    someone = await rich(points_database, (40, early), (60, late))
    held = await hold(operator, someone, 80)
    await cancel(operator, held["redemption_id"], reason="changed mind")
    assert await open_lots(points_database, someone) == [(40, early), (60, late)]


async def test_13_lot_60_clawback_90_leaves_debt_30_and_50_more_a_balance_of_20(
    points_database: Database, operator: Client
) -> None:
    """Rule 13: 90 earned, 30 spent, all comes back; the next 50 repay the debt first."""
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 90_00))
    await redeem(operator, someone, 30)
    assert await open_lots(points_database, someone) == [(60, None)]
    await happen(points_database, refund("a", "r", 90_00))
    assert await balance(points_database, someone) == (0, 30)
    refused = await redeem(operator, someone, 1, 409)
    assert (refused["code"], refused["debt"]) == ("insufficient_points", 30)
    await happen(points_database, purchase(someone, "b", 50_00))
    assert await balance(points_database, someone) == (20, 0)
    assert await open_lots(points_database, someone) == [(20, None)]


async def test_14_parts_that_come_back_sum_to_the_whole_and_lines_to_theirs(points_database: Database) -> None:
    """Rule 14: of 10 points for 30.00 in thirds of 10.00: 3, 6, 10. Any split and order: accruals/test_taking_back."""
    someone = await member(points_database)
    await rate(points_database, 1, 3_00)
    await happen(points_database, purchase(someone, "a", 30_00))
    left = []
    for number in range(3):
        await happen(points_database, refund("a", f"r{number}", 10_00))
        left.append((await balance(points_database, someone))[0])
    assert left == [7, 4, 0]
    drinks = {"kind": "rate", "points": 2, "per_minor_units": 1_00, "lines": {"categories": ["drinks"]}}
    await rule(points_database, "drinks", drinks)
    lines = (
        PurchaseLine(sku="tea", category="drinks", amount=30_00),
        PurchaseLine(sku="cup", category="ware", amount=30_00),
    )
    await happen(points_database, purchase(someone, "b", 60_00, lines=lines))
    assert await balance(points_database, someone) == (20 + 60, 0)
    await happen(points_database, refund("b", "cup", 30_00, lines=(RefundLine(sku="cup", amount=30_00),)))
    assert await balance(points_database, someone) == (70, 0)
    assert words(await happen(points_database, refund("b", "more", 30_01))) == [("dead", "returned_more_than_bought")]


async def test_15_the_next_surviving_purchase_becomes_the_first_once(points_database: Database) -> None:
    """Rule 15; everything that follows a return: test_whole_story."""
    await rule(points_database, "welcome", {"kind": "fixed", "points": 50}, when={"kind": "first_purchase"})
    someone = await member(points_database)
    await happen(points_database, *(purchase(someone, order, 10_00, at=day(at)) for at, order in enumerate("abc")))
    for number in range(2):
        await happen(points_database, refund("a", f"r{number}", 5_00, at=day(9)))
    assert await balance(points_database, someone) == (20 + 50, 0)
    assert await value(points_database, "SELECT string_agg(order_id, ',') FROM purchases WHERE is_first") == "a,b"


async def test_16_growth_value_is_apart_from_points_and_cannot_be_spent(
    points_database: Database, operator: Client
) -> None:
    """Rule 16, the part of points: spending points leaves growth value as it is."""
    someone = await member(points_database)
    await rule(points_database, "growing", {"kind": "rate", "points": 1, "per_minor_units": 10_00}, wallet="growth")
    await happen(points_database, purchase(someone, "a", 100_00))
    await redeem(operator, someone, 100)
    assert (await balance(points_database, someone), await balance(points_database, someone, "growth")) == (
        (0, 0),
        (10, 0),
    )


async def test_17_a_purchase_earns_by_the_tier_held_strictly_before_it(points_database: Database) -> None:
    """Rule 17, the part of points: the temporary tier's end counts from its instant."""
    someone = await member(points_database)
    await rate(points_database, 1, 100, multipliers={"gold": "3"})
    await happen(points_database, tiers(someone, 1, ("gold", day(1)), ("base", day(5))))
    for order, at in (("at its start", day(1)), ("within", day(5)), ("after", day(5) + timedelta(seconds=1))):
        await happen(points_database, purchase(someone, order, 10_00, at=at))
    assert await balance(points_database, someone) == (10 + 30 + 10, 0)


async def test_18_a_merge_keeps_lots_and_is_undone(points_database: Database, operator: Client) -> None:
    """Rule 18: lots, not sums, with their expiries; never into itself."""
    early, late = soon(days=1), soon(days=9)
    stays, absorbed = await rich(points_database, (30, late)), await rich(points_database, (40, early))
    body = {"member_id": str(stays), "absorbed_member_id": str(absorbed)}
    answer = await operator.post("/v1/merges", json=body)
    assert answer.status_code == 201
    assert await open_lots(points_database, stays) == [(40, early), (30, late)]
    itself = await operator.post("/v1/merges", json={**body, "absorbed_member_id": str(stays)})
    assert (itself.status_code, itself.json()["code"]) == (409, "merge_into_itself")
    await operator.post(f"/v1/merges/{answer.json()['merge_id']}/undo", json={})
    assert await open_lots(points_database, stays) == [(30, late)]
    assert await open_lots(points_database, absorbed) == [(40, early)]


async def test_19_an_erased_members_ledger_still_balances(points_database: Database) -> None:
    """Rule 19: the key is gone for ever, the pseudonymous entries stay, and returns still find them."""
    someone = uuid4()
    await happen(points_database, registered(someone), purchase(someone, "a", 100_00))
    erased = MemberUpdated(member_id=someone, revision=2, registered_at=day(-400), status="erased")
    await happen(points_database, event_of(erased))
    assert await balance(points_database, someone) == (100, 0)
    await happen(points_database, refund("a", "r", 100_00))
    assert await balance(points_database, someone) == (0, 0)
    async with points_database.transaction() as tx:
        assert all(finding.holds for finding in await checks.look(tx))


async def test_20_movements_are_chained_and_the_database_refuses_to_change_them(
    points_database: Database, auditor: Client
) -> None:
    """Rule 20: one transfer from account to account; each row carries the hash of the one before."""
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00), refund("a", "r", 30_00))
    found = await rows(points_database, "SELECT from_account, to_account, points FROM transfers ORDER BY sequence")
    assert [tuple(row) for row in found] == [("issue", "wallet", 100), ("wallet", "clawback", 30)]
    assert (await get(auditor, f"/v1/members/{someone}/ledger/verify"))["holds"]
    assert (await get(auditor, "/v1/ledger/check"))["holds"]
    for statement in ("UPDATE transfers SET points = 1 RETURNING 1", "DELETE FROM transfers RETURNING 1"):
        with pytest.raises(DBAPIError):
            await value(points_database, statement)
