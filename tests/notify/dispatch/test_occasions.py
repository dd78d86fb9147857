"""Every event of points: what the member hears of it, once, and what speaks against it by the time it is sent."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import Event, event_of
from common.events.contract import Contract
from common.events.coupons import CouponExpiring, CouponIssued, CouponReturned, CouponRevoked, CouponUsed
from common.events.incentives import BadgeAwarded, BadgeRevoked, DrawPlayed, StreakReached, TaskCompleted
from common.events.points import (
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsExpiring,
    PointsGivenBack,
    PointsPending,
    PointsRedeemed,
    PointsReleased,
    PointsTransferred,
)
from common.events.registry import CONTRACTS, SUBSCRIBERS
from common.events.rewards import RewardOrderChanged, RewardOrdered
from common.storage import Database
from notify.consumer import SUBSCRIPTIONS
from notify.dispatch import settling
from notify.dispatch.domain import judge
from notify.dispatch.occasions import OCCASIONS
from notify.preferences.domain import Recipient
from notify.since.domain import Later
from tests.contracts.examples import examples
from tests.notify.events import handled, member, notices, outcome_of, rows

NOW = datetime.now(UTC).replace(microsecond=0)
SOON, PAST = NOW + timedelta(days=7), NOW - timedelta(days=1)
HANDLERS = {one.contract: one.handler for one in SUBSCRIPTIONS}
THING = UUID(int=7)


async def hear(database: Database, *data: Contract) -> dict[str, tuple[str, str]]:
    """One after the other, as from points; event id → what did not go well."""
    outcomes: dict[str, tuple[str, str]] = {}
    for one in data:
        outcomes |= await handled(database, HANDLERS[type(one)], event_of(one, source="//loyalty/points"))
    return outcomes


def moved(contract: Any, who: UUID, *, sequence: int = 5, points: int = 100, balance: int = 300, **more: Any) -> Any:
    fields = {"member_id": who, "sequence": sequence, "points": points, "balance": balance, "occurred_at": NOW}
    return contract(**fields, **more)


def redeemed(who: UUID, **more: Any) -> PointsRedeemed:
    return moved(PointsRedeemed, who, **{"redemption_id": "r1", **more})  # type: ignore[no-any-return]


def expiring(who: UUID, points: int = 80, balance: int = 300, at: datetime = SOON) -> PointsExpiring:
    return PointsExpiring(member_id=who, points=points, balance=balance, expires_at=at)


def coupon(contract: Any, who: UUID | None, at: datetime = NOW, **more: Any) -> Any:
    fields = {"coupon_id": THING, "template": "ten", "name": "满百减十", "member_id": who, "occurred_at": at}
    return contract(**fields, **{"expires_at": SOON, **more})


def used(who: UUID, at: datetime = NOW) -> CouponUsed:
    return coupon(CouponUsed, who, at, order_source="//shop", order_id="A-1")  # type: ignore[no-any-return]


def order(contract: Any, who: UUID, at: datetime = NOW, **more: Any) -> Any:
    fields = {"reward_order_id": THING, "member_id": who, "reward": "cup", "name": "白瓷茶杯", "kind": "goods"}
    return contract(**fields, points=500, occurred_at=at, **more)


def changed(who: UUID, state: str, at: datetime = NOW) -> RewardOrderChanged:
    return order(RewardOrderChanged, who, at, state=state, previous_state="ordered", carrier="顺丰", tracking="SF1")  # type: ignore[no-any-return]


def incentive(contract: Any, who: UUID, at: datetime = NOW, **more: Any) -> Any:
    return contract(member_id=who, key="k", name="连续签到", occurred_at=at, **more)


async def subjects(database: Database) -> list[str]:
    return [row["subject"] for row in await notices(database, "inbox")]


def test_every_contract_of_points_that_notify_hears_has_its_row() -> None:
    elsewhere = {"points.clawed_back.v1", "points.repriced.v1"}
    heard = {
        type_
        for type_ in SUBSCRIBERS["notify"]
        if not type_.startswith(("member.", "programme.")) and type_ not in elsewhere
    }
    assert {contract.TYPE for contract in OCCASIONS} == heard


SAYS: list[tuple[str, Any]] = [
    ("You received 100 points", lambda who: moved(PointsEarned, who, rule="r", rule_version=1, reason="activity")),
    ("100 points are on their way", lambda who: moved(PointsPending, who, rule="r", rule_version=1)),
    ("100 points can be spent now", lambda who: moved(PointsReleased, who)),
    ("You spent 100 points", redeemed),
    ("100 points are back", lambda who: moved(PointsGivenBack, who, redemption_id="r9")),
    ("100 points have expired", lambda who: moved(PointsExpired, who)),
    ("100 points were added", lambda who: moved(PointsAdjusted, who, adjustment_id=THING, reason="x")),
    ("100 points were removed", lambda who: moved(PointsAdjusted, who, points=-100, adjustment_id=THING, reason="x")),
    (
        "You were given 100 points",
        lambda who: moved(PointsTransferred, who, other_member_id=uuid4(), transfer_id=THING),
    ),
    (
        "You gave 100 points away",
        lambda who: moved(PointsTransferred, who, points=-100, other_member_id=uuid4(), transfer_id=THING),
    ),
    (
        "100 points were removed",
        lambda who: moved(
            PointsTransferred, who, points=-100, other_member_id=uuid4(), transfer_id=THING, reason="gift_undone"
        ),
    ),
    ("Your order: 白瓷茶杯", lambda who: order(RewardOrdered, who)),
    ("On its way: 白瓷茶杯", lambda who: changed(who, "shipped")),
    ("Yours: 白瓷茶杯", lambda who: changed(who, "delivered")),
    ("Cancelled: 白瓷茶杯", lambda who: changed(who, "cancelled")),
    ("A coupon for you: 满百减十", lambda who: coupon(CouponIssued, who)),
    ("7 days in a row", lambda who: incentive(StreakReached, who, days=7, points=20)),
    ("Done: 连续签到", lambda who: incentive(TaskCompleted, who)),
    ("A badge for you: 连续签到", lambda who: incentive(BadgeAwarded, who)),
    ("Your badge 连续签到", lambda who: incentive(BadgeRevoked, who)),
    ("You won: 茶具", lambda who: incentive(DrawPlayed, who, play_id=THING, prize="茶具")),
]


@pytest.mark.parametrize(("subject", "make"), SAYS, ids=[subject for subject, _ in SAYS])
async def test_each_occasion_is_told_once_in_both_languages(notify_database: Database, subject: str, make: Any) -> None:
    one, other = await member(notify_database), await member(notify_database, locale="zh-CN")
    event: Event[Any] = event_of(make(one), source="//loyalty/points")
    handler = HANDLERS[type(event.data)]
    assert await handled(notify_database, handler, event) == {}
    assert await handled(notify_database, handler, event) == {event.id: ("duplicate", "")}
    assert await subjects(notify_database) == [subject]
    await hear(notify_database, make(other).model_copy(update=_another(event.data)))
    found = await notices(notify_database, "inbox")
    assert len(found) == 2
    assert all("{{" not in row["text"] + row["subject"] for row in found)
    assert any(row["text"] != found[0]["text"] for row in found)


def _another(data: Contract) -> dict[str, Any]:
    """So that the second member's thing is another one."""
    return {name: uuid4() for name in ("coupon_id", "reward_order_id") if name in type(data).model_fields}


@pytest.mark.parametrize(
    "make",
    [
        lambda who: moved(PointsEarned, who, rule="r", rule_version=1, reason="task"),
        lambda who: redeemed(who, reason="reward"),
        lambda who: redeemed(who, wallet="growth"),
        lambda who: moved(PointsReleased, who, points=0),
        lambda who: moved(PointsTransferred, who, other_member_id=uuid4(), transfer_id=THING, reason="merge"),
        lambda who: changed(who, "accepted"),
        lambda who: used(who),
        lambda who: coupon(CouponIssued, None),
        lambda who: incentive(DrawPlayed, who, play_id=THING),
    ],
)
async def test_what_is_told_otherwise_or_is_no_news_makes_no_notice(notify_database: Database, make: Any) -> None:
    assert await hear(notify_database, make(await member(notify_database))) == {}
    assert await notices(notify_database) == []


async def test_a_stranger_is_tried_again_when_there_is_something_to_tell(notify_database: Database) -> None:
    stranger = uuid4()
    assert set((await hear(notify_database, redeemed(stranger))).values()) == {("retry", "unknown_member")}
    assert await hear(notify_database, used(stranger), changed(stranger, "accepted")) == {}


async def judged(database: Database) -> list[tuple[str, Any]]:
    """(reason, points) of the queued mails as they would leave now."""
    async with database.transaction() as tx:
        ids = [row.notice_id for row in await tx.fetch_all("SELECT notice_id FROM notices WHERE channel = 'email'")]
        found = await settling.judge(tx, sorted(ids), stale_after_hours=0)
    return [(one.reason, one.facts.get("points")) for one in found]


async def test_points_that_were_spent_meanwhile_are_not_said_to_expire(notify_database: Database) -> None:
    who = await member(notify_database, email="li@example.com")
    await hear(notify_database, expiring(who, 80, 300))
    assert await subjects(notify_database) == [f"80 points expire on {SOON.day} {SOON:%B %Y}"]
    await hear(notify_database, redeemed(who, sequence=6, balance=30, reason="reward"))
    assert await judged(notify_database) == [("", 30)]
    await hear(notify_database, redeemed(who, sequence=7, balance=0, reason="reward"))
    assert await judged(notify_database) == [("spent", 0)]
    await hear(notify_database, redeemed(who, sequence=4, balance=200, reason="reward"))
    assert await judged(notify_database) == [("spent", 0)], "an older movement changes nothing"


async def test_what_has_ended_is_not_said_to_end(notify_database: Database) -> None:
    who = await member(notify_database)
    await hear(notify_database, expiring(who, at=PAST), coupon(CouponExpiring, who, expires_at=PAST))
    assert await outcome_of(notify_database, "inbox") == [("suppressed", "ended")] * 2


async def test_a_redemption_that_was_taken_back_is_not_told(notify_database: Database) -> None:
    who = await member(notify_database, email="li@example.com")
    await hear(notify_database, redeemed(who))
    await hear(notify_database, moved(PointsGivenBack, who, points=40, redemption_id="r1", sequence=6, reason="reward"))
    assert await judged(notify_database) == [("", 100)]
    await hear(notify_database, moved(PointsGivenBack, who, points=60, redemption_id="r1", sequence=7, reason="reward"))
    assert await judged(notify_database) == [("given_back", 100)]


async def test_a_balance_that_is_told_late_is_the_one_of_now(notify_database: Database) -> None:
    who = await member(notify_database)
    await hear(notify_database, redeemed(who, sequence=9, balance=40, reason="reward"), redeemed(who, sequence=5))
    (inbox,) = await notices(notify_database, "inbox")
    assert "now: 40 points" in inbox["text"]


@pytest.mark.parametrize("contract", [CouponUsed, CouponRevoked])
async def test_a_coupon_that_is_gone_is_not_spoken_of(notify_database: Database, contract: type[Contract]) -> None:
    who = await member(notify_database, email="li@example.com")
    await hear(notify_database, coupon(CouponIssued, who, PAST))
    gone = used(who) if contract is CouponUsed else coupon(CouponRevoked, who)
    await hear(notify_database, gone)
    word = "used" if contract is CouponUsed else "revoked"
    assert await judged(notify_database) == [(word, None)]
    await hear(notify_database, coupon(CouponExpiring, who, NOW))
    assert (await outcome_of(notify_database, "inbox"))[-1] == ("suppressed", word)


async def test_a_coupon_that_came_back_may_expire_again(notify_database: Database) -> None:
    who = await member(notify_database)
    back = coupon(CouponReturned, who, NOW + timedelta(hours=1), order_source="//shop", order_id="A-1")
    await hear(notify_database, back, used(who), coupon(CouponExpiring, who, NOW))
    assert await subjects(notify_database) == [
        "Your coupon is back: 满百减十",
        f"Your coupon ends on {SOON.day} {SOON:%B %Y}: 满百减十",
    ]


async def test_a_badge_revoked_before_it_was_told_is_not_told(notify_database: Database) -> None:
    who = await member(notify_database)
    await hear(notify_database, incentive(BadgeRevoked, who), incentive(BadgeAwarded, who))
    found = {row["template"]: (row["state"], row["reason"]) for row in await notices(notify_database, "inbox")}
    assert found == {"badge_revoked": ("sent", ""), "badge_awarded": ("suppressed", "revoked")}


async def test_an_order_that_was_cancelled_is_not_on_its_way(notify_database: Database) -> None:
    who = await member(notify_database, email="li@example.com")
    await hear(notify_database, order(RewardOrdered, who), changed(who, "shipped", NOW + timedelta(minutes=1)))
    assert await judged(notify_database) == [("shipped", 500), ("", 500)]
    await hear(notify_database, changed(who, "cancelled", NOW + timedelta(minutes=2)))
    assert [reason for reason, _ in await judged(notify_database)] == ["cancelled", "cancelled", ""]


async def test_every_golden_example_can_be_heard(notify_database: Database) -> None:
    who = await member(notify_database)
    for contract in OCCASIONS:
        for data in examples(contract.TYPE).values():
            made = CONTRACTS[contract.TYPE].model_validate(data)
            named = {"member_id": who} if "member_id" in data else {}
            await hear(notify_database, made.model_copy(update=named))
    assert await rows(notify_database, "SELECT 1 FROM notices WHERE reason = 'no_template'") == []


@given(points=st.integers(1, 10**6), later=st.integers(-(10**6), 10**6))
def test_never_more_points_are_said_to_expire_than_are_there(points: int, later: int) -> None:
    facts = {"points": points, "balance": points, "wallet": "points"}
    recipient = Recipient(member_id=THING)
    verdict = judge("points_expiring", "inbox", facts, recipient, later=Later(sequence=1, balance=later), now=NOW)
    assert (verdict.reason == "spent") == (later <= 0)
    if not verdict.reason:
        assert verdict.facts["points"] == min(points, later)
        assert verdict.facts["balance"] == later
