"""Each cause becomes one notice per channel, whatever is redelivered, in whatever order and by however many."""

import asyncio
import random
from typing import Any
from uuid import uuid4

import pytest

from common.events import event_of
from common.storage import Database
from notify.dispatch.handlers import members_tier_changed, points_clawed_back, points_earned, points_repriced
from notify.preferences.handlers import members_changed
from notify.templates import handlers as templates
from tests.notify import events as story
from tests.notify.events import SHOP, clawed_back, earned, handled, member, notices, outcome_of, repriced, told


async def test_points_earned_become_an_inbox_notice_at_once_and_a_mail_in_the_queue(notify_database: Database) -> None:
    who = await member(notify_database, email="li@example.com")
    event = earned(
        who, points=120, balance=1480, order="A-77", basis=12_345, traceparent=f"00-{'a' * 32}-{'b' * 16}-01"
    )

    assert await handled(notify_database, points_earned, event) == {}

    mail, inbox = await notices(notify_database)
    assert (inbox["state"], inbox["subject"]) == ("sent", "You earned 120 points")
    assert inbox["text"] == (
        "Your purchase A-77 of 1 March 1997 (¥123.45) earned you 120 points. Your balance afterwards: 1,480 points."
    )
    assert (mail["channel"], mail["state"], mail["subject"], mail["text"]) == ("email", "queued", None, None)
    assert (inbox["cause_source"], inbox["cause_id"], inbox["about"]) == (event.source, event.id, "A-77")
    assert await told(notify_database) == [("notice.sent.v1", "inbox")]
    outbox = await story.rows(
        notify_database,
        "SELECT e ->> 'traceparent' AS traceparent, e ->> 'subject' AS subject"
        " FROM outbox, CAST(convert_from(body, 'UTF8') AS jsonb) AS e",
    )
    assert (outbox[0]["traceparent"][3:35], outbox[0]["subject"]) == ("a" * 32, "A-77")
    queue = await story.rows(notify_database, "SELECT notice_id, tries, lease FROM deliveries")
    assert queue == [{"notice_id": mail["notice_id"], "tries": 0, "lease": None}]


async def test_a_chinese_member_reads_chinese_in_the_programmes_time(notify_database: Database) -> None:
    who = await member(notify_database, locale="zh_CN")
    late = story.BOUGHT_AT.replace(hour=17)  # already the next day in Shanghai
    await handled(notify_database, points_earned, earned(who, points=5, occurred_at=late))
    inbox = (await notices(notify_database, "inbox"))[0]
    assert inbox["subject"] == "您获得了 5 积分"
    assert "1997年3月2日" in inbox["text"]


async def test_the_member_who_lives_elsewhere_reads_their_own_date(notify_database: Database) -> None:
    who = await member(notify_database, time_zone="America/New_York")
    await handled(notify_database, points_earned, earned(who, occurred_at=story.BOUGHT_AT.replace(hour=2)))
    assert "28 February 1997" in (await notices(notify_database, "inbox"))[0]["text"]


async def test_an_unknown_member_is_tried_again_without_any_effect(notify_database: Database) -> None:
    stranger, known = uuid4(), await member(notify_database)
    causes = [earned(stranger), earned(known)]
    assert await handled(notify_database, points_earned, *causes) == {causes[0].id: ("retry", "unknown_member")}
    back = clawed_back(stranger)
    assert await handled(notify_database, points_clawed_back, back) == {back.id: ("retry", "unknown_member")}
    tier = story.tier_changed(stranger, "silver", "base")
    assert await handled(notify_database, members_tier_changed, tier) == {tier.id: ("retry", "unknown_member")}
    assert {row["member_id"] for row in await notices(notify_database)} == {known}
    assert await story.rows(notify_database, "SELECT * FROM corrections") == []


async def test_the_same_cause_again_is_a_duplicate(notify_database: Database) -> None:
    who = await member(notify_database, email="li@example.com")
    event = earned(who)
    await handled(notify_database, points_earned, event)
    assert await handled(notify_database, points_earned, event) == {event.id: ("duplicate", "")}
    assert len(await notices(notify_database)) == 2
    assert len(await told(notify_database)) == 1
    assert len(await story.rows(notify_database, "SELECT * FROM deliveries")) == 1


async def test_one_cause_of_two_sources_is_two_causes(notify_database: Database) -> None:
    who = await member(notify_database)
    one, other = earned(who, id="7", source="//a"), earned(who, id="7", source="//b")
    assert await handled(notify_database, points_earned, one, other) == {}
    assert len(await notices(notify_database, "inbox")) == 2


async def test_no_points_are_no_news(notify_database: Database) -> None:
    who = await member(notify_database)
    assert await handled(notify_database, points_earned, earned(who, points=0)) == {}
    assert await notices(notify_database) == []


async def test_other_wallets_are_no_news(notify_database: Database) -> None:
    who = await member(notify_database)
    assert await handled(notify_database, points_earned, earned(who, wallet="growth")) == {}
    assert await notices(notify_database) == []


async def test_points_taken_back_are_told_with_the_debt(notify_database: Database) -> None:
    who = await member(notify_database)
    await handled(notify_database, points_clawed_back, clawed_back(who, points=90, balance=-30, debt=30, shortfall=30))
    inbox = (await notices(notify_database, "inbox"))[0]
    assert inbox["subject"] == "90 points were taken back"
    assert "owed: 30" in inbox["text"]


async def test_a_purchase_returned_before_it_was_told_is_not_congratulated(notify_database: Database) -> None:
    who = await member(notify_database, email="li@example.com")
    await handled(notify_database, points_clawed_back, clawed_back(who))
    await handled(notify_database, points_earned, earned(who))
    about_earning = [row for row in await notices(notify_database) if row["template"] == "points_earned"]
    assert [(row["state"], row["reason"]) for row in about_earning] == [("suppressed", "clawed_back")] * 2
    assert ("notice.suppressed.v1", "email") in await told(notify_database)


async def test_points_that_have_ended_are_not_congratulated(notify_database: Database) -> None:
    """An old purchase that is learned of today earned points of yesterday."""
    who, past = await member(notify_database), story.BOUGHT_AT.replace(year=1998)
    await handled(notify_database, points_earned, earned(who, balance=0, expires_at=past))
    await handled(notify_database, points_earned, earned(who, balance=0, expires_at=past, reason="activity"))
    told_of = {(row["template"], row["reason"]) for row in await notices(notify_database, "inbox")}
    assert told_of == {("points_earned", "ended"), ("points_awarded", "ended")}


@pytest.mark.parametrize(
    "other",
    [
        {"points": 100, "reason": "task"},  # a task's points went with the purchase; its own are still there
        {"points": 100, "reason": "activity"},
        {"points": 100, "pending": 100},  # so did what waited, and had not been told of yet
    ],
)
async def test_what_went_with_a_purchase_does_not_silence_what_it_still_earns(
    notify_database: Database, other: dict[str, Any]
) -> None:
    who = await member(notify_database)
    await handled(notify_database, points_clawed_back, clawed_back(who, **other))
    await handled(notify_database, points_earned, earned(who, points=100))
    (about_earning,) = [row for row in await notices(notify_database, "inbox") if row["template"] == "points_earned"]
    assert (about_earning["state"], about_earning["subject"]) == ("sent", "You earned 100 points")


async def test_a_correction_of_what_waits_does_not_change_what_can_be_spent(notify_database: Database) -> None:
    who = await member(notify_database)
    more = repriced(who, points=50)
    await handled(notify_database, points_repriced, event_of(more.data.model_copy(update={"pending": 30})))
    await handled(notify_database, points_earned, earned(who, points=100))
    assert (await notices(notify_database, "inbox"))[0]["subject"] == "You earned 120 points"


async def test_a_repriced_purchase_is_told_with_the_right_number(notify_database: Database) -> None:
    who = await member(notify_database)
    await handled(notify_database, points_repriced, repriced(who, points=50, balance=150))
    await handled(notify_database, points_earned, earned(who, points=100))
    inbox = (await notices(notify_database, "inbox"))[0]
    assert inbox["subject"] == "You earned 150 points"
    assert "afterwards: 150 points" in inbox["text"]


async def test_a_correction_counts_once(notify_database: Database) -> None:
    who = await member(notify_database)
    again = repriced(who, points=50)
    await handled(notify_database, points_repriced, again)
    await handled(notify_database, points_repriced, again, repriced(who, points=-20, sequence=4))
    await handled(notify_database, points_earned, earned(who, points=100))
    assert (await notices(notify_database, "inbox"))[0]["subject"] == "You earned 130 points"


async def test_the_order_of_another_source_is_another_order(notify_database: Database) -> None:
    who = await member(notify_database)
    await handled(notify_database, points_clawed_back, clawed_back(who, order_source="//another/shop"))
    await handled(notify_database, points_earned, earned(who, order_source=SHOP))
    assert ("points_earned", "sent") in {
        (row["template"], row["state"]) for row in await notices(notify_database, "inbox")
    }


@pytest.mark.parametrize(
    ("wishes", "inbox", "email"),
    [
        ({"inbox": False, "email": "li@example.com"}, ("suppressed", "opted_out"), ("queued", "")),
        ({}, ("sent", ""), ("suppressed", "no_contact")),
        ({"status": "left", "email": "li@example.com"}, ("suppressed", "member_left"), ("suppressed", "member_left")),
    ],
)
async def test_what_a_member_does_not_want_is_kept_with_the_reason(
    notify_database: Database, wishes: dict[str, object], inbox: tuple[str, str], email: tuple[str, str]
) -> None:
    who = await member(notify_database, **wishes)
    await handled(notify_database, points_earned, earned(who))
    assert await outcome_of(notify_database, "inbox") == [inbox]
    assert await outcome_of(notify_database, "email") == [email]


async def test_who_opted_out_of_mail_gets_none(notify_database: Database) -> None:
    known = await story.registered(notify_database, email="li@example.com")
    await handled(notify_database, members_changed, known, story.updated(known, email=False))
    await handled(notify_database, points_earned, earned(known.data.member_id))
    assert await outcome_of(notify_database, "email") == [("suppressed", "opted_out")]


async def test_without_a_template_the_notice_is_suppressed(notify_database: Database) -> None:
    templates._ready.clear()
    who = await member(notify_database)
    async with notify_database.transaction() as tx:
        await tx.execute("ALTER TABLE templates DISABLE TRIGGER templates_published")
        await tx.execute("DELETE FROM templates WHERE channel = 'inbox'")
    await handled(notify_database, points_earned, earned(who))
    assert await outcome_of(notify_database, "inbox") == [("suppressed", "no_template")]


async def test_a_new_version_is_used_from_its_publication_on(notify_database: Database) -> None:
    who = await member(notify_database)
    await handled(notify_database, points_earned, earned(who, order="A-1"))
    async with notify_database.transaction() as tx:
        await tx.execute(
            "INSERT INTO templates (template_id, key, channel, locale, version, state, subject, text, created_at,"
            " created_by, published_at) VALUES (gen_random_uuid(), 'points_earned', 'inbox', 'en', 2, 'published',"
            " 'New: {{points}}', 'x', now(), 'test', now())"
        )
    await handled(notify_database, points_earned, earned(who, order="A-2"))
    first, second = await notices(notify_database, "inbox")
    assert (first["template_version"], second["template_version"], second["subject"]) == (1, 2, "New: 100")


async def test_every_cause_once_shuffled_repeated_and_by_two_workers(notify_database: Database) -> None:
    members = [await member(notify_database, email=f"m{number}@example.com") for number in range(5)]
    causes = [earned(who, order=f"A-{number}") for number in range(20) for who in members]

    async def worker(seed: int) -> None:
        mine = causes * 2
        random.Random(seed).shuffle(mine)
        for start in range(0, len(mine), 30):
            batch = {event.id: event for event in mine[start : start + 30]}
            await handled(notify_database, points_earned, *batch.values())

    await asyncio.gather(worker(1), worker(2))
    found = await notices(notify_database)
    assert len(found) == len({(row["cause_id"], row["channel"]) for row in found}) == 2 * len(causes)
    assert len(await told(notify_database)) == len(causes)
    assert len(await story.rows(notify_database, "SELECT * FROM deliveries")) == len(causes)


async def test_order_numbers_with_line_ends_stay_in_their_place(notify_database: Database) -> None:
    who = await member(notify_database)
    await handled(notify_database, points_earned, earned(who, order="A\r\nBcc: x@example.com {{points}} <b>"))
    inbox = (await notices(notify_database, "inbox"))[0]
    assert "\r\nBcc: x@example.com {{points}} <b> of 1 March" in inbox["text"]


def test_event_of_a_handler_is_the_event_of_the_contract() -> None:
    assert event_of(earned(uuid4()).data).type == "points.earned.v1"
