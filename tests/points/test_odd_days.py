"""Days that come not every year, and days that are shorter or longer than others."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from common.events.members import Sealed
from common.storage import Database
from points import keyring
from points.facts.birthdays import PURPOSE
from tests.points.world import happen, member, programme, purchase, registered, rows, rule

NEW_YORK = ZoneInfo("America/New_York")
DAILY = [{"scope": "member", "period": "day", "unit": "uses", "amount": 1}]


async def sealed(database: Database, someone: UUID, **fields: str) -> Sealed:
    async with database.transaction() as tx:
        return await keyring.current().seal(tx, someone, fields, purpose=PURPOSE)


@pytest.mark.parametrize(
    ("born", "kept", "others"),
    [
        (
            {"birthday": "2000-02-29", "calendar": "solar"},
            [(2024, 2, 29), (2025, 2, 28)],
            [(2024, 2, 28), (2025, 3, 1)],
        ),
        # Leap month 6 of 2025 begins on 25 July; the ordinary one on 25 June. In 2024 there is no leap month.
        (
            {"birthday": "1987-06-01", "calendar": "lunar", "leap_month": "true"},
            [(2025, 7, 25), (2024, 7, 6)],
            [(2025, 6, 25)],
        ),
        ({"birthday": "1987-06-01", "calendar": "lunar"}, [(2025, 6, 25), (2024, 7, 6)], [(2025, 7, 25)]),
    ],
)
async def test_birthdays_that_do_not_come_each_year_are_kept_once_each_year(
    points_database: Database,
    born: dict[str, str],
    kept: Sequence[tuple[int, int, int]],
    others: Sequence[tuple[int, int, int]],
) -> None:
    await rule(points_database, "party", {"kind": "fixed", "points": 100}, when={"kind": "birthday"})
    someone = uuid4()
    await happen(points_database, registered(someone, birthday=await sealed(points_database, someone, **born)))
    for place, date in enumerate((*kept, *others)):
        await happen(points_database, purchase(someone, f"{place}", 1_00, at=datetime(*date, 4, tzinfo=UTC)))
    paid = await rows(points_database, "SELECT occasion_id FROM accruals WHERE earned > 100 ORDER BY 1")
    assert [row.occasion_id for row in paid] == [str(place) for place in range(len(kept))]


@pytest.mark.parametrize("changing", [datetime(2025, 3, 9, tzinfo=NEW_YORK), datetime(2025, 11, 2, tzinfo=NEW_YORK)])
async def test_a_day_of_23_or_25_hours_is_one_day_of_a_limit(points_database: Database, changing: datetime) -> None:
    """Rule 16's zones: one use a day in New York, on the days when the clocks change and those around them."""
    await happen(points_database, programme(time_zone="America/New_York"))
    await rule(points_database, "daily", {"kind": "fixed", "points": 10}, limits=DAILY)
    someone = await member(points_database)
    midnight = changing.astimezone(UTC)
    following = (changing + timedelta(days=1)).astimezone(UTC)
    assert (following - midnight) in (timedelta(hours=23), timedelta(hours=25))
    moment = timedelta(microseconds=1)
    moments = [midnight - moment, midnight, midnight + timedelta(hours=2), following - moment, following]
    for place, at in enumerate(moments):
        await happen(points_database, purchase(someone, f"{place}", 1_00, at=at))
    paid = await rows(points_database, "SELECT occasion_id FROM accruals WHERE earned > 1 ORDER BY 1")
    assert [row.occasion_id for row in paid] == ["0", "1", "4"]
