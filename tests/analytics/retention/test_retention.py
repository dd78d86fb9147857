"""The cohort table."""

from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.calendar.domain import Calendar, Period, Range, distance
from analytics.retention import handlers
from common.storage import Database
from tests.analytics.builders import at, hear, purchase

CALENDAR = Calendar(zone="Asia/Shanghai", first_day_of_week=1, today=date(2026, 5, 10))
SPRING = Range(first=date(2026, 1, 15), last=date(2026, 5, 1))


async def table(
    database: Database, *, over: Range = SPRING, calendar: Calendar = CALENDAR, period: Period = "month", later: int = 4
) -> dict[date, tuple[int | None, list[int | None]]]:
    async with database.transaction() as tx:
        cohorts = await handlers.retention(tx, over, calendar, period, later=later)
    return {cohort.span.first: (cohort.size, [cell.members for cell in cohort.cells]) for cohort in cohorts}


async def test_cells_of_unfinished_months_are_null_never_nought(analytics_database: Database) -> None:
    orders = [
        ("lin", "2026-01-20"),
        ("lin", "2026-03-02"),
        ("wang", "2026-01-31"),
        ("wang", "2026-02-01"),
        ("li", "2026-03-31"),
        ("zhao", "2026-05-02"),
    ]
    await hear(analytics_database, *(purchase(f"{who} {day}", who=who, when=f"{day} 12:00") for who, day in orders))
    assert await table(analytics_database) == {
        date(2026, 1, 1): (2, [2, 1, 1, 0, None]),
        date(2026, 2, 1): (0, [0, 0, 0, None, None]),
        date(2026, 3, 1): (1, [1, 0, None, None, None]),
        date(2026, 4, 1): (0, [0, None, None, None, None]),
        date(2026, 5, 1): (None, [None, None, None, None, None]),
    }


async def test_a_late_purchase_moves_its_member_to_the_earlier_cohort(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("1", when="2026-03-01 12:00"))
    await hear(analytics_database, purchase("0", when="2026-01-16 12:00"))
    found = await table(analytics_database)
    assert found[date(2026, 1, 1)] == (1, [1, 0, 1, 0, None])
    assert found[date(2026, 3, 1)][0] == 0


async def test_the_first_purchase_ever_decides_even_before_the_range(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("0", when="2025-12-31 23:59"), purchase("1", when="2026-01-20 12:00"))
    assert (await table(analytics_database))[date(2026, 1, 1)][0] == 0


async def test_a_member_counts_once_in_a_month(analytics_database: Database) -> None:
    days = ["2026-01-16", "2026-01-17", "2026-02-01", "2026-02-02", "2026-02-02"]
    events = [purchase(str(place), when=f"{day} 12:00") for place, day in enumerate(days)]
    await hear(analytics_database, *events)
    assert (await table(analytics_database))[date(2026, 1, 1)] == (1, [1, 1, 0, 0, None])


async def test_months_are_those_of_the_programmes_zone(analytics_database: Database) -> None:
    midnight = at("2026-02-01 00:00")
    await hear(analytics_database, purchase("1", who="lin", when=midnight - timedelta(seconds=1)))
    await hear(analytics_database, purchase("2", who="wang", when=midnight))
    found = await table(analytics_database)
    assert (found[date(2026, 1, 1)][0], found[date(2026, 2, 1)][0]) == (1, 1)


async def test_weeks_begin_on_the_programmes_first_day(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("1", when="2026-03-01 12:00"), purchase("2", when="2026-03-02 12:00"))
    over = Range(first=date(2026, 3, 1), last=date(2026, 3, 1))
    monday = await table(analytics_database, over=over, period="week", later=1)
    assert monday == {date(2026, 2, 23): (1, [1, 1])}
    sunday_first = Calendar(zone="Asia/Shanghai", first_day_of_week=7, today=CALENDAR.today)
    sunday = await table(analytics_database, over=over, calendar=sunday_first, period="week", later=1)
    assert sunday == {date(2026, 3, 1): (1, [1, 0])}


purchases = st.lists(
    st.tuples(st.sampled_from("abcd"), st.dates(date(2025, 12, 1), date(2026, 5, 9))), min_size=1, max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bought=purchases, period=st.sampled_from(["day", "week", "month"]), later=st.integers(0, 5))
async def test_the_table_is_what_counting_by_hand_gives(
    analytics_database: Database, bought: list[tuple[str, date]], period: Period, later: int
) -> None:
    async with analytics_database.transaction() as tx:
        await tx.execute("TRUNCATE purchases, spend_days")
    events = [purchase(str(place), who=who, when=f"{day} 12:00") for place, (who, day) in enumerate(bought)]
    await hear(analytics_database, *events)
    found = await table(analytics_database, period=period, later=later)
    first = {who: min(day for name, day in bought if name == who) for who, _ in bought}
    for start, (size, cells) in found.items():
        members = {who for who, day in first.items() if CALENDAR.start(day, period) == start}
        if size is not None:
            assert size == len(members)
        for k, cell in enumerate(cells):
            if cell is not None:
                back = {
                    who
                    for who, day in bought
                    if who in members and distance(start, CALENDAR.start(day, period), period) == k
                }
                assert cell == len(back)
