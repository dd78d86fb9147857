"""Outcomes of notices."""

from datetime import date

from analytics.calendar.domain import Range
from analytics.notices import handlers
from analytics.notices.domain import NoticeKey, folded
from common.events.notices import NoticeFailed, NoticeSent, NoticeSuppressed
from common.storage import Database
from tests.analytics.builders import hear, notice, value, words

MARCH = Range(first=date(2026, 3, 1), last=date(2026, 3, 31))


async def figures(database: Database) -> dict[tuple[str, str, str], int]:
    async with database.transaction() as tx:
        found = await handlers.figures(tx, MARCH)
    return {(key.template, key.channel, key.state): number for key, number in found}


async def test_outcomes_are_counted_by_template_channel_and_state(analytics_database: Database) -> None:
    await hear(
        analytics_database,
        notice(1),
        notice(2),
        notice(3, channel="email", kind=NoticeFailed, reason="refused"),
        notice(4, template="tier_changed", kind=NoticeSuppressed, reason="left"),
        notice(5, when="2026-02-28 12:00"),
    )
    assert await figures(analytics_database) == {
        ("points_earned", "inbox", "sent"): 2,
        ("points_earned", "email", "failed"): 1,
        ("tier_changed", "inbox", "suppressed"): 1,
    }


async def test_an_outcome_counts_once(analytics_database: Database) -> None:
    await hear(analytics_database, notice(1))
    assert words(await hear(analytics_database, notice(1))) == [("duplicate", "")]
    assert words(await hear(analytics_database, notice(1, template="other"))) == [("dead", "notice_reused")]
    assert await figures(analytics_database) == {("points_earned", "inbox", "sent"): 1}


async def test_a_notice_that_failed_may_be_sent_later(analytics_database: Database) -> None:
    await hear(analytics_database, notice(1, kind=NoticeFailed, reason="down"))
    assert await hear(analytics_database, notice(1, kind=NoticeSent)) == []
    assert len(await figures(analytics_database)) == 2


async def test_folding_keeps_the_numbers(analytics_database: Database) -> None:
    for number in range(4):
        await hear(analytics_database, notice(number))
    async with analytics_database.transaction() as tx:
        await handlers.fold(tx)
    assert await value(analytics_database, "SELECT count(*) FROM notice_days") == 1
    assert await figures(analytics_database) == {("points_earned", "inbox", "sent"): 4}


def test_what_comes_to_nothing_is_left_out() -> None:
    key = NoticeKey(day=date(2026, 3, 1), template="t", channel="c", state="sent")
    assert folded([(key, 1), (key, -1)]) == []
