"""What is kept of a member: the newest, sealed, and nothing once erased."""

import asyncio
import random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events.members import MemberUpdated, Sealed
from common.storage import Database
from notify.dispatch.handlers import members_tier_changed
from notify.preferences.handlers import _flaw, members_changed, open_contacts
from tests.notify import events as story
from tests.notify.events import CIPHER, handled, registered, rows, tier_changed, updated


async def opened(database: Database, member_id: Any) -> Any:
    async with database.transaction() as tx:
        return (await open_contacts(tx, CIPHER, [member_id])).get(member_id)


async def kept(database: Database) -> list[dict[str, Any]]:
    return await rows(database, "SELECT revision, status, locale, email, box IS NOT NULL AS sealed FROM contacts")


async def test_the_contact_is_kept_sealed_and_opens_with_the_master_key(notify_database: Database) -> None:
    known = await registered(notify_database, email="li@example.com", name="李伟", locale="zh-CN")
    await handled(notify_database, members_changed, known)
    assert await opened(notify_database, known.data.member_id) == {"name": "李伟", "email": "li@example.com"}
    assert await kept(notify_database) == [
        {"revision": 1, "status": "active", "locale": "zh-CN", "email": True, "sealed": True}
    ]


@pytest.mark.parametrize("seed", range(4))
async def test_the_highest_revision_wins_in_any_order_and_batching(notify_database: Database, seed: int) -> None:
    chance = random.Random(seed)
    first = await registered(notify_database, email="old@example.com")
    second = updated(first, email=False)
    third = updated(second, locale="zh-CN")
    arriving = [first, second, third, second, first]
    chance.shuffle(arriving)
    while arriving:
        batch, arriving = arriving[: (size := chance.randint(1, 3))], arriving[size:]
        await handled(notify_database, members_changed, *batch)
    assert await kept(notify_database) == [
        {"revision": 3, "status": "active", "locale": "zh-CN", "email": False, "sealed": True}
    ]


async def test_a_member_who_took_the_contact_back_has_none(notify_database: Database) -> None:
    first = await registered(notify_database, email="old@example.com")
    await handled(notify_database, members_changed, first, updated(first, personal=None))
    assert await opened(notify_database, first.data.member_id) is None


async def test_erasing_destroys_the_key_and_a_late_event_brings_nothing_back(notify_database: Database) -> None:
    first = await registered(notify_database, email="old@example.com")
    erased = updated(updated(first), status="erased", personal=None)
    await handled(notify_database, members_changed, erased)
    await handled(notify_database, members_changed, first)
    assert await rows(notify_database, "SELECT wrapped FROM data_keys") == [{"wrapped": b""}]
    assert await kept(notify_database) == [
        {"revision": 3, "status": "erased", "locale": "en", "email": True, "sealed": False}
    ]
    async with notify_database.transaction() as tx:
        await tx.execute("UPDATE contacts SET box = CAST('\\x01' AS bytea)")  # as if from an old backup
    assert await opened(notify_database, first.data.member_id) is None


@pytest.mark.parametrize("broken", [Sealed(key="", box="AQ"), Sealed(key="?", box="AQ"), Sealed(key="AQ", box="AQ")])
async def test_sealed_data_that_is_none_is_set_aside_and_spares_the_batch(
    notify_database: Database, broken: Sealed
) -> None:
    good = await registered(notify_database, email="li@example.com")
    bad = updated(await registered(notify_database), personal=broken)
    assert await handled(notify_database, members_changed, bad, good) == {bad.id: ("dead", "sealed_data_broken")}
    assert [row["member_id"] for row in await rows(notify_database, "SELECT member_id FROM contacts")] == [
        good.data.member_id
    ]


async def test_the_same_members_in_opposite_order_by_two_workers_do_not_deadlock(notify_database: Database) -> None:
    members = [await registered(notify_database) for _ in range(40)]
    await handled(notify_database, members_changed, *members)

    async def worker(backwards: bool) -> None:
        for round_ in range(2, 12):
            order = list(reversed(members)) if backwards else members
            tiers = [tier_changed(one.data.member_id, f"t{round_}", "base", revision=round_) for one in order]
            await handled(notify_database, members_tier_changed, *tiers)
            again = [await registered(notify_database, member_id=one.data.member_id, revision=round_) for one in order]
            await handled(notify_database, members_changed, *again)

    await asyncio.gather(worker(True), worker(False))
    state = await rows(notify_database, "SELECT DISTINCT revision, tier, tier_revision FROM contacts")
    assert state == [{"revision": 11, "tier": "t11", "tier_revision": 11}]


async def test_a_tier_survives_an_update_of_the_member(notify_database: Database) -> None:
    known = await registered(notify_database)
    await handled(notify_database, members_changed, known)
    await handled(notify_database, members_tier_changed, tier_changed(known.data.member_id, "gold", "base", revision=3))
    await handled(notify_database, members_changed, updated(known))
    assert await rows(notify_database, "SELECT tier, tier_revision FROM contacts") == [
        {"tier": "gold", "tier_revision": 3}
    ]


@given(st.text(max_size=50), st.text(max_size=50))
def test_any_key_and_box_is_either_kept_or_named_as_broken(key: str, box: str) -> None:
    sealed = Sealed(key=key, box=box)
    member = MemberUpdated(member_id=uuid4(), revision=1, registered_at=story.BOUGHT_AT, personal=sealed)
    assert _flaw(member) == "" or "cannot be kept" in _flaw(member)
