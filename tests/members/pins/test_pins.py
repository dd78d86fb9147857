"""Payment PINs: set, changed, reset, tried five times; a right one becomes a grant that others believe."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.http.verifier import grants_for
from common.storage import Database
from members.settings import Settings
from members.signing.handlers import StoredKeys

Client = Callable[..., Any]
Register = Callable[..., Awaitable[UUID]]
PIN, OTHER, WRONG = "846153", "290417", "507318"


@pytest.fixture
async def member(register: Register) -> UUID:
    return await register(name="李伟", phone="13800138042", birthday="1990-05-21")


async def put(client: Client, member: UUID, pin: str, current: str | None = None, role: str = "checkout") -> Any:
    body = {"pin": pin} if current is None else {"pin": pin, "current_pin": current}
    return await client(role=role).put(f"/v1/members/{member}/pin", json=body)


async def ask(client: Client, member: UUID, pin: str, max_points: int = 500, **headers: str) -> Any:
    body = {"pin": pin, "purpose": "redeem", "max_points": max_points}
    return await client(role="checkout").post(f"/v1/members/{member}/pin-grants", json=body, headers=headers)


async def state(client: Client, member: UUID) -> Any:
    return (await client().get(f"/v1/members/{member}/pin")).json()


async def test_a_right_pin_becomes_a_grant_that_points_believes(
    client: Client, member: UUID, settings: Settings, database: Database
) -> None:
    assert (await state(client, member))["is_set"] is False
    assert (await put(client, member, PIN)).status_code == 204
    assert (await state(client, member))["is_set"] is True
    answer = await ask(client, member, PIN, 750)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    grants = grants_for(settings, keys=StoredKeys(database))
    grant = await grants.verify(answer.json()["grant"], member_id=member, points=750)
    assert (grant.grant_id, grant.max_points) == (answer.json()["grant_id"], 750)
    headers = {"Authorization": f"Bearer {answer.json()['grant']}"}
    assert (await client(role=None).get(f"/v1/members/{member}", headers=headers)).status_code == 401


async def test_two_grants_are_two_and_the_same_request_is_one(client: Client, member: UUID) -> None:
    await put(client, member, PIN)
    ids = {(await ask(client, member, PIN)).json()["grant_id"] for _ in range(2)}
    assert len(ids) == 2
    key = {"Idempotency-Key": str(uuid4())}
    first, again = [(await ask(client, member, PIN, 500, **key)).json() for _ in range(2)]
    assert first == again


async def test_five_wrong_pins_lock_even_the_right_one(client: Client, member: UUID) -> None:
    await put(client, member, PIN)
    answers = [await ask(client, member, WRONG) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 423, 423]
    assert [answer.json().get("tries_left") for answer in answers[:4]] == [4, 3, 2, 1]
    locked = await ask(client, member, PIN)
    assert (locked.status_code, locked.json()["code"]) == (423, "pin_locked")
    assert locked.json()["locked_until"] == (await state(client, member))["locked_until"]
    assert (await put(client, member, OTHER, PIN)).status_code == 423


async def test_a_right_pin_forgets_the_wrong_ones(client: Client, member: UUID) -> None:
    await put(client, member, PIN)
    for _ in range(3):
        for _ in range(4):
            assert (await ask(client, member, WRONG)).status_code == 403
        assert (await ask(client, member, PIN)).status_code == 201


async def test_guessing_in_parallel_gains_nothing(client: Client, member: UUID) -> None:
    await put(client, member, PIN)
    answers = await asyncio.gather(*(ask(client, member, f"50731{n % 10}") for n in range(20)))
    assert sum(answer.status_code == 403 for answer in answers) <= 4
    assert {answer.status_code for answer in answers} <= {403, 423}


async def test_changing_needs_the_pin_before(client: Client, member: UUID) -> None:
    assert (await put(client, member, OTHER, PIN)).json()["code"] == "pin_not_set"
    await put(client, member, PIN)
    assert (await put(client, member, OTHER)).json()["code"] == "pin_needed"
    assert (await put(client, member, OTHER, WRONG)).json()["code"] == "pin_wrong"
    assert (await put(client, member, OTHER, PIN)).status_code == 204
    assert (await ask(client, member, PIN)).json()["code"] == "pin_wrong"
    assert (await ask(client, member, OTHER)).status_code == 201


async def test_support_takes_a_forgotten_pin_away_but_sets_none(client: Client, member: UUID) -> None:
    await put(client, member, PIN)
    for _ in range(5):
        await ask(client, member, WRONG)
    assert (await client(role="checkout").delete(f"/v1/members/{member}/pin")).status_code == 403
    assert (await client(role="support").delete(f"/v1/members/{member}/pin")).status_code == 204
    assert (await put(client, member, OTHER, role="support")).status_code == 403
    assert (await ask(client, member, PIN)).json()["code"] == "pin_not_set"
    assert (await put(client, member, OTHER)).status_code == 204


@pytest.mark.parametrize("weak", ["111111", "123456", "900521", "138042"])
async def test_a_weak_pin_is_refused_with_the_reason_and_without_the_pin(
    client: Client, member: UUID, weak: str
) -> None:
    answer = await put(client, member, weak)
    assert (answer.status_code, answer.json()["code"]) == (422, "pin_weak")
    assert weak not in answer.text
    assert (await state(client, member))["is_set"] is False


@pytest.mark.parametrize("odd", ["12345", "1234567", "12345a", "１２３４５６", 846153, None, ""])
async def test_what_is_no_pin_is_refused_and_not_repeated(client: Client, member: UUID, odd: object) -> None:
    answer = await client(role="checkout").put(f"/v1/members/{member}/pin", json={"pin": odd})
    assert answer.status_code == 422
    assert not odd or str(odd) not in answer.text


async def test_unknown_and_suspended_members_get_nothing(client: Client, member: UUID) -> None:
    assert (await put(client, uuid4(), PIN)).status_code == 404
    assert (await ask(client, uuid4(), PIN)).status_code == 404
    await put(client, member, PIN)
    patched = await client().patch(f"/v1/members/{member}", json={"revision": 1, "status": "suspended"})
    assert patched.status_code == 200, patched.text
    assert (await ask(client, member, PIN)).json()["code"] == "member_not_active"


async def test_the_pin_is_nowhere_to_be_read(
    client: Client, member: UUID, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    await put(client, member, PIN)
    await ask(client, member, WRONG)
    await ask(client, member, PIN)
    async with database.transaction() as tx:
        tables = await tx.fetch_all("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for table in tables:
            rows = await tx.fetch_all(f'SELECT row_to_json(t)::text AS text FROM "{table.tablename}" t')
            assert not [row for row in rows if f'"{PIN}"' in row.text or f'"{WRONG}"' in row.text], table.tablename
        deeds = await tx.fetch_all("SELECT action, facts FROM audit_log WHERE action LIKE 'pin.%' ORDER BY at")
    assert [row.action for row in deeds] == ["pin.set", "pin.granted"]
    printed = capfd.readouterr()
    assert PIN not in printed.out + printed.err + json.dumps([row.facts for row in deeds], default=str)
