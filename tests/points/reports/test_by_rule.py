"""What became of what each rule paid: shared from the lots, and together what the ledger says."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from common.events import event_of
from common.events.activities import ActivityCompleted
from common.events.members import MemberMerged, MemberUnmerged
from common.storage import Database
from points.expiry import handlers as expiry
from points.reports.domain import OfRule, whole
from tests.points.world import SHOP, day, happen, member, programme, purchase, refund, rule, tiers, value

RULES, REDEMPTIONS = "/v1/reports/rules", "/v1/redemptions"
ALL = {"first": "2025-01-01", "last": "2027-12-31"}
BECAME = ("taken_back", "redeemed", "expired", "outstanding")
NOW = datetime.now(UTC)


async def told(client: Any, wallet: str = "points") -> dict[str, dict[str, int]]:
    async with client(role="operator") as operator:
        found = (await operator.get(RULES, params=ALL)).json()["rules"]
    return {f"{one['rule']} {one['version']}": one for one in found if one["wallet"] == wallet}


async def spend(client: Any, member_id: UUID, points: int, path: str = REDEMPTIONS) -> Any:
    async with client(role="operator") as operator:
        answer = await operator.post(path, json={"member_id": str(member_id), "points": points})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def settle(client: Any, path: str, body: dict[str, Any] | None = None) -> None:
    async with client(role="operator") as operator:
        assert (await operator.post(path, json=body or {})).status_code == 200


async def agrees(client: Any, database: Database, wallet: str = "points") -> None:
    """All credits come from rules: the columns add up to the report by period, which is the ledger's."""
    found = await told(client, wallet)
    sums = {name: sum(one[name] for one in found.values()) for name in ("points", *BECAME)}
    async with client(role="operator") as operator:
        total = (await operator.get("/v1/reports/points", params={**ALL, "wallet": wallet})).json()["total"]
    owed = await value(database, "SELECT CAST(sum(debt) AS bigint) FROM wallets WHERE wallet = :name", name=wallet)
    assert sums == {
        "points": total["earned"] - total["corrected_down"],
        "taken_back": total["clawed_back"],
        "redeemed": total["redeemed"] - total["given_back"],
        "expired": total["expired"] - total["unexpired"],
        "outstanding": total["change"] + owed,
    }


async def test_what_was_spent_and_is_left_of_a_purchase_is_shared_among_its_rules(
    points_database: Database, client: Any
) -> None:
    ann = await member(points_database)
    await rule(points_database, "bonus", {"kind": "fixed", "points": 50})
    await happen(points_database, purchase(ann, "a1", 10_000))
    await spend(client, ann, 100)
    found = await told(client)
    assert [(one["redeemed"], one["outstanding"]) for one in found.values()] == [(67, 33), (33, 17)]
    await agrees(client, points_database)


async def test_each_purchase_pays_from_its_own_lot_and_returns_are_told_of_their_purchase(
    points_database: Database, client: Any
) -> None:
    ann = await member(points_database)
    await happen(points_database, purchase(ann, "a1", 10_000))
    await rule(points_database, "late", {"kind": "fixed", "points": 7}, effective_from=day(5))
    await happen(points_database, purchase(ann, "a2", 10_000, at=day(10)))
    redeemed = await spend(client, ann, 130)
    await happen(points_database, refund("a1", "r1", 5_000, at=day(20)))
    await settle(client, f"{REDEMPTIONS}/{redeemed['redemption_id']}/cancel", {"points": 20, "reason": "sold out"})
    await agrees(client, points_database)
    await happen(points_database, refund("a2", "r2", 10_000, at=day(21)))
    await agrees(client, points_database)


async def test_held_points_are_outstanding_until_they_are_confirmed(points_database: Database, client: Any) -> None:
    ann = await member(points_database)
    await happen(points_database, purchase(ann, "a1", 10_000))
    hold = await spend(client, ann, 40, "/v1/redemptions/holds")
    (before,) = (await told(client)).values()
    await agrees(client, points_database)
    await settle(client, f"{REDEMPTIONS}/{hold['redemption_id']}/confirm", {"points": 30})
    (after,) = (await told(client)).values()
    await agrees(client, points_database)
    assert (before["redeemed"], before["outstanding"], after["redeemed"], after["outstanding"]) == (0, 100, 30, 70)


async def test_what_expired_is_told_before_and_after_the_sweep_and_grace_stays_with_the_rule(
    points_database: Database, client: Any
) -> None:
    ann = await member(points_database)
    await happen(points_database, programme(expiry_months=1))
    await happen(points_database, purchase(ann, "a1", 10_000, at=NOW))
    redeemed = await spend(client, ann, 60)
    await value(points_database, "UPDATE lots SET expires_at = now() - interval '1 hour' RETURNING 1")
    await value(points_database, "UPDATE wallets SET earliest_expiry = now() - interval '1 hour' RETURNING 1")
    (before,) = (await told(client)).values()
    await settle(client, f"{REDEMPTIONS}/{redeemed['redemption_id']}/cancel", {"reason": "sold out"})
    async with points_database.transaction() as tx:
        await expiry.sweep(tx)
    (after,) = (await told(client)).values()
    assert [before[name] for name in BECAME] == [0, 60, 40, 0]
    assert [after[name] for name in BECAME] == [0, 0, 40, 60]
    await agrees(client, points_database)


async def test_rules_that_wait_and_expire_otherwise_have_their_own_lots(points_database: Database, client: Any) -> None:
    ann = await member(points_database)
    await rule(
        points_database,
        "later",
        {"kind": "fixed", "points": 30},
        expiry={"kind": "days", "count": 3},
    )
    await happen(points_database, purchase(ann, "a1", 10_000, at=NOW))
    await spend(client, ann, 25)
    found = await told(client)
    assert (found["later 1"]["redeemed"], found["purchase_rate 1"]["redeemed"]) == (25, 0)
    await agrees(client, points_database)


async def test_lots_that_go_to_another_member_stay_with_the_rule(points_database: Database, client: Any) -> None:
    ann, bob, cat = [await member(points_database) for _ in range(3)]
    await happen(points_database, purchase(ann, "a1", 10_000), purchase(bob, "b1", 3_000))
    async with client(role="operator") as operator:
        body = {"member_id": str(ann), "recipient_id": str(cat), "points": 40}
        gift = await operator.post("/v1/gifts", json=body)
        assert gift.status_code in (200, 201), gift.text
    merged = MemberMerged(merge_id=cat, member_id=bob, absorbed_member_id=cat, occurred_at=NOW)
    await happen(points_database, event_of(merged))
    await spend(client, bob, 50)
    (found,) = (await told(client)).values()
    assert (found["redeemed"], found["outstanding"]) == (50, 80)
    await agrees(client, points_database)


async def test_a_purchase_that_was_repriced_shares_by_what_its_rules_give_now(
    points_database: Database, client: Any
) -> None:
    ann = await member(points_database)
    await rule(points_database, "tier", {"kind": "multiplier", "by_tier": {"gold": "1.5"}})
    await happen(points_database, purchase(ann, "a1", 10_000))
    await spend(client, ann, 90)
    await happen(points_database, tiers(ann, 1, ("gold", day(-1))))
    found = await told(client)
    assert (found["purchase_rate 1"]["redeemed"], found["tier 1"]["redeemed"]) == (60, 30)
    await agrees(client, points_database)


async def test_an_activity_of_an_order_is_told_apart_from_the_purchase_over_a_merge_and_its_undoing(
    points_database: Database, client: Any
) -> None:
    ann, bob = [await member(points_database) for _ in range(2)]
    survey = {"kind": "activity", "activity": "survey"}
    await rule(points_database, "survey", {"kind": "fixed", "points": 30}, occasion=survey)
    done = ActivityCompleted(activity_id="s1", member_id=ann, activity="survey", occurred_at=NOW, order_id="a1")
    await happen(points_database, purchase(ann, "a1", 10_000), event_of(done, source=SHOP))
    facts = {"merge_id": ann, "member_id": bob, "absorbed_member_id": ann, "occurred_at": NOW}
    await happen(points_database, event_of(MemberMerged(**facts)))
    await spend(client, bob, 110)
    for _ in range(2):
        found = await told(client)
        assert (found["purchase_rate 1"]["redeemed"], found["survey 1"]["redeemed"]) == (100, 10)
        assert (found["purchase_rate 1"]["outstanding"], found["survey 1"]["outstanding"]) == (0, 20)
        await agrees(client, points_database)
        await happen(points_database, event_of(MemberUnmerged(**facts)))


exact = st.decimals(-1_000, 1_000, places=9, allow_nan=False)


@given(st.lists(st.tuples(exact, exact, st.sampled_from(["points", "growth"])), max_size=9))
def test_whole_shares_add_up_and_are_no_further_than_one_point_from_the_exact_ones(
    parts: list[tuple[Decimal, Decimal, str]],
) -> None:
    rows = [
        OfRule(
            rule=str(number),
            version=1,
            wallet=wallet,
            occasions=1,
            points=1,
            cut=0,
            taken_back=one,
            redeemed=other,
            expired=one,
            outstanding=other,
        )
        for number, (one, other, wallet) in enumerate(parts)
    ]
    found = whole(rows)
    for before, after in zip(rows, found, strict=True):
        assert abs(Decimal(after.redeemed) - Decimal(before.redeemed)) < 1
    for wallet in ("points", "growth"):
        exactly, rounded = (
            sum((Decimal(one.redeemed) for one in many if one.wallet == wallet), Decimal(0)) for many in (rows, found)
        )
        assert abs(rounded - exactly) <= Decimal("0.5")
