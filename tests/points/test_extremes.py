"""What breaks lesser engines: late rules, nothing to pay, five hundred lines, huge sums, leap days, changing clocks."""

import asyncio
from typing import Any

import pytest

from common.events import Event
from common.events.purchases import PurchaseLine, RefundLine
from common.security.callers import SYSTEM
from common.storage import Database
from points.checks import handlers as checks
from points.errors import TooManyPointsError
from points.rules import handlers as rules
from tests.points.activities.test_activities import did
from tests.points.conftest import Client
from tests.points.redemption.world import account, holds_together
from tests.points.world import (
    SHOP,
    balance,
    day,
    happen,
    member,
    purchase,
    rate,
    refund,
    rows,
    rule,
    tiers,
    value,
    words,
)
from tests.servers import patient

MOST = 10**15


async def why(client: Client, order_id: str) -> Any:
    answer = await client.get("/v1/purchases/explain", params={"source": SHOP, "order_id": order_id})
    assert answer.status_code == 200, answer.text
    return answer.json()


def reasons(found: Any) -> dict[str, tuple[str, int]]:
    return {one["rule"]: (one["reason"], one["points"]) for one in found["outcomes"]}


async def test_weeks_late_purchases_earn_by_the_versions_of_their_day_though_all_were_published_before_they_came(
    points_database: Database, operator: Client
) -> None:
    """Rules 3 and 7: 2 until day 10, 3 from then on, nothing from day 20; all arrive now."""
    await rate(points_database, 2, 100)
    await rate(points_database, 3, 100, effective_from=day(10))
    async with points_database.transaction() as tx:
        await rules.retire(tx, SYSTEM, "purchase_rate", day(20), "over")
    someone = await member(points_database)
    for order, at, whole in (("old", 9, 20), ("new", 19, 30), ("none", 20, 0)):
        await happen(points_database, purchase(someone, order, 10_00, at=day(at)))
        found = await why(operator, order)
        assert (found["agrees"], sum(one["earned"] for one in found["credited"])) == (True, whole), order
    assert reasons(await why(operator, "none"))["purchase_rate"] == ("retired", 0)
    await happen(points_database, *(refund(order, order, 5_00, at=day(30)) for order in ("old", "new", "none")))
    assert await balance(points_database, someone) == (25, 0)


async def test_rule_published_between_purchase_and_return_changes_nothing_of_either(
    points_database: Database, operator: Client
) -> None:
    """Rule 7; nor does it when the purchase is priced again."""
    someone = await member(points_database)
    await rate(points_database, 1, 100, multipliers={"silver": "2"})
    await happen(points_database, purchase(someone, "a", 100_00, at=day(2)))
    await rate(points_database, 7, 100, multipliers={"silver": "9"})
    await rule(points_database, "extra", {"kind": "fixed", "points": 500})
    await happen(points_database, refund("a", "r1", 50_00, at=day(3)))
    assert await balance(points_database, someone) == (50, 0)
    await happen(points_database, tiers(someone, 1, ("silver", day(1))))
    assert await balance(points_database, someone) == (100, 0)
    found = await why(operator, "a")
    assert (found["agrees"], found["credited"]) == (True, [{"wallet": "points", "earned": 200, "taken_back": 100}])
    await happen(points_database, refund("a", "r2", 50_00, at=day(3)))
    assert await balance(points_database, someone) == (0, 0)


async def test_purchase_with_nothing_to_pay_keeps_its_fixed_points_whatever_is_told_late(
    points_database: Database, operator: Client
) -> None:
    """Of a basis of 0 nothing came back: not when it is priced again, nor for what names the order."""
    await rule(points_database, "extra", {"kind": "fixed", "points": 50})
    sharing = {"kind": "activity", "activity": "shared"}
    await rule(points_database, "friend", {"kind": "fixed", "points": 20}, occasion=sharing)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "free", 10_00, discount=10_00))
    await happen(points_database, tiers(someone, 1, ("silver", day(-5))))
    assert await balance(points_database, someone) == (50, 0)
    await happen(points_database, did(someone, "x", order_id="free"))
    assert await balance(points_database, someone) == (70, 0)
    found = await why(operator, "free")
    assert (found["agrees"], reasons(found)["purchase_rate"]) == (True, ("rate_of_nothing", 0))
    assert words(await happen(points_database, refund("free", "r", 1))) == [("dead", "returned_more_than_bought")]


async def test_first_purchase_that_no_rule_asked_for_is_followed_by_the_next_all_the_same(
    points_database: Database,
) -> None:
    """Rule 15 in any order: the bonus was published between the first and the second purchase."""
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00, at=day(1)))
    await rule(points_database, "welcome", {"kind": "fixed", "points": 50}, when={"kind": "first_purchase"})
    await happen(points_database, *(purchase(someone, order, 10_00, at=day(at)) for order, at in (("b", 2), ("c", 3))))
    assert await balance(points_database, someone) == (30, 0)
    await happen(points_database, refund("c", "r0", 10_00, at=day(4)))
    assert await balance(points_database, someone) == (20, 0)
    assert await value(points_database, "SELECT count(*) FROM return_effects WHERE subject = 'first_purchase'") == 0
    await happen(points_database, refund("a", "r1", 10_00, at=day(4)))
    assert await balance(points_database, someone) == (10 + 50, 0)


async def test_five_hundred_lines_are_earned_on_and_taken_back_one_by_one(
    points_database: Database, operator: Client
) -> None:
    """Rules 5 and 14: every line at its own price, half of them at the double rate; in the end nothing is left."""
    drinks = {"kind": "rate", "points": 1, "per_minor_units": 100, "lines": {"categories": ["drinks"]}}
    await rule(points_database, "drinks", drinks)
    lines = tuple(
        PurchaseLine(sku=f"s{place}", category=("drinks", "ware")[place % 2], amount=101 + place)
        for place in range(500)
    )
    someone = await member(points_database)
    whole = sum(line.amount for line in lines)
    await happen(points_database, purchase(someone, "a", whole, lines=lines, discount=7))
    earned, _ = await balance(points_database, someone)
    assert await value(points_database, "SELECT (SELECT sum(x) FROM unnest(by_line) AS x) FROM accruals") == earned
    back = tuple(RefundLine(sku=line.sku, amount=line.amount - 1) for line in lines[::2])
    await happen(points_database, refund("a", "r1", sum(line.amount for line in back), lines=back))
    left, debt = await balance(points_database, someone)
    assert (0 < left < earned, debt) == (True, 0)
    rest = whole - 7 - sum(line.amount for line in back)
    await happen(points_database, refund("a", "r2", rest))
    assert await balance(points_database, someone) == (0, 0)
    assert (await why(operator, "a"))["agrees"]


async def test_huge_purchases_are_credited_or_dead_with_a_reason_and_never_break_the_batch(
    points_database: Database, operator: Client
) -> None:
    """10,000,000,000,000.00 is the most a purchase may be; nobody earns more than 10^15 points with one."""
    await rate(points_database, 1, 1, multipliers={"gold": "999"})
    someone, gold = await member(points_database), await member(points_database)
    await happen(points_database, tiers(gold, 1, ("gold", day(-1))))
    outcomes = await happen(
        points_database,
        purchase(
            someone, "most", MOST, lines=(PurchaseLine(sku="a", amount=MOST - 1), PurchaseLine(sku="b", amount=1))
        ),
        purchase(gold, "more", MOST),
        purchase(gold, "some", MOST // 1000),
    )
    assert words(outcomes) == [("dead", "too_many_points")]
    assert "are more than one order may earn" in outcomes[0].message
    assert (await balance(points_database, someone), await balance(points_database, gold)) == (
        (MOST, 0),
        (MOST // 1000 * 999, 0),
    )
    await happen(points_database, refund("most", "r", MOST - 1))
    assert await balance(points_database, someone) == (1, 0)
    assert (await why(operator, "most"))["agrees"]
    await holds_together(points_database)


async def test_late_tier_that_would_pay_too_much_is_refused_and_nothing_is_half_done(points_database: Database) -> None:
    """The event is set aside with these words; the member stays as he was, and the next history corrects."""
    await rate(points_database, 1, 1, multipliers={"gold": "999", "silver": "0.5"})
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", MOST, at=day(1)))
    with pytest.raises(TooManyPointsError, match=r"a of .* would earn 999000000000000000 points"):
        await happen(points_database, tiers(someone, 1, ("gold", day(0))))
    assert await balance(points_database, someone) == (MOST, 0)
    await happen(points_database, tiers(someone, 2, ("silver", day(0))))
    assert await balance(points_database, someone) == (MOST // 2, 0)
    await holds_together(points_database)


async def test_budget_that_ends_within_batches_of_eight_workers_is_spent_to_the_point(
    points_database: Database, operator: Client
) -> None:
    """Rule 6: 40 purchases of 30 points, 1,000 in the budget, returns among them; then all that is explained agrees."""
    budget = [{"scope": "budget", "unit": "points", "amount": 1_000}]
    await rule(points_database, "party", {"kind": "fixed", "points": 30}, limits=budget)
    people = [await member(points_database) for _ in range(8)]
    batches: list[list[Event[Any]]] = [
        [purchase(people[(worker + number) % 8], f"{worker}-{number}", 1_00) for number in range(5)]
        for worker in range(8)
    ]
    url = points_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    many = patient(url, "points", 8)
    try:
        await asyncio.gather(*(happen(many, *batch) for batch in batches))
        assert await value(points_database, "SELECT points FROM limit_usage") == 1_000
        assert await value(points_database, "SELECT sum(balance) FROM wallets WHERE wallet = 'points'") == 1_040
        backs = [
            [refund(f"{worker}-{number}", f"r{worker}-{number}", 1_00) for number in range(5)] for worker in range(8)
        ]
        assert (await why(operator, "0-0"))["agrees"]
        await asyncio.gather(*(happen(many, *batch) for batch in backs))
    finally:
        await many.close()
    assert tuple((await rows(points_database, "SELECT points, uses FROM limit_usage"))[0]) == (0, 0)
    assert await value(points_database, "SELECT sum(balance) + sum(debt) FROM wallets") == 0
    for worker in range(8):
        for number in range(5):
            found = await why(operator, f"{worker}-{number}")
            assert found["agrees"]
            assert all(one["earned"] == one["taken_back"] for one in found["credited"])
    async with points_database.transaction() as tx:
        assert all(finding.holds for finding in await checks.look(tx))


async def test_two_wallets_that_wait_differently_are_taken_back_each_by_its_own(points_database: Database) -> None:
    """Rules 8 and 14: points wait 3,000 days, growth for an event; half comes back, then the event comes."""
    long = {"kind": "days", "days": 3_000}
    await rule(points_database, "slow", {"kind": "fixed", "points": 40}, waiting=long)
    waiting = {"kind": "event", "event": "return_window_closed"}
    growing = {"kind": "rate", "points": 1, "per_minor_units": 1_000}
    await rule(points_database, "growing", growing, wallet="growth", waiting=waiting)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 100_00))
    assert await account(points_database, someone) == (100, 0, 40, 0)
    assert await account(points_database, someone, "growth") == (0, 0, 10, 0)
    await happen(points_database, refund("a", "r", 50_00))
    assert await account(points_database, someone) == (70, 0, 0, 0)
    assert await account(points_database, someone, "growth") == (0, 0, 5, 0)
    await happen(points_database, did(someone, "w", "return_window_closed", order_id="a", occurred_at=day(1)))
    assert await account(points_database, someone, "growth") == (5, 0, 0, 0)
    await happen(points_database, refund("a", "r2", 50_00))
    assert await account(points_database, someone) == (0, 0, 0, 0)
    assert await account(points_database, someone, "growth") == (0, 0, 0, 0)


async def test_a_limit_of_one_order_is_explained_as_it_paid(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    limits = [{"scope": "order", "unit": "points", "amount": 40}]
    await rule(points_database, "small", {"kind": "fixed", "points": 30}, limits=limits)
    await rule(points_database, "large", {"kind": "fixed", "points": 50}, limits=limits)
    await happen(points_database, purchase(someone, "a", 10_00))
    found = await why(operator, "a")
    assert (found["agrees"], reasons(found)) == (
        True,
        {"small": ("fixed", 30), "large": ("fixed_cut", 40), "purchase_rate": ("rate", 10)},
    )


async def test_a_budget_that_went_to_another_meanwhile_is_told_as_the_reason(
    points_database: Database, operator: Client
) -> None:
    """Priced again twice: what it had freed was taken by another, and the explanation says what became of it."""
    budget = [{"scope": "budget", "unit": "points", "amount": 50}]
    base = {"kind": "tier", "one_of": ["base"]}
    await rule(points_database, "extra", {"kind": "fixed", "points": 50}, when=base, limits=budget)
    someone, other = await member(points_database), await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00, at=day(1)))
    await happen(points_database, tiers(someone, 1, ("silver", day(0))))
    assert reasons(await why(operator, "a"))["extra"] == ("tier", 0)
    await happen(points_database, purchase(other, "b", 10_00, at=day(1)))
    await happen(points_database, tiers(someone, 2, ("base", day(0))))
    assert (await balance(points_database, someone), await balance(points_database, other)) == ((10, 0), (60, 0))
    found = await why(operator, "a")
    assert (found["agrees"], reasons(found)["extra"]) == (True, ("limit_reached", 0))


async def test_a_monthly_limit_that_was_used_up_says_when_it_began_anew(
    points_database: Database, operator: Client
) -> None:
    someone = await member(points_database)
    monthly = [{"scope": "member", "period": "month", "unit": "uses", "amount": 1}]
    await rule(points_database, "extra", {"kind": "fixed", "points": 50}, limits=monthly)
    await happen(points_database, *(purchase(someone, order, 10_00) for order in "ab"))
    (extra,) = [one for one in (await why(operator, "b"))["outcomes"] if one["rule"] == "extra"]
    assert (extra["reason"], extra["facts"]["resets_on"]) == ("limit_reached", "2025-04-01")
    assert extra["texts"]["en"].endswith("it begins anew on: 2025-04-01.")


async def test_a_factor_below_one_says_what_it_took(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    await rule(points_database, "half", {"kind": "multiplier", "factor": "0.5"})
    await happen(points_database, purchase(someone, "a", 10_00))
    (half,) = [one for one in (await why(operator, "a"))["outcomes"] if one["rule"] == "half"]
    assert half["points"] == -5
    assert half["texts"] == {"zh-CN": "0.5 倍积分，减少 5 分。", "en": "Multiplied by 0.5: 5 points less."}
