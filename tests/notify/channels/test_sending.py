"""Mails leave the queue: as written, once, and judged by the facts of that moment."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.storage import Database
from notify.channels.sender import PostOffice
from notify.channels.smtp import Connection
from notify.dispatch.handlers import members_tier_changed, points_clawed_back, points_earned, points_repriced
from notify.preferences.handlers import members_changed
from tests.notify import events as story
from tests.notify.channels.mailserver import MailServer
from tests.notify.conftest import Office
from tests.notify.events import clawed_back, earned, handled, member, outcome_of, repriced, rows, told


async def send(post: PostOffice) -> int:
    """One round over one connection."""
    connection = Connection(post._server)
    try:
        return await post.round(connection, asyncio.Event())
    finally:
        await connection.close()


async def attempts(database: Database) -> list[tuple[str, int]]:
    return [(row["outcome"], row["code"]) for row in await rows(database, "SELECT * FROM attempts ORDER BY started_at")]


async def test_a_mail_is_sent_as_the_template_says(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    who = await member(notify_database, email="li@example.com", name="李伟", locale="zh-CN")
    event = earned(who, points=1200, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    await handled(notify_database, points_earned, event)

    assert await send(office(unsubscribe_url="https://tea.example/wishes/{member_id}")) == 1

    ((address, message),) = mails.received
    notice = (await story.notices(notify_database, "email"))[0]
    assert address == "li@example.com"
    assert message["Subject"] == "您获得了 1,200 积分"
    assert message["From"] == "茶友会 <members@tea.example>"
    assert message["To"] == "李伟 <li@example.com>"
    assert message["Message-ID"] == f"<{notice['notice_id']}@tea.example>"
    assert message["List-Unsubscribe"] == (
        f"<https://tea.example/wishes/{who}>, <mailto:members@tea.example?subject=unsubscribe%20{who}>"
    )
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().startswith("李伟,您好!")
    assert "<p>李伟,您好!</p>" in html.get_content()
    assert (notice["state"], notice["attempts"]) == ("sent", 1)
    assert await attempts(notify_database) == [("sent", 250)]
    assert (await told(notify_database))[-1] == ("notice.sent.v1", "email")
    traces = await rows(
        notify_database,
        "SELECT DISTINCT substr(convert_from(body, 'UTF8')::jsonb ->> 'traceparent', 4, 32) AS trace FROM outbox",
    )
    assert traces == [{"trace": "a" * 32}]
    assert await rows(notify_database, "SELECT * FROM deliveries") == []


async def test_no_personal_data_is_kept_in_clear(notify_database: Database, mails: MailServer, office: Office) -> None:
    mails.on_recipient = lambda address: f"550 5.1.1 <{address}>: no such user {address}"
    who = await member(notify_database, email="secret.li@example.com", name="Secret Li")
    await handled(notify_database, points_earned, earned(who))
    await send(office())
    for table in ("notices", "attempts", "contacts", "outbox", "deliveries"):
        for row in await rows(notify_database, f"SELECT CAST(t AS text) AS line FROM {table} t"):
            assert "secret" not in row["line"].lower()
    assert all("secret" not in str(message).lower() for message in await story.messages(notify_database))
    kept = await rows(notify_database, "SELECT answer FROM attempts")
    assert kept == [{"answer": "5.1.1 <<address>>: no such user <address>"}]


async def _clawed_back(database: Database, who: UUID) -> None:
    await handled(database, points_clawed_back, clawed_back(who, points=100))


async def _partly(database: Database, who: UUID) -> None:
    await handled(database, points_clawed_back, clawed_back(who, points=40))


async def _repriced_to_nothing(database: Database, who: UUID) -> None:
    await handled(database, points_repriced, repriced(who, points=-100))


async def _changed(database: Database, who: UUID, **changes: Any) -> None:
    event = await story.registered(database, member_id=who, revision=2, email="li@example.com", **changes)
    await handled(database, members_changed, event)


async def _opted_out(database: Database, who: UUID) -> None:
    await _changed(database, who)
    known = await story.registered(database, member_id=who, revision=3)
    await handled(database, members_changed, story.updated(known, email=False))


async def _erased(database: Database, who: UUID) -> None:
    await handled(
        database, members_changed, await story.registered(database, member_id=who, revision=9, status="erased")
    )


async def _left(database: Database, who: UUID) -> None:
    await _changed(database, who, status="left")


async def _no_address(database: Database, who: UUID) -> None:
    await handled(database, members_changed, await story.registered(database, member_id=who, revision=2))


async def _cause_is_old(database: Database, who: UUID) -> None:
    async with database.transaction() as tx:
        await tx.execute("UPDATE notices SET cause_time = now() - interval '73 hours'")


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (_clawed_back, "clawed_back"),
        (_repriced_to_nothing, "repriced"),
        (_opted_out, "opted_out"),
        (_erased, "member_erased"),
        (_left, "member_left"),
        (_no_address, "no_contact"),
        (_cause_is_old, "stale"),
    ],
)
async def test_facts_that_changed_meanwhile_suppress_the_mail(
    notify_database: Database, mails: MailServer, office: Office, meanwhile: Any, reason: str
) -> None:
    who = await member(notify_database, email="li@example.com")
    await handled(notify_database, points_earned, earned(who))
    await meanwhile(notify_database, who)
    assert await send(office()) >= 1
    found = [row for row in await story.notices(notify_database, "email") if row["template"] == "points_earned"]
    assert [(row["state"], row["reason"], row["attempts"]) for row in found] == [("suppressed", reason, 0)]
    assert ("notice.suppressed.v1", "email") in await told(notify_database)
    assert await rows(notify_database, "SELECT * FROM deliveries") == []
    assert all("earned" not in message["Subject"] for _, message in mails.received)


async def test_a_partly_returned_purchase_is_still_told(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    who = await member(notify_database, email="li@example.com")
    await handled(notify_database, points_earned, earned(who))
    await _partly(notify_database, who)
    await send(office())
    assert sorted(message["Subject"] for _, message in mails.received) == [
        "40 points were taken back",
        "You earned 100 points",
    ]


async def test_the_number_is_right_when_it_was_corrected_meanwhile(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    who = await member(notify_database, email="li@example.com")
    await handled(notify_database, points_earned, earned(who, points=100, balance=100))
    await handled(notify_database, points_repriced, repriced(who, points=50, balance=150))
    await send(office())
    assert [message["Subject"] for _, message in mails.received] == ["You earned 150 points"]


async def test_a_superseded_tier_is_not_mailed(notify_database: Database, mails: MailServer, office: Office) -> None:
    who = await member(notify_database, email="li@example.com")
    await handled(notify_database, members_tier_changed, story.tier_changed(who, "silver", "base", revision=1))
    fall = story.tier_changed(who, "base", "silver", revision=2, direction="down")
    await handled(notify_database, members_tier_changed, fall)
    await send(office())
    found = {row["template"]: (row["state"], row["reason"]) for row in await story.notices(notify_database, "email")}
    assert found == {"tier_up": ("suppressed", "superseded"), "tier_down": ("sent", "")}


async def test_purchases_of_long_ago_that_are_told_today_are_mailed(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    who = await member(notify_database, email="li@example.com")
    await handled(notify_database, points_earned, earned(who, occurred_at=datetime(1997, 1, 1, tzinfo=UTC)))
    await send(office())
    assert len(mails.received) == 1


async def test_the_limit_for_old_causes_can_be_switched_off(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    who = await member(notify_database, email="li@example.com")
    await handled(notify_database, points_earned, earned(who, time=datetime.now(UTC) - timedelta(days=400)))
    await send(office(notice_stale_after_hours=0))
    assert len(mails.received) == 1


@pytest.mark.parametrize("address", ["li@example.com\r\nBcc: all@example.com", "nobody", "李@example.com", "a@b@c.d"])
async def test_an_address_that_cannot_be_written_fails_without_an_attempt(
    notify_database: Database, mails: MailServer, office: Office, address: str
) -> None:
    who, other = await member(notify_database, email=address), await member(notify_database, email="li@example.com")
    await handled(notify_database, points_earned, earned(who), earned(other))
    await send(office())
    found = {row["member_id"]: row for row in await story.notices(notify_database, "email")}
    assert found[who]["state"] == "failed"
    assert found[who]["reason"].startswith("address: ")
    assert mails.addresses == ["li@example.com"]


async def test_a_contact_sealed_with_a_missing_master_key_waits(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    who, other = (
        await member(notify_database, email="li@example.com"),
        await member(notify_database, email="ok@example.com"),
    )
    await handled(notify_database, points_earned, earned(who), earned(other))
    async with notify_database.transaction() as tx:
        await tx.execute(
            "UPDATE data_keys SET wrapped = overlay(wrapped placing CAST('\\x6b39' AS bytea) from 3)"
            " WHERE member_id = :who",
            {"who": who},
        )
    await send(office())
    assert mails.addresses == ["ok@example.com"]
    waiting = await rows(notify_database, "SELECT member_id, tries, lease, due_at > now() AS later FROM deliveries")
    assert waiting == [{"member_id": who, "tries": 0, "lease": None, "later": True}]


async def test_a_broken_contact_fails_and_holds_up_nobody(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    who, other = (
        await member(notify_database, email="li@example.com"),
        await member(notify_database, email="ok@example.com"),
    )
    await handled(notify_database, points_earned, earned(who), earned(other))
    async with notify_database.transaction() as tx:
        await tx.execute("UPDATE contacts SET box = CAST('\\x01020304' AS bytea) WHERE member_id = :who", {"who": who})
    await send(office())
    found = {row["member_id"]: row["state"] for row in await story.notices(notify_database, "email")}
    assert found == {who: "failed", other: "sent"}


async def test_two_workers_send_each_mail_once(notify_database: Database, mails: MailServer, office: Office) -> None:
    members = [await member(notify_database, email=f"m{number}@example.com") for number in range(30)]
    await handled(notify_database, points_earned, *(earned(who) for who in members))
    stop = asyncio.Event()
    workers = [asyncio.create_task(office(mail_batch_size=3).run(stop)) for _ in range(2)]
    async with asyncio.timeout(20):
        while await rows(notify_database, "SELECT 1 FROM deliveries LIMIT 1"):
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*workers)
    assert sorted(mails.addresses) == sorted(f"m{number}@example.com" for number in range(30))
    assert set(await outcome_of(notify_database, "email")) == {("sent", "")}
    assert mails.connections <= 8
