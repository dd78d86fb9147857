"""Purchases and returns become facts once, whatever comes in whichever order."""

from datetime import UTC, date, datetime, timedelta

import pytest

from common.storage import Database
from tests.analytics.builders import hear, purchase, refund, settings, spend_days, value, words

MARCH_1, MARCH_2 = date(2026, 3, 1), date(2026, 3, 2)


async def test_a_purchase_counts_on_its_local_day(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("1", when="2026-03-01 23:59", amount=12_000, discount=2_000))
    assert await spend_days(analytics_database) == {(MARCH_1, "web"): (1, 12_000, 2_000, 0, 0)}


async def test_an_unknown_member_is_no_reason_to_refuse_a_fact(analytics_database: Database) -> None:
    assert await hear(analytics_database, purchase("1", who="nobody has heard of")) == []


async def test_the_same_order_again_is_a_duplicate_without_effect(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("1"))
    assert words(await hear(analytics_database, purchase("1"))) == [("duplicate", "")]
    assert await spend_days(analytics_database) == {(MARCH_1, "web"): (1, 10_000, 0, 0, 0)}


async def test_the_same_order_twice_in_a_batch_counts_once(analytics_database: Database) -> None:
    outcomes = await hear(analytics_database, purchase("1"), purchase("1"), purchase("2"))
    assert words(outcomes) == [("duplicate", "")]
    assert await spend_days(analytics_database) == {(MARCH_1, "web"): (2, 20_000, 0, 0, 0)}


async def test_the_same_order_with_another_body_is_set_aside(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("1"))
    outcomes = await hear(analytics_database, purchase("1", amount=1), purchase("2"))
    assert words(outcomes) == [("dead", "order_id_reused")]
    assert await spend_days(analytics_database) == {(MARCH_1, "web"): (2, 20_000, 0, 0, 0)}


async def test_two_bodies_of_one_order_in_a_batch_leave_one(analytics_database: Database) -> None:
    outcomes = await hear(analytics_database, purchase("1"), purchase("1", amount=1))
    assert words(outcomes) == [("dead", "order_id_reused")]
    assert await value(analytics_database, "SELECT count(*) FROM purchases") == 1


async def test_shops_may_use_the_same_numbers(analytics_database: Database) -> None:
    assert await hear(analytics_database, purchase("1"), purchase("1", source="//shop/two", amount=5)) == []
    assert await spend_days(analytics_database) == {(MARCH_1, "web"): (2, 10_005, 0, 0, 0)}


async def test_a_return_counts_on_its_own_day_in_its_purchases_channel(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("1", channel="shop"))
    await hear(analytics_database, refund("r", "1", amount=3_000))
    assert await spend_days(analytics_database) == {
        (MARCH_1, "shop"): (1, 10_000, 0, 0, 0),
        (MARCH_2, "shop"): (0, 0, 0, 1, 3_000),
    }


async def test_a_return_before_its_purchase_waits_for_it(analytics_database: Database) -> None:
    await hear(analytics_database, refund("r", "1", amount=3_000))
    assert await spend_days(analytics_database) == {}
    await hear(analytics_database, purchase("1", channel="shop"))
    assert await spend_days(analytics_database) == {
        (MARCH_1, "shop"): (1, 10_000, 0, 0, 0),
        (MARCH_2, "shop"): (0, 0, 0, 1, 3_000),
    }


async def test_a_return_with_its_purchase_in_one_batch_is_matched(analytics_database: Database) -> None:
    await hear(analytics_database, refund("r", "1"), purchase("1"))
    assert await value(analytics_database, "SELECT count(*) FROM returns WHERE state = 'waiting'") == 0


async def test_a_return_from_another_system_names_the_purchases_source(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("1"))
    await hear(analytics_database, refund("r", "1", source="//till"))
    await hear(analytics_database, refund("s", "1", source="//till", order_source="//shop/one"))
    assert await value(analytics_database, "SELECT return_id FROM returns WHERE state = 'applied'") == "s"


async def test_the_same_return_again_is_a_duplicate(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("1"), refund("r", "1"))
    assert words(await hear(analytics_database, refund("r", "1"))) == [("duplicate", "")]
    assert words(await hear(analytics_database, refund("r", "1", amount=2))) == [("dead", "return_id_reused")]
    assert (await spend_days(analytics_database))[(MARCH_2, "web")] == (0, 0, 0, 1, 1_000)


async def test_another_currency_is_set_aside(analytics_database: Database) -> None:
    outcomes = await hear(analytics_database, purchase("1", currency="USD"), refund("r", "1", currency="USD"))
    assert words(outcomes) == [("dead", "currency_mismatch")] * 2
    assert "USD" in outcomes[0].message
    assert await value(analytics_database, "SELECT (SELECT count(*) FROM purchases) + count(*) FROM returns") == 0


async def test_the_programmes_currency_is_the_one_announced(analytics_database: Database) -> None:
    await hear(analytics_database, settings(1, currency="USD"))
    assert words(await hear(analytics_database, purchase("1", currency="CNY"))) == [("dead", "currency_mismatch")]
    assert await hear(analytics_database, purchase("2", currency="USD")) == []


@pytest.mark.parametrize("when", [datetime(1989, 12, 31, tzinfo=UTC), datetime.now(UTC) + timedelta(days=2)])
async def test_an_absurd_time_is_set_aside(analytics_database: Database, when: datetime) -> None:
    outcomes = await hear(analytics_database, purchase("1", when=when), refund("r", "1", when=when))
    assert words(outcomes) == [("dead", "absurd_time")] * 2


async def test_amounts_add_up_beyond_what_a_bigint_holds(analytics_database: Database) -> None:
    most = 10**15
    await hear(analytics_database, *(purchase(str(number), amount=most) for number in range(500)))
    async with analytics_database.transaction() as tx:
        await tx.execute(
            "INSERT INTO spend_days (day, channel, orders, gross, discount, returns, returned, recorded_at) "
            "SELECT day, channel, 0, gross, 0, 0, 0, recorded_at FROM spend_days, generate_series(1, 40)"
        )
    assert (await spend_days(analytics_database))[(MARCH_1, "web")][1] == 41 * 500 * most
