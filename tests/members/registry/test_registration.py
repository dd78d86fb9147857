"""Becoming a member, one by one and in batches."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from common.events.members import MemberRegistered
from common.storage import Database
from members.cards.domain import is_card_number
from members.keyring import Keyring

Client = Callable[..., Any]
Outbox = Callable[..., Awaitable[Sequence[Any]]]
WANG = {
    "name": "王芳",
    "phone": "138 0013 8000",
    "email": "Wang.Fang@Example.com",
    "birthday": "1990-05-01",
    "address": "上海市静安区南京西路 1 号",
    "gender": "female",
    "region": "上海",
    "channel": "wechat",
    "external_ids": [{"system": "//shop-1", "id": "C-77"}],
}


async def test_registered_member_can_be_read_masked(client: Client) -> None:
    answer = await client().post("/v1/members", json=WANG)
    assert answer.status_code == 201, answer.text
    member = answer.json()
    assert is_card_number(member["card_number"])
    assert answer.headers["Location"] == f"/v1/members/{member['member_id']}"
    read = (await client().get(answer.headers["Location"])).json()
    assert read["masked"] is True
    assert read["name"] == "王*"
    assert read["phone"] == "+86138****8000"
    assert read["email"] == "w***@example.com"
    assert read["birthday"] == "****-**-**"
    assert read["card_number"] == "*" * 12 + member["card_number"][-4:]
    assert read["external_ids"] == [{"system": "//shop-1", "id": "***"}]
    assert (read["tier"], read["region"], read["gender"], read["status"]) == ("base", "上海", "female", "active")


async def test_member_is_announced_with_personal_data_sealed(
    client: Client, outbox: Outbox, database: Database, keys: Keyring
) -> None:
    answer = await client().post("/v1/members", json={**WANG, "preferences": {"email": False, "locale": "zh"}})
    (row,) = await outbox("member.registered.v1")
    event = MemberRegistered.model_validate_json(row.body)
    assert str(event.member_id) == answer.json()["member_id"] == row.subject
    assert (event.revision, event.tier, event.region) == (1, "base", "上海")
    assert (event.preferences.email, event.preferences.locale) == (False, "zh")
    assert "王芳" not in row.body.decode()
    assert "13800138000" not in row.body.decode()
    assert event.personal is not None
    async with database.transaction() as tx:
        told = await keys.cipher.open(tx, event.member_id, event.personal.box)
    assert told == {"name": "王芳", "phone": "+8613800138000", "email": "wang.fang@example.com"}


async def test_nothing_personal_is_readable_in_the_database(client: Client, database: Database) -> None:
    await client().post("/v1/members", json=WANG)
    async with database.transaction() as tx:
        tables = [
            row.tablename for row in await tx.fetch_all("SELECT tablename FROM pg_tables WHERE schemaname='public'")
        ]
        for table in tables:
            for row in await tx.fetch_all(f'SELECT row_to_json(t)::text AS line FROM "{table}" t'):
                for secret in ("王芳", "13800138000", "wang.fang", "1990-05-01", "南京西路", "C-77"):
                    assert secret not in row.line, (table, secret)


@pytest.mark.parametrize(
    "again",
    [
        {"phone": "+86 138-0013-8000"},
        {"phone": "13800138000"},
        {"email": "wang.fang@EXAMPLE.com"},
        {"external_ids": [{"system": "//shop-1", "id": "C-77"}]},
    ],
)
async def test_identity_of_another_member_is_refused_and_the_member_named(
    client: Client, again: dict[str, Any]
) -> None:
    first = (await client().post("/v1/members", json=WANG)).json()
    answer = await client().post("/v1/members", json=again)
    assert answer.status_code == 409
    assert answer.json()["code"] == "identity_taken"
    assert answer.json()["member_id"] == first["member_id"]
    assert answer.json()["kinds"] == [next(iter(again)).removesuffix("s")]


async def test_who_may_not_see_members_is_not_told_who_it_is(client: Client) -> None:
    await client().post("/v1/members", json=WANG)
    answer = await client(permissions=["members:write"]).post("/v1/members", json={"phone": "13800138000"})
    assert answer.status_code == 409
    assert answer.json()["member_id"] is None


async def test_external_id_of_another_system_is_another_identity(client: Client) -> None:
    await client().post("/v1/members", json=WANG)
    other = {"external_ids": [{"system": "//shop-2", "id": "C-77"}]}
    assert (await client().post("/v1/members", json=other)).status_code == 201


async def test_member_may_register_with_nothing_but_a_name(client: Client) -> None:
    assert (await client().post("/v1/members", json={"name": "无名"})).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", "12345"),
        ("phone", "not a number"),
        ("phone", "1" * 39),
        ("email", "nobody"),
        ("email", "a@b"),
        ("email", "a b@example.com"),
        ("email", "a\u0000@example.com"),
        ("name", "\u0000"),
        ("name", "x" * 101),
        ("birthday", "1899-12-31"),
        ("birthday", "2999-01-01"),
        ("birthday", "30.5.1990"),
        ("gender", "?"),
        ("registered_at", "2999-01-01T00:00:00Z"),
        ("registered_at", "2020-01-01T00:00:00"),
        ("openid", "ö"),
        ("nickname", "unknown field"),
        ("external_ids", [{"system": "//shop-1", "id": ""}]),
        ("preferences", {"time_zone": "Mars/Olympus"}),
        ("preferences", {"email": "perhaps"}),
    ],
)
async def test_wrong_field_is_named(client: Client, outbox: Outbox, field: str, value: Any) -> None:
    before = len(await outbox("member.registered.v1"))
    answer = await client().post("/v1/members", json={field: value})
    assert answer.status_code == 422, answer.text
    assert field in answer.text
    assert len(await outbox("member.registered.v1")) == before


async def test_batch_answers_each_for_itself(client: Client) -> None:
    batch = [
        {"name": "甲", "phone": "13800000001"},
        {"name": "乙", "phone": "13800000001"},
        {"name": "丙", "phone": "banana"},
        {"name": "丁", "colour": "blue"},
        {"name": "戊", "phone": "13800000002"},
    ]
    answer = (await client().post("/v1/members/batch", json={"members": batch})).json()
    assert answer["registered"] == 2
    assert [item["outcome"] for item in answer["items"]] == [
        "registered",
        "identity_taken",
        "invalid",
        "invalid",
        "registered",
    ]
    assert [item["index"] for item in answer["items"]] == [0, 1, 2, 3, 4]
    assert "phone" in answer["items"][2]["reason"]
    assert "colour" in answer["items"][3]["reason"]
    assert answer["items"][0]["card_number"]


async def test_same_batch_again_registers_nobody_twice_and_names_everybody(client: Client) -> None:
    batch = {"members": [{"external_ids": [{"system": "//shop", "id": str(n)}]} for n in range(20)]}
    first = (await client().post("/v1/members/batch", json=batch)).json()
    again = (await client().post("/v1/members/batch", json=batch)).json()
    assert (first["registered"], again["registered"]) == (20, 0)
    assert [item["member_id"] for item in again["items"]] == [item["member_id"] for item in first["items"]]


async def test_who_lost_an_identity_inside_a_batch_leaves_the_others_free(client: Client) -> None:
    await client().post("/v1/members", json={"email": "taken@example.com"})
    batch = [
        {"phone": "13800000009", "email": "taken@example.com"},
        {"phone": "13800000009", "email": "free@example.com"},
    ]
    answer = (await client().post("/v1/members/batch", json={"members": batch})).json()
    assert [item["outcome"] for item in answer["items"]] == ["identity_taken", "registered"]


@pytest.mark.parametrize("members", [[], [{}] * 501, "no list", [1]])
async def test_batch_of_wrong_size_or_kind_is_refused(client: Client, members: Any) -> None:
    assert (await client().post("/v1/members/batch", json={"members": members})).status_code == 422


async def test_of_many_at_once_with_one_phone_exactly_one_becomes_a_member(client: Client) -> None:
    calls = [client().post("/v1/members", json={"phone": "13900139000", "name": str(n)}) for n in range(8)]
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_idempotency_key_registers_once(client: Client) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await client().post("/v1/members", json={"name": "一次"}, headers=headers)
    again = await client().post("/v1/members", json={"name": "一次"}, headers=headers)
    other = await client().post("/v1/members", json={"name": "两次"}, headers=headers)
    assert first.json() == again.json()
    assert other.status_code == 422


async def test_members_of_an_older_programme_bring_their_date(client: Client) -> None:
    body = {"name": "老", "registered_at": "1997-01-01T00:00:00+08:00"}
    member = (await client().post("/v1/members", json=body)).json()
    assert member["registered_at"] == "1996-12-31T16:00:00Z"
    tier = (await client().get(f"/v1/members/{member['member_id']}/tier")).json()
    assert tier["since"] == "1996-12-31T16:00:00Z"


async def test_unknown_member_is_404(client: Client) -> None:
    answer = await client().get("/v1/members/00000000-0000-7000-8000-000000000000")
    assert (answer.status_code, answer.json()["code"]) == (404, "member_not_found")


async def test_revealing_needs_its_permission_and_is_audited(client: Client, app: FastAPI, database: Database) -> None:
    member = (await client().post("/v1/members", json=WANG)).json()["member_id"]
    refused = await client(role="auditor").get(f"/v1/members/{member}?reveal=true")
    assert refused.status_code == 403
    shown = (await client(role="support", subject="staff:7").get(f"/v1/members/{member}?reveal=true")).json()
    assert (shown["name"], shown["phone"], shown["masked"]) == ("王芳", "+8613800138000", False)
    assert shown["external_ids"] == [{"system": "//shop-1", "id": "C-77"}]
    async with database.transaction() as tx:
        rows = await tx.fetch_all(
            "SELECT actor, action, subject, facts FROM audit_log WHERE action = 'member.revealed'"
        )
    assert [(row.actor, row.subject) for row in rows] == [("staff:7", member)]
    assert "phone" in rows[0].facts["fields"]
    assert "13800138000" not in json.dumps(rows[0].facts)


async def test_erased_member_shows_nothing_personal(
    client: Client, database: Database, keys: Keyring, register: Callable[..., Awaitable[UUID]]
) -> None:
    member = await register(name="忘记")
    async with database.transaction() as tx:
        await keys.cipher.destroy(tx, member)
    shown = (await client().get(f"/v1/members/{member}")).json()
    assert (shown["name"], shown["tier"]) == ("", "base")
