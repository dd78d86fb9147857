"""Operators write, preview and publish templates."""

import asyncio
from typing import Any
from uuid import uuid4

from common.storage import Database
from notify.dispatch.handlers import points_earned
from notify.templates.placeholders import OCCASIONS
from tests.notify.api.conftest import Client
from tests.notify.events import earned, handled, member, notices, rows

DRAFT = {
    "key": "points_earned",
    "channel": "inbox",
    "locale": "zh-CN",
    "subject": "+{{points}}",
    "text": "订单 {{ order_id }}",
}


async def _draft(operator: Client, **changes: Any) -> Any:
    answer = await operator.post("/v1/templates", json=DRAFT | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_draft_is_edited_previewed_published_and_used(notify_database: Database, operator: Client) -> None:
    draft = await _draft(operator)
    url = f"/v1/templates/{draft['template_id']}"
    assert (draft["version"], draft["state"], draft["revision"]) == (2, "draft", 1)
    edited = await operator.put(
        url, json={"subject": "获得 {{points}} 分", "text": "订单 {{order_id}}"}, headers={"If-Match": '"1"'}
    )
    assert (edited.status_code, edited.headers["etag"]) == (200, '"2"')
    shown = await operator.post(f"{url}/preview", json={"facts": {"points": 12345}})
    assert shown.json() == {"subject": "获得 12,345 分", "text": "订单 A-1001", "html": ""}
    published = await operator.post(f"{url}/publish", headers={"If-Match": '"2"'})
    assert (published.json()["state"], published.json()["published_by"]) == ("published", "staff:test")

    who = await member(notify_database, locale="zh-CN")
    await handled(notify_database, points_earned, earned(who, points=7))
    assert [row["subject"] for row in await notices(notify_database, "inbox")] == ["获得 7 分"]
    actions = await rows(notify_database, "SELECT action FROM audit_log ORDER BY id")
    assert [row["action"] for row in actions] == ["template.drafted", "template.rewritten", "template.published"]


async def test_a_published_version_cannot_be_edited_published_or_discarded(operator: Client) -> None:
    draft = await _draft(operator)
    url = f"/v1/templates/{draft['template_id']}"
    await operator.post(f"{url}/publish")
    answers = [
        await operator.put(url, json={"subject": "x", "text": "y"}),
        await operator.post(f"{url}/publish"),
        await operator.delete(url),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "template_published")] * 3


async def test_an_unknown_placeholder_is_refused_at_publication_with_its_name(operator: Client) -> None:
    draft = await _draft(operator, text="{{points}} {{pionts}} {{name}} {{")
    for action in ("publish", "preview"):
        answer = await operator.post(
            f"/v1/templates/{draft['template_id']}/{action}", json={} if action == "preview" else None
        )
        body = answer.json()
        assert (answer.status_code, body["code"]) == (422, "template_flawed")
        reasons = [flaw["reason"] for flaw in body["flaws"]]
        assert "placeholder 'pionts' is not known" in reasons[0]
        assert "placeholder 'name' is personal data" in reasons[1]
        assert "does not begin a placeholder" in reasons[2]
    assert (await operator.get(f"/v1/templates/{draft['template_id']}")).json()["state"] == "draft"


async def test_an_email_preview_escapes_facts_in_html_and_uses_a_sample_name(operator: Client) -> None:
    draft = await _draft(operator, channel="email", locale="en", text="Dear {{name}}", html="<p>{{order_id}}</p>")
    url = f"/v1/templates/{draft['template_id']}/preview"
    shown = (await operator.post(url, json={"facts": {"order_id": "<script>alert(1)</script>"}})).json()
    assert shown["html"] == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"
    assert shown["text"] == "Dear Li Wei 李伟"


async def test_a_preview_speaks_of_a_real_notice(notify_database: Database, operator: Client) -> None:
    who = await member(notify_database)
    await handled(notify_database, points_earned, earned(who, points=77, order="A-77"))
    real = (await notices(notify_database, "inbox"))[0]
    draft = await _draft(operator)
    url = f"/v1/templates/{draft['template_id']}/preview"
    shown = await operator.post(url, json={"notice_id": str(real["notice_id"])})
    assert shown.json() == {"subject": "+77", "text": "订单 A-77", "html": ""}
    assert (await operator.post(url, json={"notice_id": str(uuid4())})).json()["code"] == "notice_unknown"


async def test_a_preview_survives_facts_of_any_kind(operator: Client) -> None:
    draft = await _draft(operator, text="{{points}} {{date}} {{amount}} {{expires}}")
    odd = {"points": {"a": [1]}, "occurred_at": "soon", "amount": 1.5, "expires_at": "2026-01-01"}
    shown = await operator.post(f"/v1/templates/{draft['template_id']}/preview", json={"facts": odd})
    assert shown.json()["text"] == "{'a': [1]} soon 1.5 2026-01-01"
    lone = await operator.post(
        f"/v1/templates/{draft['template_id']}/preview",
        content=b'{"facts": {"points": "\\ud800"}}',
        headers={"Content-Type": "application/json"},
    )
    assert lone.status_code == 422


async def test_there_is_one_draft_per_place(operator: Client) -> None:
    draft = await _draft(operator)
    answer = await operator.post("/v1/templates", json=DRAFT)
    assert (answer.status_code, answer.json()["draft_id"]) == (409, draft["template_id"])
    assert (await operator.delete(f"/v1/templates/{draft['template_id']}")).status_code == 204
    assert (await _draft(operator))["version"] == 2


async def test_two_drafts_at_the_same_moment_become_one(operator: Client) -> None:
    answers = await asyncio.gather(*(operator.post("/v1/templates", json=DRAFT) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_an_edit_of_what_somebody_else_changed_is_refused(operator: Client) -> None:
    draft = await _draft(operator)
    url = f"/v1/templates/{draft['template_id']}"
    await operator.put(url, json={"subject": "one", "text": "one"})
    late = await operator.put(url, json={"subject": "two", "text": "two"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["revision"]) == (412, 2)
    assert (await operator.post(f"{url}/publish", headers={"If-Match": '"1"'})).status_code == 412


async def test_unknown_places_and_templates_are_named(operator: Client) -> None:
    answer = await operator.post("/v1/templates", json=DRAFT | {"locale": "fr"})
    assert (answer.status_code, answer.json()["code"], answer.json()["known"]) == (
        422,
        "place_unknown",
        ["en", "zh-CN"],
    )
    assert (await operator.get(f"/v1/templates/{uuid4()}")).json()["code"] == "template_unknown"


async def test_versions_are_listed_newest_first_and_in_parts(operator: Client) -> None:
    await _draft(operator)
    seen, cursor = [], None
    while True:
        part = (
            await operator.get("/v1/templates", params={"limit": 5} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [(item["key"], item["channel"], item["locale"], item["version"]) for item in part["items"]]
        cursor = part["next"]
        if cursor is None:
            break
    assert len(seen) == len(OCCASIONS) * 4 + 1
    assert seen == sorted(seen, key=lambda place: (*place[:3], -place[3]))
    drafts = (await operator.get("/v1/templates", params={"state": "draft"})).json()["items"]
    assert [item["version"] for item in drafts] == [2]


async def test_occasions_say_what_a_template_may_speak_of(operator: Client) -> None:
    found = {one["key"]: one for one in (await operator.get("/v1/template-occasions")).json()}
    assert set(found) == set(OCCASIONS)
    names = {one["name"]: one["personal"] for one in found["points_earned"]["placeholders"]}
    assert names["name"] is True
    assert names["points"] is False


async def test_readers_may_not_write(client: Any) -> None:
    async with client(role="support") as support:
        assert (await support.get("/v1/templates")).status_code == 200
        answer = await support.post("/v1/templates", json=DRAFT)
        assert (answer.status_code, answer.json()["permission"]) == (403, "templates:write")
