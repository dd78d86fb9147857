"""The doors of all policies: revisions that are never overwritten, values that are refused, and who may."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from common.security.callers import SYSTEM
from common.storage import Database
from points.policies import handlers
from tests.points.conftest import Client
from tests.points.world import rows

CHANGES: dict[str, dict[str, Any]] = {
    "redemption": {"step": 10},
    "adjustment": {"approve_above_points": 500},
    "gift": {"maximum": 500},
}
"""Kind → one setting that is not the default's."""
KINDS = sorted(CHANGES)


def path(kind: str) -> str:
    return f"/v1/{kind}-policy"


@pytest.mark.parametrize("kind", KINDS)
async def test_until_somebody_sets_one_the_defaults_hold_and_are_revision_0(operator: Client, kind: str) -> None:
    answer = await operator.get(path(kind))
    found = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (200, '"0"')
    assert (found["revision"], found["set_at"], found["set_by"]) == (0, None, "")


@pytest.mark.parametrize("kind", KINDS)
async def test_each_change_is_a_new_revision_with_who_and_when_and_the_old_one_stays(
    points_database: Database, operator: Client, kind: str
) -> None:
    first = await operator.put(path(kind), json=CHANGES[kind], headers={"If-Match": '"0"'})
    second = await operator.put(path(kind), json={}, headers={"If-Match": first.headers["etag"]})
    assert [answer.headers["etag"] for answer in (first, second)] == ['"1"', '"2"']
    now = await operator.get(path(kind))
    assert now.json() == second.json()
    assert (now.headers["etag"], now.json()["set_by"]) == ('"2"', "staff:test")
    assert now.json()["set_at"] is not None
    (name,) = CHANGES[kind]
    async with points_database.transaction() as tx:
        before, after = [await handlers.of_revision(tx, kind, number) for number in (1, 2)]
    assert before.settings[name] == CHANGES[kind][name] != after.settings[name]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_replaced_is_the_whole_policy_and_the_audit_names_what_changed(
    points_database: Database, operator: Client, kind: str
) -> None:
    default = (await operator.get(path(kind))).json()
    await operator.put(path(kind), json=CHANGES[kind])
    await operator.put(path(kind), json={})
    again = (await operator.get(path(kind))).json()
    told = {"revision", "set_at", "set_by"}
    assert {name: one for name, one in again.items() if name not in told} == {
        name: one for name, one in default.items() if name not in told
    }
    noted = await rows(points_database, "SELECT action, facts FROM audit_log ORDER BY id")
    assert [row.action for row in noted] == [f"{kind}_policy.changed"] * 2
    assert noted[1].facts["changed"] == sorted(CHANGES[kind])


@pytest.mark.parametrize("kind", KINDS)
async def test_who_has_seen_another_revision_is_told_which_there_is_and_changes_nothing(
    operator: Client, kind: str
) -> None:
    await operator.put(path(kind), json=CHANGES[kind])
    stale = await operator.put(path(kind), json={}, headers={"If-Match": '"0"'})
    assert (stale.status_code, stale.json()["revision"]) == (412, 1)
    assert (await operator.get(path(kind))).json()["revision"] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_of_two_changes_at_the_same_time_at_most_one_takes_each_revision(operator: Client, kind: str) -> None:
    answers = await asyncio.gather(*(operator.put(path(kind), json=CHANGES[kind]) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    revisions = [answer.json()["revision"] for answer in answers if answer.status_code == 200]
    assert sorted(revisions) == list(range(1, len(revisions) + 1))
    assert (await operator.get(path(kind))).json()["revision"] == len(revisions)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [-1, 1.5, "10", 10**19, True])
async def test_a_value_that_no_setting_can_have_is_refused_by_name(operator: Client, kind: str, wrong: object) -> None:
    (name,) = CHANGES[kind]
    refused = await operator.put(path(kind), json={name: wrong})
    assert refused.status_code == 422
    assert name in refused.text
    assert (await operator.get(path(kind))).json()["revision"] == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_setting_that_does_not_exist_is_refused(operator: Client, kind: str) -> None:
    refused = await operator.put(path(kind), json={**CHANGES[kind], "stepp": 1})
    assert refused.status_code == 422
    assert "stepp" in refused.text


@pytest.mark.parametrize("kind", KINDS)
async def test_only_operators_change_a_policy(client: Any, kind: str) -> None:
    async with client(role="support") as support:
        assert (await support.get(path(kind))).status_code == 200
        assert (await support.put(path(kind), json=CHANGES[kind])).status_code == 403
        assert (await support.get(path(kind))).json()["revision"] == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_who_does_not_say_who_they_are_sees_no_policy(app: FastAPI, token: Callable[..., str], kind: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://points") as nobody:
        assert (await nobody.get(path(kind))).status_code == 401
        assert (await nobody.put(path(kind), json=CHANGES[kind])).status_code == 401


async def test_kinds_are_counted_apart(points_database: Database) -> None:
    async with points_database.transaction() as tx:
        await handlers.change(tx, SYSTEM, handlers.GIFT, {"open": False})
        revisions = {kind: (await handlers.current(tx, kind)).revision for kind in KINDS}
    assert revisions == {"adjustment": 0, "gift": 1, "redemption": 0}


async def test_a_revision_that_never_was_is_the_defaults(points_database: Database) -> None:
    async with points_database.transaction() as tx:
        await handlers.change(tx, SYSTEM, handlers.GIFT, {"open": False})
        assert (await handlers.of_revision(tx, handlers.GIFT, 0)).settings == {}
        assert (await handlers.of_revision(tx, handlers.GIFT, 1)).settings == {"open": False}


@pytest.mark.parametrize("change", ["UPDATE movement_policies SET set_by = 'x'", "DELETE FROM movement_policies"])
async def test_the_database_lets_nobody_change_or_delete_a_revision(points_database: Database, change: str) -> None:
    async with points_database.transaction() as tx:
        await handlers.change(tx, SYSTEM, handlers.GIFT, {"open": False})
    with pytest.raises(Exception, match="movement_policies"):
        await rows(points_database, f"{change} RETURNING 1")
