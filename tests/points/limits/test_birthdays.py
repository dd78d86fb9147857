"""Limits by birthday: the days around one are one period, whatever calendar year they lie in."""

from datetime import UTC, date, datetime, timedelta

import pytest

from common.events import event_of
from common.events.members import MemberUpdated
from common.storage import Database
from points.evaluation.occasion import Birthday
from points.limits.domain import birthday_period, next_period
from tests.points.facts.test_segments_and_people import sealed
from tests.points.limits.test_limits import only, sum_of_points, to, used
from tests.points.world import SHOP, day, happen, member, purchase, refund


async def test_limit_by_birthday_counts_days_around_new_year_once(points_database: Database) -> None:
    near = {"kind": "birthday", "days_before": 3, "days_after": 3}
    limits = [to(1, period="birthday", unit="uses")]
    await only(points_database, "birthday", {"kind": "fixed", "points": 50}, when=near, limits=limits)
    solar, lunar = await member(points_database), await member(points_database)
    for someone, birthday, calendar in ((solar, "1990-01-01", "solar"), (lunar, "1990-11-12", "lunar")):
        born = await sealed(points_database, someone, birthday=birthday, calendar=calendar)
        update = MemberUpdated(member_id=someone, revision=2, registered_at=day(-400), birthday=born)
        await happen(points_database, event_of(update, source=SHOP))
    around = [datetime(2023, 12, 30, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 12, 30, tzinfo=UTC)]
    bought = [purchase(solar, str(number), 10_00, at=at) for number, at in enumerate(around)]
    await happen(points_database, *bought[1:])
    await happen(points_database, bought[0])
    assert await used(points_database) == [("birthday", "birthday:2024", 50, 1), ("birthday", "birthday:2025", 50, 1)]
    # The twelfth of the eleventh lunar month is kept on 23 December 2023 and on 12 December 2024.
    twice = [datetime(2023, 12, 22, tzinfo=UTC), datetime(2023, 12, 26, tzinfo=UTC), datetime(2024, 12, 12, tzinfo=UTC)]
    await happen(points_database, *(purchase(lunar, f"l{number}", 10_00, at=at) for number, at in enumerate(twice)))
    assert await sum_of_points(points_database) == 200
    await happen(points_database, refund("1", "r", 10_00, at=around[1]))
    await happen(points_database, purchase(solar, "again", 10_00, at=around[0]))
    assert await sum_of_points(points_database) == 200, "what came back can be given again"


@pytest.mark.parametrize("calendar", ["solar", "lunar"])
def test_every_day_lies_in_the_year_of_one_birthday_and_the_next_begins_where_it_ends(calendar: str) -> None:
    for month, number in ((1, 1), (2, 29), (6, 30), (12, 31)):
        birthday = Birthday(month, min(number, 30) if calendar == "lunar" else number, calendar)
        today = date(2023, 1, 1)
        while today < date(2027, 1, 1):
            period, resets = birthday_period(birthday, today), next_period("birthday", today, 1, birthday)
            assert resets is not None
            assert 0 < (resets - today).days <= 385
            assert birthday_period(birthday, resets - timedelta(days=1)) == period
            assert int(birthday_period(birthday, resets)[-4:]) == int(period[-4:]) + 1
            today += timedelta(days=1)
