"""Every movement is explained in words, in Chinese and English."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from common.events import event_of
from common.events.activities import ActivityCompleted
from common.storage import Database
from points.ledger.domain import GENESIS, Transfer
from points.statement.domain import EN, ZH, text_of
from tests.points.conftest import Client
from tests.points.draws.world import play, spin
from tests.points.incentives.world import active
from tests.points.redemption.world import cancel, hold, owe, post, redeem, rich, soon
from tests.points.world import NOON, SHOP, day, happen, member, purchase, refund, rule


async def statement(client: Client, member_id: UUID, **query: Any) -> list[Any]:
    answer = await client.get(f"/v1/members/{member_id}/statement", params=query)
    assert answer.status_code == 200, answer.text
    items: list[Any] = answer.json()["items"]
    return items


async def test_redemptions_are_told_with_their_order(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database, (100, None))
    order = {"order_id": "订单-7", "amount": 100, "currency": "CNY"}
    held = await hold(operator, someone, 10, order=order)
    await cancel(operator, held["redemption_id"])
    done = await redeem(operator, someone, 20, order=order)
    await cancel(operator, done["redemption_id"], points=5)
    told = await statement(operator, someone, locale="zh-CN")
    assert [one["text"] for one in told[:4]] == [
        "退回已用积分（订单-7）",
        "使用积分（订单-7）",
        "预留积分退回（订单-7）",
        "积分预留（订单-7）",
    ]
    assert told[1]["origin"]["kind"] == "redemption"
    assert told[1]["origin"]["id"] == told[1]["reference"] == done["redemption_id"]
    english = await statement(operator, someone)
    assert [one["text"] for one in english[:2]] == ["Given back for 订单-7", "Spent for 订单-7"]


async def test_corrections_gifts_and_merges_are_told_with_reason_and_member(
    points_database: Database, operator: Client
) -> None:
    one, two = await rich(points_database, (100, soon(days=5))), await rich(points_database)
    correction = {"member_id": str(one), "kind": "credit", "points": 5, "reason": "goodwill", "note": "客诉"}
    adjusted = await post(operator, "/v1/adjustments", correction)
    gift = {"member_id": str(one), "recipient_id": str(two), "points": 10, "message": "生日快乐"}
    given = await post(operator, "/v1/gifts", gift)
    assert [entry["text"] for entry in (await statement(operator, one))[:2]] == [
        f"Given to member {two} (生日快乐)",
        "Adjusted: goodwill (客诉)",
    ]
    (received,) = await statement(operator, two, locale="zh-CN")
    assert received["text"] == f"收到会员 {one} 赠送（生日快乐）"
    assert (received["origin"]["id"], received["origin"]["other_member_id"]) == (given["gift_id"], str(two))
    await post(operator, "/v1/merges", {"member_id": str(two), "absorbed_member_id": str(one)})
    await post(operator, f"/v1/adjustments/{adjusted['adjustment_id']}/reverse", {})
    told = [entry["text"] for entry in await statement(operator, two, locale="zh-CN")]
    assert told[0] == "撤销人工调整：goodwill"
    assert told.count(f"会员 {one} 并入") == 2
    assert f"并入会员 {two}" in [entry["text"] for entry in await statement(operator, one, locale="zh-CN")]


async def test_purchases_returns_and_debt_are_told(points_database: Database, operator: Client) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "A-1", 100_00, at=day(1)))
    await redeem(operator, someone, 100)
    await happen(points_database, refund("A-1", "R-1", 40_00, at=day(2)))
    await happen(points_database, purchase(someone, "A-2", 50_00, at=day(3)))
    told = [entry["text"] for entry in await statement(operator, someone)]
    assert told[:3] == [
        "Repaid points that were owed",
        "Earned with purchase A-2",
        "Owed for return R-1: the points were spent",
    ]
    assert (await operator.get(f"/v1/members/{someone}/statement?locale=fr")).status_code == 422
    earned = await statement(operator, someone, kind="earned")
    assert [one["order_id"] for one in earned] == ["A-2", "A-1"]
    second = await statement(operator, someone, occurred_from=day(2).isoformat(), occurred_until=day(3).isoformat())
    assert {one["reference"] for one in second} == {"R-1"}


async def test_activities_are_not_told_as_purchases(points_database: Database, operator: Client) -> None:
    occasion = {"kind": "activity", "activity": "referral_rewarded"}
    await rule(points_database, "friend", {"kind": "fixed", "points": 20}, occasion=occasion)
    buyer, friend = await member(points_database), await member(points_database)
    invited = ActivityCompleted(
        activity_id="inv-1", member_id=friend, activity="referral_rewarded", occurred_at=day(2), order_id="A-1"
    )
    await happen(points_database, purchase(buyer, "A-1", 100_00, at=day(1)), event_of(invited, source=SHOP))
    (told,) = await statement(operator, friend)
    assert told["text"] == "Earned with activity inv-1 (purchase A-1)"
    (told,) = await statement(operator, friend, locale="zh-CN")
    assert told["text"] == "活动 inv-1 获得积分（订单 A-1）"


KINDS = (
    *("earned", "clawed_back", "shortfall", "repriced", "debt_repaid", "released", "expired", "unexpired", "reserved"),
    *("hold_ended", "redeemed", "redemption_cancelled", "given_back", "reward_cancelled", "adjusted"),
    *("adjustment_reversed", "debt_written_off", "gift_given", "gift_received", "gift_undone", "merged_away"),
    *("merged_in", "merge_undone", "something_new"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_text_even_when_nothing_else_is_known(kind: str) -> None:
    one = Transfer(
        *(UUID(int=1), "points", 1, "wallet", "debt", 5, 0, 0, 0, 0, kind, "", "", "", NOON, NOON, GENESIS, GENESIS)
    )
    for locale in (ZH, EN):
        said = text_of(one, None, locale)
        assert said
        assert "{" not in said


async def test_incentives_are_told_by_their_names_and_days(points_database: Database, operator: Client) -> None:
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    plan = {"rewards": [{"day": 1, "points": 5}], "make_up": {"per_month": 9, "cost": 3, "days_back": 5}}
    named = {"zh": "每日签到", "en": "Daily sign-in"}
    await active(points_database, "streak", "daily", {"name": named, **plan})
    ten = {"key": "ten", "name": {"zh": "十积分"}, "kind": "points", "points": 10, "weight": 100}
    await active(points_database, "draw", "spin", {"name": {"zh": "大转盘"}, **spin(ten, fallback="ten")})
    someone = await rich(points_database, (50, None))
    await post(operator, f"/v1/members/{someone}/sign-ins", {}, 200)
    missed = today - timedelta(days=2)
    await post(operator, f"/v1/members/{someone}/streaks/daily/make-ups", {"day": missed.isoformat()}, 200)
    await play(points_database, someone)
    assert [one["text"] for one in (await statement(operator, someone, locale="zh-CN"))[:4]] == [
        "活动奖励（大转盘）",
        f"活动奖励（每日签到 {missed}）",
        f"补签（每日签到 {missed}）",
        f"活动奖励（每日签到 {today}）",
    ]
    assert [one["text"] for one in (await statement(operator, someone))[:3]] == [
        "Reward for 大转盘",
        f"Reward for Daily sign-in {missed}",
        f"Day made up for Daily sign-in {missed}",
    ]


async def test_who_owes_is_told_what_was_written_off(points_database: Database, operator: Client) -> None:
    someone = await rich(points_database)
    await owe(points_database, someone, 30)
    body = {"member_id": str(someone), "kind": "write_off", "points": 30, "reason": "goodwill"}
    await post(operator, "/v1/adjustments", body)
    (first, _) = await statement(operator, someone, locale="zh-CN")
    assert (first["text"], first["points"]) == ("欠分核销：goodwill", 0)
