"""A birthday travels sealed apart from the rest, in the calendar the member keeps."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from common.security.cipher import PersonalDataErasedError
from common.security.masterkeys import SealBrokenError
from common.storage import Database
from members.keyring import Keyring
from members.registry.handlers import BIRTHDAY

Outbox = Callable[..., Awaitable[Sequence[Any]]]
Register = Callable[..., Awaitable[UUID]]


async def opened(database: Database, keys: Keyring, member: UUID, box: str, purpose: str) -> dict[str, str]:
    async with database.transaction() as tx:
        return await keys.cipher.open(tx, member, box, purpose=purpose)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"birthday": "1990-05-21"}, {"birthday": "1990-05-21", "calendar": "solar"}),
        (
            {"birthday": "1990-02-30", "birthday_calendar": "lunar"},
            {"birthday": "1990-02-30", "calendar": "lunar", "leap_month": "false"},
        ),
        (
            {"birthday": "1990-05-01", "birthday_calendar": "lunar_leap"},
            {"birthday": "1990-05-01", "calendar": "lunar", "leap_month": "true"},
        ),
    ],
)
async def test_the_birthday_is_told_sealed_for_its_own_purpose(
    database: Database, keys: Keyring, register: Register, outbox: Outbox, fields: dict[str, str], told: dict[str, str]
) -> None:
    member = await register(name="李伟", **fields)
    (event,) = await outbox("member.registered.v1")
    assert fields["birthday"].encode() not in event.body
    assert await opened(database, keys, member, event.data["birthday"]["box"], BIRTHDAY) == told
    with pytest.raises(SealBrokenError):
        await opened(database, keys, member, event.data["birthday"]["box"], "personal")
    with pytest.raises(SealBrokenError):
        await opened(database, keys, member, event.data["personal"]["box"], BIRTHDAY)


async def test_without_a_birthday_none_is_told(register: Register, outbox: Outbox) -> None:
    await register(name="李伟")
    (event,) = await outbox("member.registered.v1")
    assert event.data["birthday"] is None


async def test_an_erased_members_birthday_is_noise(
    database: Database, keys: Keyring, register: Register, outbox: Outbox
) -> None:
    member = await register(birthday="1990-05-21")
    (event,) = await outbox("member.registered.v1")
    async with database.transaction() as tx:
        await keys.cipher.destroy(tx, member)
    with pytest.raises(PersonalDataErasedError):
        await opened(database, keys, member, event.data["birthday"]["box"], BIRTHDAY)


async def test_day_and_calendar_are_checked_together(
    client: Callable[..., Any], database: Database, keys: Keyring, register: Register, outbox: Outbox
) -> None:
    member = await register(birthday="1990-05-21")

    async def patch(revision: int, **fields: Any) -> Any:
        return await client().patch(f"/v1/members/{member}", json={"revision": revision, **fields})

    assert (await patch(1, birthday="1990-02-30")).status_code == 422
    changed = await patch(1, birthday="1990-02-30", birthday_calendar="lunar")
    assert (changed.status_code, changed.json()["birthday_calendar"]) == (200, "lunar")
    assert (await patch(2, birthday_calendar="solar")).json()["code"] == "member_invalid"
    assert (await patch(2, birthday="1990-13-01")).status_code == 422
    (event,) = await outbox("member.updated.v1")
    assert event.data["changed"] == ["birthday", "birthday_calendar"]
    told = await opened(database, keys, member, event.data["birthday"]["box"], BIRTHDAY)
    assert told["birthday"] == "1990-02-30"
    assert (await patch(2, birthday=None)).status_code == 200
    assert (await outbox("member.updated.v1"))[-1].data["birthday"] is None
