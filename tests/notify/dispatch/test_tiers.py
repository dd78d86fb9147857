"""Tier changes: told once, in words, and not when they are out of date."""

from common.events import event_of
from common.events.programme import ProgrammeSettings, ProgrammeUpdated, TierStep
from common.storage import Database
from common.storage.programme import programmes_updated
from notify.dispatch.handlers import members_tier_changed
from tests.notify import events as story
from tests.notify.events import handled, member, notices, tier_changed, told

TIERS = (
    TierStep(key="base", name="普通", rank=0, threshold=0),
    TierStep(key="silver", name="银牌", rank=1, threshold=100_000),
    TierStep(key="gold", name="金牌", rank=2, threshold=500_000),
)


async def _programme(database: Database) -> None:
    settings = ProgrammeSettings(name="茶友会", tiers=TIERS)
    update = event_of(ProgrammeUpdated(revision=1, effective_at=story.BOUGHT_AT, settings=settings))
    await handled(database, programmes_updated, update)


async def test_a_rise_names_both_tiers_and_the_programme(notify_database: Database) -> None:
    await _programme(notify_database)
    who = await member(notify_database, locale="zh-CN")
    await handled(notify_database, members_tier_changed, tier_changed(who, "silver", "base"))
    inbox = (await notices(notify_database, "inbox"))[0]
    assert inbox["subject"] == "恭喜您升级为银牌"
    assert inbox["text"] == "自 1997年3月1日 起,您的会员等级由普通升级为银牌。感谢您对茶友会的支持。"


async def test_a_fall_is_another_notice(notify_database: Database) -> None:
    who = await member(notify_database)
    await handled(
        notify_database, members_tier_changed, tier_changed(who, "base", "silver", direction="down", name="Base")
    )
    inbox = (await notices(notify_database, "inbox"))[0]
    assert (inbox["template"], inbox["subject"]) == ("tier_down", "Your tier is now Base")
    assert "¥1,500.00" in inbox["text"]


async def test_a_corrected_past_is_kept_and_not_told(notify_database: Database) -> None:
    who = await member(notify_database)
    change = tier_changed(who, "silver", "silver", direction="none", revision=4)
    assert await handled(notify_database, members_tier_changed, change) == {}
    assert await notices(notify_database) == []
    kept = await story.rows(notify_database, "SELECT tier, tier_revision FROM contacts")
    assert kept == [{"tier": "silver", "tier_revision": 4}]


async def test_a_change_that_was_overtaken_is_not_told(notify_database: Database) -> None:
    who = await member(notify_database)
    later, earlier = (
        tier_changed(who, "base", "silver", revision=6, direction="down"),
        tier_changed(who, "silver", "base", revision=5),
    )
    await handled(notify_database, members_tier_changed, later)
    await handled(notify_database, members_tier_changed, earlier)
    found = {row["template"]: (row["state"], row["reason"]) for row in await notices(notify_database, "inbox")}
    assert found == {"tier_down": ("sent", ""), "tier_up": ("suppressed", "superseded")}
    kept = await story.rows(notify_database, "SELECT tier, tier_revision FROM contacts")
    assert kept == [{"tier": "base", "tier_revision": 6}]


async def test_two_steps_in_one_batch_congratulate_on_the_last(notify_database: Database) -> None:
    who = await member(notify_database)
    silver, gold = tier_changed(who, "silver", "base", revision=1), tier_changed(who, "gold", "silver", revision=2)
    await handled(notify_database, members_tier_changed, gold, silver)
    found = {row["cause_id"]: row["reason"] for row in await notices(notify_database, "inbox")}
    assert found == {silver.id: "superseded", gold.id: ""}


async def test_a_later_correction_of_the_past_does_not_spoil_the_news(notify_database: Database) -> None:
    who = await member(notify_database)
    correction = tier_changed(who, "silver", "silver", revision=2, direction="none")
    await handled(notify_database, members_tier_changed, tier_changed(who, "silver", "base", revision=1), correction)
    assert [row["state"] for row in await notices(notify_database, "inbox")] == ["sent"]
    assert ("notice.sent.v1", "inbox") in await told(notify_database)
