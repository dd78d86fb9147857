"""The programme's settings: changed with history, announced, never lost, never absurd."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from common.events import event_of
from common.events.programme import ProgrammeUpdated
from common.events.purchases import PurchaseCompleted
from common.storage import Database
from common.storage.programme import programme as programme_of
from members.programme import handlers as programme
from members.purchases import handlers as purchases

Client = Callable[..., Any]
Register = Callable[..., Awaitable[UUID]]
Outbox = Callable[..., Awaitable[Sequence[Any]]]


async def test_change_is_kept_and_announced_whole(client: Client, outbox: Outbox, database: Database) -> None:
    before = (await client().get("/v1/programme")).json()
    answer = await client(subject="staff:3").patch("/v1/programme", json={"name": "茶客", "rounding": "half_up"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["revision"] == before["revision"] + 1
    assert answer.headers["ETag"] == f'"{answer.json()["revision"]}"'
    event = ProgrammeUpdated.model_validate_json((await outbox("programme.updated.v1"))[-1].body)
    assert (event.revision, event.settings.name, event.settings.rounding) == (before["revision"] + 1, "茶客", "half_up")
    assert len(event.settings.tiers) == 3
    async with database.transaction() as tx:
        assert (await programme_of(tx)).name == "茶客"
    (version, *older) = (await client().get("/v1/programme/history")).json()["items"]
    assert (version["actor"], version["changed"]) == ("staff:3", ["name", "rounding"])
    assert (version["before"]["name"], version["after"]["name"]) == ("Test", "茶客")
    assert older[-1]["before"] is None


async def test_put_replaces_all_and_what_is_not_given_takes_its_default(client: Client) -> None:
    answer = await client().put("/v1/programme", json={"name": "New", "currency": "EUR"})
    settings = answer.json()["settings"]
    assert (settings["name"], settings["currency"], [tier["key"] for tier in settings["tiers"]]) == (
        "New",
        "EUR",
        ["base"],
    )


async def test_same_settings_again_make_no_version(client: Client, outbox: Outbox) -> None:
    current = (await client().get("/v1/programme")).json()
    announced = len(await outbox("programme.updated.v1"))
    answer = await client().put("/v1/programme", json=current["settings"])
    assert answer.json()["revision"] == current["revision"]
    assert len(await outbox("programme.updated.v1")) == announced


async def test_stale_change_is_refused(client: Client) -> None:
    seen = (await client().get("/v1/programme")).headers["ETag"]
    assert (await client().patch("/v1/programme", json={"name": "A"}, headers={"If-Match": seen})).is_success
    stale = await client().patch("/v1/programme", json={"name": "B"}, headers={"If-Match": seen})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert (await client().get("/v1/programme")).json()["settings"]["name"] == "A"


async def test_of_two_changes_at_once_one_is_refused(client: Client) -> None:
    seen = {"If-Match": (await client().get("/v1/programme")).headers["ETag"]}
    calls = [client().patch("/v1/programme", json={"name": name}, headers=seen) for name in ("A", "B")]
    assert sorted(answer.status_code for answer in await asyncio.gather(*calls)) == [200, 412]


async def test_currency_stays_once_purchases_are_recorded(
    client: Client, database: Database, register: Register
) -> None:
    assert (await client().patch("/v1/programme", json={"currency": "EUR"})).is_success
    assert (await client().patch("/v1/programme", json={"currency": "CNY"})).is_success
    data = PurchaseCompleted(
        member_id=await register(), order_id="A", amount=1, occurred_at=datetime(2024, 1, 1, tzinfo=UTC), currency="CNY"
    )
    async with database.transaction() as tx:
        await purchases.purchases_completed(tx, [event_of(data)])  # type: ignore[list-item]
    answer = await client().patch("/v1/programme", json={"currency": "EUR"})
    assert (answer.status_code, answer.json()["code"], answer.json()["currency"]) == (409, "currency_in_use", "CNY")


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "yuan"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"first_day_of_week": 8},
        {"rounding": "up"},
        {"negative_policy": "?"},
        {"tier_window_days": -1},
        {"tier_window_days": 10**20},
        {"tiers": []},
        {"tiers": [{"key": "base", "rank": 0, "threshold": 10**30}]},
        {"name": "\u0000"},
        {"name": None},
        {"colour": "blue"},
    ],
)
async def test_absurd_settings_are_refused_and_nothing_changed(client: Client, change: dict[str, Any]) -> None:
    before = (await client().get("/v1/programme")).json()
    answer = await client().patch("/v1/programme", json=change)
    assert answer.status_code == 422, answer.text
    assert (await client().put("/v1/programme", json=change)).status_code == 422
    assert (await client().get("/v1/programme")).json() == before


async def test_who_may_only_read_cannot_change(client: Client) -> None:
    assert (await client(role="analyst").get("/v1/programme")).is_success
    assert (await client(role="analyst").patch("/v1/programme", json={"name": "x"})).status_code == 403


async def test_seeding_twice_changes_nothing(database: Database, outbox: Outbox) -> None:
    before = len(await outbox("programme.updated.v1"))
    async with database.transaction() as tx:
        await programme.seed(tx)
    assert len(await outbox("programme.updated.v1")) == before
