"""What was spent, from facts in a database."""

from datetime import date

from analytics.calendar.domain import Calendar, Range
from analytics.spend import handlers
from analytics.spend.domain import Amounts
from analytics.spend.store import Dimension, MemberSpend, Share
from common.storage import Database
from tests.analytics.builders import hear, member, purchase, refund, registered, settings, tier_changed

MARCH = Range(first=date(2026, 3, 1), last=date(2026, 3, 31))
CALENDAR = Calendar(zone="Asia/Shanghai", first_day_of_week=1, today=date(2026, 6, 1))


async def spend(database: Database, over: Range, calendar: Calendar = CALENDAR) -> handlers.Spend:
    async with database.transaction() as tx:
        return await handlers.spend(tx, over, calendar, "week")


async def shares(database: Database, by: Dimension) -> dict[str | None, tuple[int, int, int, int]]:
    async with database.transaction() as tx:
        found: list[Share] = list(await handlers.breakdown(tx, MARCH, by, limit=50))
    return {
        share.key: (share.buyers, share.amounts.orders, share.amounts.gross, share.amounts.returned) for share in found
    }


async def test_gross_returned_and_net_are_apart(analytics_database: Database) -> None:
    await hear(
        analytics_database,
        purchase("1", amount=20_000, discount=2_000),
        purchase("2", who="wang", amount=10_000),
        refund("r", "1", amount=5_000),
    )
    found = await spend(analytics_database, MARCH)
    assert found.total == Amounts(orders=2, gross=30_000, discount=2_000, returns=1, returned=5_000)
    assert (found.total.net, found.total.average_order, found.buyers) == (23_000, 14_000.0, 2)


async def test_a_whole_month_is_compared_with_the_month_before(analytics_database: Database) -> None:
    await hear(
        analytics_database,
        purchase("1", when="2026-02-28 23:59", amount=10_000),
        purchase("2", when="2026-03-31 23:59", amount=15_000),
        purchase("3", when="2026-04-01 00:00", amount=99_000),
    )
    found = await spend(analytics_database, MARCH)
    assert found.range_before == Range(first=date(2026, 2, 1), last=date(2026, 2, 28))
    assert found.change is not None
    assert found.change.gross == 0.5


async def test_a_range_that_is_not_over_is_compared_with_nothing(analytics_database: Database) -> None:
    today = Calendar(zone="Asia/Shanghai", first_day_of_week=1, today=MARCH.last)
    found = await spend(analytics_database, MARCH, today)
    assert (found.before, found.change) == (None, None)


async def test_buyers_of_a_period_are_different_members(analytics_database: Database) -> None:
    orders = [("1", "lin", "03-02"), ("2", "lin", "03-03"), ("3", "wang", "03-08"), ("4", "lin", "03-09")]
    events = [purchase(order, who=who, when=f"2026-{day} 12:00") for order, who, day in orders]
    await hear(analytics_database, *events)
    found = await spend(analytics_database, MARCH)
    assert found.buyers == 2
    assert {one.span.first: one.buyers for one in found.periods if one.buyers} == {
        date(2026, 3, 2): 2,
        date(2026, 3, 9): 1,
    }


async def test_spend_by_attributes_that_come_after_the_purchases(analytics_database: Database) -> None:
    await hear(
        analytics_database,
        purchase("1", who="lin", amount=500),
        purchase("2", who="wang", amount=300, channel="shop"),
        purchase("3", who="stranger", amount=100),
        refund("r", "2", amount=50),
    )
    await hear(analytics_database, registered("lin", region="上海", gender="f"), registered("wang", region="北京"))
    assert await shares(analytics_database, "region") == {
        "上海": (1, 1, 500, 0),
        "北京": (1, 1, 300, 50),
        None: (1, 1, 100, 0),
    }
    assert await shares(analytics_database, "channel") == {"web": (2, 2, 600, 0), "shop": (1, 1, 300, 50)}
    assert (await shares(analytics_database, "gender"))["f"] == (2, 2, 800, 50)


async def test_tier_then_is_the_tier_held_just_before_the_purchase(analytics_database: Database) -> None:
    await hear(
        analytics_database,
        registered("lin", tier="gold"),
        tier_changed("lin", ("base", "2026-01-01 00:00"), ("gold", "2026-03-01 12:00")),
        purchase("1", when="2026-03-01 12:00", amount=100),
        purchase("2", when="2026-03-01 13:00", amount=10),
        refund("r", "1", amount=7, when="2026-03-05 09:00"),
    )
    assert await shares(analytics_database, "tier_then") == {"base": (1, 1, 100, 7), "gold": (1, 1, 10, 0)}
    assert await shares(analytics_database, "tier") == {"gold": (1, 2, 110, 7)}


async def test_a_member_without_a_history_held_the_registered_tier(analytics_database: Database) -> None:
    await hear(analytics_database, registered("lin", tier="base"), purchase("1"))
    assert await shares(analytics_database, "tier_then") == {"base": (1, 1, 10_000, 0)}


async def test_percentiles_and_top_members(analytics_database: Database) -> None:
    events = [purchase(str(number), who=f"m{number}", amount=number * 100) for number in range(1, 101)]
    await hear(analytics_database, *events, refund("r", "100", amount=9_950))
    async with analytics_database.transaction() as tx:
        spread, top = await handlers.members(tx, MARCH, limit=2)
    assert (spread.buyers, spread.paid, spread.net) == (100, 505_000, 495_050)
    assert list(spread.paid_at) == [500, 1_000, 2_500, 5_000, 7_500, 9_000, 9_500, 9_900]
    assert spread.net_at[0] == 400
    assert top[0] == MemberSpend(member_id=member("m99"), amounts=Amounts(orders=1, gross=9_900))
    assert len(top) == 2


async def test_members_of_an_empty_range_are_none(analytics_database: Database) -> None:
    async with analytics_database.transaction() as tx:
        spread, top = await handlers.members(tx, MARCH, limit=2)
    assert (spread.buyers, list(spread.paid_at), list(top)) == (0, [], [])


async def test_weeks_follow_the_programmes_first_day(analytics_database: Database) -> None:
    await hear(analytics_database, settings(1, first_day_of_week=7), purchase("1", when="2026-03-01 12:00"))
    sunday = Calendar(zone="Asia/Shanghai", first_day_of_week=7, today=date(2026, 6, 1))
    found = await spend(analytics_database, MARCH, sunday)
    assert found.periods[0].span == Range(first=date(2026, 3, 1), last=date(2026, 3, 7))
    assert found.periods[0].amounts == Amounts(orders=1, gross=10_000)


async def test_each_period_of_a_trend_is_compared_with_the_one_before(analytics_database: Database) -> None:
    days = ["2026-01-10", "2026-02-10", "2026-02-11", "2026-04-01"]
    await hear(analytics_database, *(purchase(day, when=f"{day} 12:00") for day in days))
    over = Range(first=date(2026, 2, 1), last=date(2026, 4, 30))
    async with analytics_database.transaction() as tx:
        found = await handlers.trend(tx, over, CALENDAR, "month")
    changes = [change.orders if change else None for _, change in found.periods]
    assert changes == [1.0, -1.0, None]
    assert found.by_month[1].amounts.orders == 2
