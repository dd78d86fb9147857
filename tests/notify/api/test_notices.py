"""What staff see of notices, and what members see in their inbox."""

from typing import Any
from uuid import uuid4

import pytest

from common.storage import Database
from notify.dispatch.handlers import points_clawed_back, points_earned
from tests.notify.api.conftest import Client
from tests.notify.events import SHOP, clawed_back, earned, handled, member, notices, rows


async def _failed(database: Database) -> Any:
    who = await member(database, email="li@example.com")
    await handled(database, points_earned, earned(who))
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE notices SET state = 'failed', reason = 'no such user', settled_at = now(), attempts = 1"
            " WHERE channel = 'email'"
        )
        await tx.execute("DELETE FROM deliveries")
    return (await notices(database, "email"))[0]


async def test_notices_are_found_by_every_filter(notify_database: Database, operator: Client) -> None:
    who, other = await member(notify_database, email="li@example.com"), await member(notify_database)
    cause = earned(who, order="A-1")
    await handled(notify_database, points_earned, cause, earned(other, order="A-2"))
    await handled(notify_database, points_clawed_back, clawed_back(other, order="A-2"))

    async def count(**params: Any) -> int:
        answer = await operator.get("/v1/notices", params=params)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["items"])

    assert await count() == 6
    assert await count(member_id=str(who)) == 2
    assert await count(cause_id=cause.id, cause_source=cause.source) == 2
    assert await count(about="A-2") == 4
    assert await count(state="suppressed") == 2
    assert await count(channel="inbox") == 3
    assert await count(template="points_clawed_back") == 2
    assert await count(**{"from": "2020-01-01T00:00:00Z", "to": "2021-01-01T00:00:00Z"}) == 0
    assert await count(state="queued", member_id=str(who), channel="email") == 1


async def test_notices_come_in_parts_without_gaps_or_repeats(notify_database: Database, operator: Client) -> None:
    who = await member(notify_database)
    await handled(notify_database, points_earned, *(earned(who, order=f"A-{number}") for number in range(4)))
    seen, cursor = [], None
    while True:
        answer = (
            await operator.get("/v1/notices", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [item["notice_id"] for item in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 8
    assert seen == sorted(seen, reverse=True)


async def test_a_notice_is_shown_with_its_facts_attempts_and_reason(
    notify_database: Database, operator: Client
) -> None:
    failed = await _failed(notify_database)
    async with notify_database.transaction() as tx:
        await tx.execute(
            "INSERT INTO attempts (attempt_id, member_id, notice_id, channel, provider, outcome, code, answer,"
            " started_at, duration_ms) SELECT gen_random_uuid(), member_id, notice_id, 'email', 'smtp://mail:25',"
            " 'permanent', 550, 'no', now(), 7 FROM notices WHERE channel = 'email'"
        )
    shown = (await operator.get(f"/v1/notices/{failed['notice_id']}")).json()
    assert (shown["state"], shown["reason"], shown["facts"]["order_source"]) == ("failed", "no such user", SHOP)
    assert [(tried["outcome"], tried["code"], tried["duration_ms"]) for tried in shown["tried"]] == [
        ("permanent", 550, 7)
    ]


async def test_a_failed_notice_is_queued_again_once_and_audited(notify_database: Database, operator: Client) -> None:
    failed = await _failed(notify_database)
    url = f"/v1/notices/{failed['notice_id']}/resend"
    first = await operator.post(url, headers={"Idempotency-Key": "again"})
    assert (first.status_code, first.json()["state"], first.json()["reason"]) == (202, "queued", "")
    assert (await operator.post(url, headers={"Idempotency-Key": "again"})).status_code == 202
    second = await operator.post(url)
    assert (second.status_code, second.json()["code"], second.json()["state"]) == (409, "notice_not_failed", "queued")
    assert len(await rows(notify_database, "SELECT * FROM deliveries")) == 1
    audited = await rows(notify_database, "SELECT action, actor FROM audit_log")
    assert audited == [{"action": "notice.resent", "actor": "staff:test"}]


async def test_an_unknown_notice_is_not_found(operator: Client) -> None:
    for method, path in (("GET", ""), ("POST", "/resend")):
        answer = await operator.request(method, f"/v1/notices/{uuid4()}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "notice_unknown")


@pytest.mark.parametrize(
    "bad", [{"state": "lost"}, {"from": "yesterday"}, {"member_id": "7"}, {"cursor": "x"}, {"limit": 0}]
)
async def test_bad_filters_are_named(operator: Client, bad: dict[str, Any]) -> None:
    answer = await operator.get("/v1/notices", params=bad)
    assert answer.status_code == 422
    assert next(iter(bad)) in answer.json()["errors"][0]["field"]


async def test_the_inbox_shows_unread_first_then_the_newest(notify_database: Database, operator: Client) -> None:
    who = await member(notify_database, locale="zh-CN")
    for number in range(5):
        await handled(notify_database, points_earned, earned(who, order=f"A-{number}", points=number + 1))
    url = f"/v1/members/{who}/inbox"
    items = (await operator.get(url)).json()["items"]
    assert [item["about"] for item in items] == ["A-4", "A-3", "A-2", "A-1", "A-0"]
    read = await operator.post(f"{url}/{items[1]['notice_id']}/read")
    again = await operator.post(f"{url}/{items[1]['notice_id']}/read")
    assert read.json()["read_at"] == again.json()["read_at"] is not None

    seen, cursor = [], None
    for _ in range(3):
        part = (await operator.get(url, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        assert part["unread"] == 4
        seen += [item["about"] for item in part["items"]]
        cursor = part["next"]
    assert (seen, cursor) == (["A-4", "A-2", "A-1", "A-0", "A-3"], None)
    assert (await operator.post(f"{url}/read")).json() == {"marked": 4}
    assert (await operator.get(url)).json()["unread"] == 0


async def test_the_inbox_shows_neither_mails_nor_what_was_suppressed(
    notify_database: Database, operator: Client
) -> None:
    who = await member(notify_database, email="li@example.com")
    await handled(notify_database, points_clawed_back, clawed_back(who))
    await handled(notify_database, points_earned, earned(who))
    items = (await operator.get(f"/v1/members/{who}/inbox")).json()["items"]
    assert [item["template"] for item in items] == ["points_clawed_back"]


async def test_another_members_notice_cannot_be_marked_as_read(notify_database: Database, operator: Client) -> None:
    who, other = await member(notify_database), await member(notify_database)
    await handled(notify_database, points_earned, earned(who))
    notice = (await notices(notify_database, "inbox"))[0]
    answer = await operator.post(f"/v1/members/{other}/inbox/{notice['notice_id']}/read")
    assert (answer.status_code, answer.json()["code"]) == (404, "notice_unknown")


async def test_the_inbox_of_a_stranger_is_not_found_and_of_a_new_member_empty(
    notify_database: Database, operator: Client
) -> None:
    stranger = await operator.get(f"/v1/members/{uuid4()}/inbox")
    assert (stranger.status_code, stranger.json()["code"]) == (404, "member_unknown")
    assert (await operator.post(f"/v1/members/{uuid4()}/inbox/read")).status_code == 404
    fresh = await operator.get(f"/v1/members/{await member(notify_database)}/inbox")
    assert fresh.json() == {"items": [], "next": None, "unread": 0}


async def test_figures_count_notices_attempts_and_duplicates(notify_database: Database, operator: Client) -> None:
    await _failed(notify_database)
    async with notify_database.transaction() as tx:
        await tx.execute(
            "INSERT INTO duplicates (source, type, day, count) VALUES"
            " ('//loyalty/points', 'points.earned.v1', now(), 3),"
            " ('//loyalty/points', 'points.earned.v1', now() - interval '1 day', 4)"
        )
    figures = (await operator.get("/v1/figures")).json()
    assert figures["notices"] == [
        {"template": "points_earned", "channel": "email", "state": "failed", "reason": "no such user", "notices": 1},
        {"template": "points_earned", "channel": "inbox", "state": "sent", "reason": "", "notices": 1},
    ]
    assert figures["duplicates"] == [{"source": "//loyalty/points", "type": "points.earned.v1", "count": 7}]
    assert (figures["mails_waiting"], figures["attempts"]) == (0, [])
    assert figures["as_of"]
