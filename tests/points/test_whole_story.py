"""X1: everything that one purchase brought goes with it, part by part, and its receipts say so from before to after."""

from typing import Any
from uuid import UUID

from common.events import event_of
from common.events.purchases import PurchaseLine, RefundLine
from common.storage import Database
from points.checks import handlers as checks
from tests.points.conftest import Client
from tests.points.coupons.world import template
from tests.points.incentives.world import PURCHASES, active, activity
from tests.points.redemption.world import holds_together
from tests.points.world import SHOP, balance, day, happen, member, purchase, refund, rows, rule, value, words

TEA = PurchaseLine(sku="tea", category="drinks", quantity=2, amount=60_00)
CUP = PurchaseLine(sku="cup", category="ware", amount=40_00)
DRINKS = {"kind": "rate", "points": 2, "per_minor_units": 100, "lines": {"categories": ["drinks"]}}
FIRSTS = "SELECT order_id FROM purchases WHERE is_first AND returned < basis"
Line = tuple[str, str, str, str]


async def rules_of_the_story(database: Database) -> None:
    """Of 100.00 (60.00 tea, 40.00 a cup): 100 by the rate, 120 for tea (80 of a limit of 80 a member), 30 of a budget
    of 100, 50 for the first purchase, 10 growth, a coupon; a task and a badge for two purchases.
    """
    await rule(
        database, "drinks", DRINKS, limits=[{"scope": "member", "period": "month", "unit": "points", "amount": 80}]
    )
    await rule(
        database,
        "party",
        {"kind": "fixed", "points": 30},
        limits=[{"scope": "budget", "unit": "points", "amount": 100}],
    )
    await rule(database, "welcome", {"kind": "fixed", "points": 50}, when={"kind": "first_purchase"})
    await rule(database, "growing", {"kind": "rate", "points": 1, "per_minor_units": 1000}, wallet="growth")
    large = {"kind": "amount", "at_least": 100_00}
    await rule(database, "gift", {"kind": "coupon", "template": await template(database)}, when=large)
    sharing = {"kind": "activity", "activity": "referral_rewarded"}
    await rule(database, "friend", {"kind": "fixed", "points": 20}, occasion=sharing)
    await active(database, "task", "two", {"goals": [{"measure": PURCHASES, "target": 2}], "reward": {"points": 40}})
    levels = [{"threshold": 2, "name": {"zh": "铜"}, "points": 5}]
    await active(database, "badge", "buyer", {"measure": PURCHASES, "levels": levels})


async def receipt(client: Client, return_id: str) -> list[Line]:
    answer = await client.get("/v1/returns/receipt", params={"source": SHOP, "return_id": return_id})
    assert answer.status_code == 200, answer.text
    return [(one["subject"], one["what"], one["before"], one["after"]) for one in answer.json()["effects"]]


async def explained(client: Client, order_id: str) -> Any:
    answer = await client.get("/v1/purchases/explain", params={"source": SHOP, "order_id": order_id})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def standing(database: Database, someone: UUID, friend: UUID) -> Any:
    """All that the story touches, as it is now, of the purchase `b` and of the members."""
    return {
        "points": await balance(database, someone),
        "growth": await balance(database, someone, "growth"),
        "friend": await balance(database, friend),
        "limits": [
            tuple(one)
            for one in await rows(
                database, "SELECT rule, points, uses FROM limit_usage WHERE points + uses > 0 ORDER BY rule"
            )
        ],
        "coupons": await value(database, "SELECT count(*) FROM coupons WHERE state = 'active'"),
        "task": await value(database, "SELECT count(*) FROM task_completions WHERE state = 'rewarded'"),
        "badge": await value(database, "SELECT count(*) FROM member_badges WHERE held"),
        "first": [one.order_id for one in await rows(database, FIRSTS)],
    }


async def test_a_purchase_returned_in_three_parts_leaves_the_world_as_if_it_had_never_been(
    points_database: Database, operator: Client
) -> None:
    """Rule 15: the first purchase of 100.00 beside one of 10.00 comes back as a tea, a cup, and the rest."""
    await rules_of_the_story(points_database)
    someone, friend = await member(points_database), await member(points_database)
    await happen(points_database, purchase(someone, "next", 10_00, at=day(2)))
    without = await standing(points_database, someone, friend)
    assert without["first"] == ["next"]
    assert without["points"] == (10 + 30 + 50, 0)
    await happen(points_database, purchase(someone, "first", 100_00, at=day(1), lines=(TEA, CUP)))
    reward = activity(friend, "reward", "referral_rewarded", at=day(3), order_source=SHOP, order_id="first")
    await happen(points_database, reward)
    assert await standing(points_database, someone, friend) == {
        "points": (10 + 30 + 100 + 80 + 30 + 50 + 40 + 5, 0),
        "growth": (10 + 1, 0),
        "friend": (20, 0),
        "limits": [("drinks", 80, 1), ("party", 60, 2)],
        "coupons": 1,
        "task": 1,
        "badge": 1,
        "first": ["first"],
    }
    for order in ("first", "next"):
        assert (await explained(operator, order))["agrees"], order

    tea, cup = RefundLine(sku="tea", amount=30_00), RefundLine(sku="cup", amount=40_00)
    at_first = await standing(points_database, someone, friend)
    await happen(points_database, refund("first", "r1", 30_00, at=day(4), lines=(tea,)))
    assert await receipt(operator, "r1") == [
        ("purchase", "first returned", "0", "3000"),
        ("wallet", "growth", "11", "8"),
        ("wallet", "points", "345", "243"),
        ("limit", "drinks/member/month:2025-03", "80 points, 1 uses", "40 points, 1 uses"),
        ("limit", "party/budget/ever", "60 points, 2 uses", "51 points, 2 uses"),
    ]
    await happen(points_database, refund("first", "r2", 40_00, at=day(5), lines=(cup,)))
    assert await receipt(operator, "r2") == [
        ("purchase", "first returned", "3000", "7000"),
        ("wallet", "growth", "8", "4"),
        ("wallet", "points", "243", "187"),
        ("limit", "party/budget/ever", "51 points, 2 uses", "39 points, 2 uses"),
    ]
    parts = {"points": (187, 0), "growth": (4, 0), "limits": [("drinks", 40, 1), ("party", 39, 2)]}
    assert await standing(points_database, someone, friend) == {**at_first, **parts}
    last = refund("first", "r3", 30_00, at=day(6))
    await happen(points_database, last)
    coupon = await value(points_database, "SELECT coupon_id FROM coupons")
    found = await receipt(operator, "r3")
    assert found[:-2] == [
        ("purchase", "first returned", "7000", "10000"),
        ("wallet", "growth", "4", "1"),
        ("wallet", "points", "187", "85"),
        ("limit", "drinks/member/month:2025-03", "40 points, 1 uses", "0 points, 0 uses"),
        ("limit", "party/budget/ever", "39 points, 2 uses", "30 points, 1 uses"),
        ("task", "two 1990-01-01", "rewarded, 40 points", "taken back"),
        ("badge", "buyer level 1", "held", "revoked"),
        ("coupon", f"ten {coupon}", "active", "revoked"),
        ("activity", "referral_rewarded/reward", "20 points", "taken back"),
        ("first_purchase", "next", "1 growth, 40 points", "1 growth, 90 points"),
    ]
    assert sorted(found[-2:]) == [("wallet", "points", "20", "0"), ("wallet", "points", "85", "90")]
    assert await standing(points_database, someone, friend) == without
    assert words(await happen(points_database, event_of(last.data, source=SHOP))) == [("duplicate", "")]
    await happen(points_database, purchase(someone, "third", 10_00, at=day(7)))
    assert await balance(points_database, someone) == (90 + 10 + 30 + 40 + 5, 0)
    for order in ("first", "next", "third"):
        assert (await explained(operator, order))["agrees"], order
    assert [one["taken_back"] for one in (await explained(operator, "first"))["credited"]] == [10, 260]
    await holds_together(points_database)
    async with points_database.transaction() as tx:
        assert all(finding.holds for finding in await checks.look(tx))
