"""Points that wait, and badges: a notice says what is so when it is sent, by the order in which it was decided."""

from datetime import timedelta
from typing import Any

import pytest

from common.events.incentives import BadgeAwarded, BadgeRevoked
from common.events.points import PointsClawedBack, PointsPending, PointsReleased, PointsRepriced
from common.storage import Database
from tests.notify.dispatch.test_occasions import NOW, hear, incentive, moved
from tests.notify.events import member, notices, outcome_of


@pytest.mark.parametrize("word", ["released", "clawed_back", "repriced"])
async def test_points_that_wait_no_more_are_not_said_to_wait(notify_database: Database, word: str) -> None:
    who = await member(notify_database)
    order: dict[str, Any] = {"order_source": "//shop", "order_id": "A-1"}
    since = {
        "released": moved(PointsReleased, who, sequence=6, **order),
        "clawed_back": moved(PointsClawedBack, who, sequence=6, return_id="r", pending=100, **order),
        "repriced": moved(PointsRepriced, who, sequence=6, points=-100, pending=-100, **order),
    }[word]
    await hear(notify_database, since, moved(PointsPending, who, rule="r", rule_version=1, **order))
    found = {row["template"]: (row["state"], row["reason"]) for row in await notices(notify_database, "inbox")}
    assert found["points_pending"] == ("suppressed", word)


async def test_a_badge_that_a_late_purchase_awards_again_is_told_though_it_was_revoked_for_a_later_day(
    notify_database: Database,
) -> None:
    who, before = await member(notify_database), NOW - timedelta(days=1)
    await hear(
        notify_database,
        incentive(BadgeRevoked, who, change=2),
        incentive(BadgeAwarded, who, NOW + timedelta(days=1), change=1),
        incentive(BadgeAwarded, who, before, change=3),
    )
    found = [(row["template"], row["state"], row["reason"]) for row in await notices(notify_database, "inbox")]
    assert found == [
        ("badge_revoked", "sent", ""),
        ("badge_awarded", "suppressed", "revoked"),
        ("badge_awarded", "sent", ""),
    ]


async def test_levels_of_a_badge_that_were_reached_at_once_are_each_told(notify_database: Database) -> None:
    who = await member(notify_database)
    await hear(notify_database, *(incentive(BadgeAwarded, who, level=level, change=1) for level in (1, 2)))
    assert await outcome_of(notify_database, "inbox") == [("sent", "")] * 2
