"""Changing members: nothing is lost, everything is known afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from common.events.members import MemberUpdated
from common.storage import Database
from members.keyring import Keyring

Client = Callable[..., Any]
Register = Callable[..., Awaitable[UUID]]
Outbox = Callable[..., Awaitable[Sequence[Any]]]


async def test_change_is_kept_with_who_when_before_and_after(client: Client, register: Register) -> None:
    member = await register(name="王芳", region="上海")
    body = {"revision": 1, "name": "王芳芳", "region": "北京"}
    answer = await client(subject="staff:9").patch(f"/v1/members/{member}", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["revision"], answer.headers["ETag"]) == (2, '"2"')
    history = (await client().get(f"/v1/members/{member}/history?reveal=true")).json()["items"]
    assert [(entry["revision"], entry["action"]) for entry in history] == [(2, "changed"), (1, "registered")]
    assert history[0]["actor"] == "staff:9"
    assert history[0]["fields"] == [
        {"field": "name", "before": "王芳", "after": "王芳芳"},
        {"field": "region", "before": "上海", "after": "北京"},
    ]
    masked = (await client(role="auditor").get(f"/v1/members/{member}/history")).json()["items"]
    assert masked[0]["fields"][0] == {"field": "name", "before": "王*", "after": "王**"}


async def test_change_is_announced_with_the_names_of_the_fields(
    client: Client, register: Register, outbox: Outbox, database: Database, keys: Keyring
) -> None:
    member = await register(phone="13800138000")
    await client().patch(f"/v1/members/{member}", json={"revision": 1, "email": "new@example.com"})
    (row,) = await outbox("member.updated.v1")
    event = MemberUpdated.model_validate_json(row.body)
    assert (event.revision, event.changed) == (2, ("email",))
    assert event.personal is not None
    async with database.transaction() as tx:
        told = await keys.cipher.open(tx, member, event.personal.box)
    assert told == {"phone": "+8613800138000", "email": "new@example.com"}


async def test_stale_change_is_refused_not_lost(client: Client, register: Register) -> None:
    member = await register(name="一")
    assert (await client().patch(f"/v1/members/{member}", json={"name": "二"}, headers={"If-Match": '"1"'})).is_success
    stale = await client().patch(f"/v1/members/{member}", json={"name": "三"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["revision"]) == (412, 2)


async def test_change_without_a_revision_is_refused(client: Client, register: Register) -> None:
    member = await register(name="一")
    assert (await client().patch(f"/v1/members/{member}", json={"name": "二"})).status_code == 428


async def test_of_two_changes_at_once_one_is_refused(client: Client, register: Register) -> None:
    member = await register(name="一")
    calls = [client().patch(f"/v1/members/{member}", json={"revision": 1, "name": name}) for name in ("二", "三")]
    assert sorted(answer.status_code for answer in await asyncio.gather(*calls)) == [200, 412]


async def test_change_that_changes_nothing_makes_no_revision(
    client: Client, register: Register, outbox: Outbox
) -> None:
    member = await register(name="一", phone="13800138000")
    body = {"revision": 1, "name": "一", "phone": "+86 138 0013 8000"}
    answer = await client().patch(f"/v1/members/{member}", json=body)
    assert answer.json()["revision"] == 1
    assert await outbox("member.updated.v1") == []


async def test_given_up_phone_is_free_for_others(client: Client, register: Register) -> None:
    member = await register(phone="13800138000")
    changed = await client().patch(f"/v1/members/{member}", json={"revision": 1, "phone": "13800138001"})
    assert changed.is_success
    await register(phone="13800138000")
    taken = await client().patch(f"/v1/members/{member}", json={"revision": 2, "phone": "13800138000"})
    assert (taken.status_code, taken.json()["code"]) == (409, "identity_taken")
    assert (await client().get(f"/v1/members/{member}")).json()["revision"] == 2


async def test_removed_identity_finds_nobody(client: Client, register: Register) -> None:
    member = await register(phone="13800138000")
    await client().patch(f"/v1/members/{member}", json={"revision": 1, "phone": None})
    found = await client().post("/v1/members/search", json={"phone": "13800138000"})
    assert found.json()["items"] == []


@pytest.mark.parametrize("body", [{"phone": "1"}, {"birthday": "1800-01-01"}, {"status": "dead"}, {"tier": "gold"}])
async def test_wrong_change_changes_nothing(client: Client, register: Register, body: dict[str, str]) -> None:
    member = await register(name="一")
    assert (await client().patch(f"/v1/members/{member}", json={"revision": 1, **body})).status_code == 422
    assert (await client().get(f"/v1/members/{member}")).json()["revision"] == 1


async def test_preferences_are_replaced_and_announced(client: Client, register: Register, outbox: Outbox) -> None:
    member = await register(name="一")
    wanted = {"email": False, "sms": False, "locale": "zh-CN", "time_zone": "Asia/Urumqi"}
    answer = await client(role="support").put(f"/v1/members/{member}/preferences", json=wanted)
    assert answer.json()["preferences"] | wanted == answer.json()["preferences"]
    (row,) = await outbox("member.updated.v1")
    assert MemberUpdated.model_validate_json(row.body).preferences.time_zone == "Asia/Urumqi"
    again = await client().put(f"/v1/members/{member}/preferences", json=wanted)
    assert again.json()["revision"] == 2


async def test_history_cannot_be_rewritten(register: Register, database: Database) -> None:
    await register(name="一")
    with pytest.raises(Exception, match="append-only"):
        async with database.transaction() as tx:
            await tx.execute("UPDATE member_changes SET actor = 'nobody'")
