"""Listing members and finding one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.storage import Database

Client = Callable[..., Any]
Register = Callable[..., Awaitable[UUID]]
START = datetime(2024, 1, 1, tzinfo=UTC)


async def test_pages_show_everybody_once_the_newest_first(client: Client, register: Register) -> None:
    made = [await register(registered_at=START + timedelta(days=n // 2)) for n in range(9)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = (await client().get("/v1/members", params=params)).json()
        seen += [item["member_id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [str(one) for one in sorted(made, key=lambda id: (made.index(id) // 2, id), reverse=True)]


async def test_filters_can_be_combined(client: Client, register: Register) -> None:
    wanted = await register(region="上海", gender="female", channel="wechat", registered_at=START)
    await register(region="上海", gender="male", channel="wechat", registered_at=START)
    await register(region="北京", gender="female", channel="wechat", registered_at=START)
    await register(region="上海", gender="female", channel="web", registered_at=START + timedelta(days=9))
    params = {
        "region": "上海",
        "gender": "female",
        "channel": "wechat",
        "status": "active",
        "tier": "base",
        "registered_from": START.isoformat(),
        "registered_to": (START + timedelta(days=1)).isoformat(),
    }
    items = (await client().get("/v1/members", params=params)).json()["items"]
    assert [item["member_id"] for item in items] == [str(wanted)]
    assert (await client().get("/v1/members", params={"tier": "gold"})).json()["items"] == []


async def test_list_is_masked_even_for_those_who_may_reveal(client: Client, register: Register) -> None:
    await register(name="王芳", phone="13800138000")
    (item,) = (await client().get("/v1/members")).json()["items"]
    assert (item["name"], item["phone"], item["masked"]) == ("王*", "+86138****8000", True)


@pytest.mark.parametrize(
    "search",
    [
        {"phone": "+86 13800138000"},
        {"email": "WANG@example.com"},
        {"openid": "oABC_123-xyz"},
        {"external_id": "77", "system": "//shop"},
    ],
)
async def test_member_is_found_by_each_identity(client: Client, register: Register, search: dict[str, str]) -> None:
    await register(name="someone else")
    member = await register(
        phone="13800138000", email="wang@example.com", openid="oABC_123-xyz", external_ids=(("//shop", "77"),)
    )
    (found,) = (await client().post("/v1/members/search", json=search)).json()["items"]
    assert found["member_id"] == str(member)


async def test_member_is_found_by_card_number_however_it_is_written(client: Client) -> None:
    member = (await client().post("/v1/members", json={"name": "卡"})).json()
    card = member["card_number"]
    written = " ".join(card[place : place + 4] for place in range(0, 16, 4))
    (found,) = (await client().post("/v1/members/search", json={"card_number": written})).json()["items"]
    assert found["member_id"] == member["member_id"]


@pytest.mark.parametrize(
    "search",
    [
        {},
        {"phone": "13800138000", "email": "a@example.com"},
        {"external_id": "77"},
        {"phone": "13800138000", "system": "//shop"},
        {"card_number": "6600000000000000"},
        {"phone": "\u0000"},
        {"name": "王芳"},
    ],
)
async def test_search_needs_exactly_one_readable_identity(client: Client, search: dict[str, str]) -> None:
    assert (await client().post("/v1/members/search", json=search)).status_code == 422


async def test_search_is_audited_without_what_was_searched(
    client: Client, register: Register, database: Database
) -> None:
    member = await register(phone="13800138000")
    await client().post("/v1/members/search", json={"phone": "13800138000"})
    await client().post("/v1/members/search", json={"phone": "13800138001"})
    async with database.transaction() as tx:
        rows = await tx.fetch_all(
            "SELECT subject, facts::text AS facts FROM audit_log WHERE action = 'member.searched' ORDER BY id"
        )
    assert [row.subject for row in rows] == [str(member), "nobody"]
    assert all("138" not in row.facts for row in rows)


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 201}, {"cursor": "x"}, {"registered_from": "yesterday"}])
async def test_wrong_parameters_are_refused(client: Client, params: dict[str, Any]) -> None:
    assert (await client().get("/v1/members", params=params)).status_code == 422
