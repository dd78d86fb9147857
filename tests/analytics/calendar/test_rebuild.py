"""A change of the programme's zone takes all facts to their new days, in the background."""

from datetime import date, timedelta

from analytics.calendar import handlers
from analytics.jobs import MOVERS
from common.storage import Database
from tests.analytics.builders import earned, hear, notice, purchase, refund, settings, spend_days, value

EVENING, NEXT = date(2026, 3, 1), date(2026, 3, 2)


async def rebuild(database: Database) -> int:
    async with database.transaction() as tx:
        return await handlers.rebuild(tx, MOVERS)


async def facts_at_one_in_the_morning(database: Database) -> None:
    """In Shanghai it is 2 March, in New York still 1 March."""
    when = "2026-03-02 01:00"
    await hear(
        database,
        purchase("1", when=when),
        refund("r", "1", when=when),
        refund("waits", "9", when=when),
        earned("lin", 1, 60, when=when),
        notice(1, when=when),
    )


async def test_facts_move_to_the_days_of_the_new_zone(analytics_database: Database) -> None:
    await facts_at_one_in_the_morning(analytics_database)
    assert list(await spend_days(analytics_database)) == [(NEXT, "web")]
    await hear(analytics_database, settings(1, time_zone="America/New_York"))
    assert await rebuild(analytics_database) == 5
    assert await spend_days(analytics_database) == {(EVENING, "web"): (1, 10_000, 0, 1, 1_000)}
    for rollup, measure in (("points_days", "points"), ("rule_days", "points"), ("notice_days", "notices")):
        sql = f"SELECT day FROM {rollup} GROUP BY day HAVING sum({measure}) <> 0"
        assert await value(analytics_database, sql) == EVENING


async def test_a_return_that_waited_through_a_rebuild_counts_on_its_new_day(analytics_database: Database) -> None:
    await facts_at_one_in_the_morning(analytics_database)
    await hear(analytics_database, settings(1, time_zone="America/New_York"))
    await rebuild(analytics_database)
    await hear(analytics_database, purchase("9", when="2026-03-10 12:00"))
    assert (await spend_days(analytics_database))[(EVENING, "web")] == (1, 10_000, 0, 2, 2_000)


async def test_a_rebuild_ends_when_no_worker_can_know_the_old_zone(analytics_database: Database) -> None:
    await facts_at_one_in_the_morning(analytics_database)
    await hear(analytics_database, settings(1, time_zone="America/New_York"))
    await rebuild(analytics_database)
    assert await rebuild(analytics_database) == 0
    assert await rebuilding(analytics_database)
    async with analytics_database.transaction() as tx:
        await tx.execute(
            "UPDATE rebuilds SET requested_at = requested_at - CAST(:settling AS interval)",
            {"settling": timedelta(seconds=handlers.SETTLING_SECONDS)},
        )
    await rebuild(analytics_database)
    assert not await rebuilding(analytics_database)
    assert await value(analytics_database, "SELECT moved FROM rebuilds") == 5


async def test_a_fact_written_with_the_old_zone_meanwhile_is_moved_too(analytics_database: Database) -> None:
    await facts_at_one_in_the_morning(analytics_database)
    await hear(analytics_database, settings(1, time_zone="America/New_York"))
    await rebuild(analytics_database)
    async with analytics_database.transaction() as tx:
        await tx.execute("UPDATE purchases SET zone = 'Asia/Shanghai', day = '2026-03-02'")
        await tx.execute("UPDATE spend_days SET day = '2026-03-02' WHERE orders > 0")
    assert await rebuild(analytics_database) == 1


async def test_other_settings_do_not_ask_for_a_rebuild(analytics_database: Database) -> None:
    await hear(analytics_database, settings(1, name="会员", first_day_of_week=7))
    assert not await rebuilding(analytics_database)


async def test_an_older_announcement_changes_nothing(analytics_database: Database) -> None:
    await hear(analytics_database, settings(2, time_zone="Europe/Berlin"))
    await hear(analytics_database, settings(1, time_zone="America/New_York"))
    assert await value(analytics_database, "SELECT string_agg(zone, ' ') FROM rebuilds") == "Europe/Berlin"


async def rebuilding(database: Database) -> bool:
    async with database.transaction() as tx:
        return (await handlers.calendar(tx))[2]


async def test_moved_facts_are_not_new_ones(analytics_database: Database) -> None:
    await facts_at_one_in_the_morning(analytics_database)
    sql = "SELECT max(recorded_at) FROM spend_days"
    heard = await value(analytics_database, sql)
    await hear(analytics_database, settings(1, time_zone="America/New_York"))
    await rebuild(analytics_database)
    assert await value(analytics_database, sql) == heard
