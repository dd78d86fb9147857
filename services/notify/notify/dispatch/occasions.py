"""What each event of points means for its member: one row per contract, which words it asks for, and of what.

A notice about a thing (a coupon, a badge, an order) is judged by the thing's latest state when it is sent, one about
points by the wallet's latest balance. What has an event of its own for the member is not told twice: points spent on a
reward are told with the order, points earned by a task with the task.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from common.events import Contract
from common.events.coupons import Coupon, CouponExpiring, CouponIssued, CouponReturned, CouponRevoked, CouponUsed
from common.events.incentives import (
    BadgeAwarded,
    BadgeRevoked,
    DrawPlayed,
    DrawUndone,
    Incentive,
    StreakReached,
    TaskCompleted,
    TaskRevoked,
)
from common.events.points import (
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsExpiring,
    PointsGivenBack,
    PointsMoved,
    PointsPending,
    PointsRedeemed,
    PointsReleased,
    PointsRepriced,
    PointsTransferred,
)
from common.events.rewards import RewardOrder, RewardOrderChanged, RewardOrdered
from notify.since.domain import Thing

Facts = dict[str, object]

REDEMPTION = "redemption:"
"""Stands for the order's source where what was spent is known by the redemption."""
NUMBERED = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for the instant where the changes of a thing are numbered: their order is that of the numbers."""
TOLD_OTHERWISE = frozenset({"reward", "draw", "task", "streak", "badge"})
"""Reasons of movements whose cause is told itself."""
REWARD_KEYS = {
    "shipped": "reward_shipped",
    "delivered": "reward_delivered",
    "fulfilled": "reward_delivered",
    "cancelled": "reward_cancelled",
    "returned": "reward_cancelled",
}
"""State of a reward's order → occasion; the others are no news."""

TRANSFER_KEYS = {"gift": ("points_received", "points_sent"), "gift_undone": ("points_added", "points_removed")}
"""Reason of a transfer → occasion of who gets points, and of who gives them; a merge is no news of points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an event says. `key` "": nothing for the member, but something that others are judged by."""

    member_id: UUID | None
    key: str
    facts: Facts
    thing: Thing | None = None


def _moved(moved: PointsMoved | PointsAdjusted | PointsTransferred) -> Facts:
    return {
        "wallet": moved.wallet,
        "sequence": moved.sequence,
        "points": abs(moved.points),
        "balance": moved.balance,
        "debt": moved.debt,
        "occurred_at": moved.occurred_at.isoformat(),
    }


def _movement(key: str, told: Callable[[Any], Facts] = lambda _: {}) -> Callable[[Any], Said]:
    def said(moved: Any) -> Said:
        quiet = moved.wallet != "points" or getattr(moved, "reason", "") in TOLD_OTHERWISE
        facts = {**_moved(moved), **told(moved)}
        return Said(member_id=moved.member_id, key="" if quiet else key, facts=facts)

    return said


def earned(moved: PointsEarned) -> Said:
    """Points for something else than a purchase."""
    return _movement("points_awarded", lambda one: {"expires_at": _iso(one.expires_at)})(moved)


def _adjusted(moved: PointsAdjusted) -> Said:
    return _movement("points_added" if moved.points > 0 else "points_removed", lambda one: {"note": one.note})(moved)


def _transferred(moved: PointsTransferred) -> Said:
    keys = TRANSFER_KEYS.get(moved.reason, ("", ""))
    return _movement(keys[0] if moved.points > 0 else keys[1])(moved)


def waiting(moved: PointsMoved | PointsRepriced, state: str, rank: int) -> Thing | None:
    """What became of an order's points that wait: `waiting`, `released`, fewer of them (`clawed_back`, `repriced`)."""
    if moved.order_source is None or moved.order_id is None:
        return None
    key = f"{moved.member_id}/{moved.order_source}/{moved.order_id}/{moved.wallet}"
    return Thing(kind="waiting", key=key, state=state, at=moved.occurred_at, rank=rank)


def _pending(moved: PointsPending) -> Said:
    said = _movement("points_pending", lambda one: {"available_at": _iso(one.available_at)})(moved)
    thing = waiting(moved, "waiting", 0)
    return said if thing is None else replace(said, facts=_thing(thing, said.facts), thing=thing)


def _released(moved: PointsReleased) -> Said:
    return replace(_movement("points_released")(moved), thing=waiting(moved, "released", 1))


def _expiring(ahead: PointsExpiring) -> Said:
    facts: Facts = {
        "wallet": ahead.wallet,
        "points": ahead.points,
        "balance": ahead.balance,
        "ends_at": ahead.expires_at.isoformat(),
    }
    key = "points_expiring" if ahead.wallet == "points" else ""
    return Said(member_id=ahead.member_id, key=key, facts=facts)


def _redemption(moved: PointsRedeemed | PointsGivenBack) -> Facts:
    return {"order_source": REDEMPTION, "order_id": moved.redemption_id}


def _thing(thing: Thing, facts: Facts) -> Facts:
    return {**facts, "thing": thing.kind, "thing_key": thing.key, "state": thing.state}


def _coupon(key: str, state: str, rank: int) -> Callable[[Any], Said]:
    def said(coupon: Coupon) -> Said:
        thing = Thing(kind="coupon", key=str(coupon.coupon_id), state=state, at=coupon.occurred_at, rank=rank)
        facts: Facts = {
            "coupon": coupon.name or coupon.template,
            "ends_at": _iso(coupon.expires_at),
            "occurred_at": coupon.occurred_at.isoformat(),
        }
        return Said(member_id=coupon.member_id, key=key, facts=_thing(thing, facts), thing=thing)

    return said


def _reward(order: RewardOrder) -> Said:
    state = order.state if isinstance(order, RewardOrderChanged) else "ordered"
    key = REWARD_KEYS.get(state, "") if isinstance(order, RewardOrderChanged) else "reward_ordered"
    rank = 1 if isinstance(order, RewardOrderChanged) else 0
    thing = Thing(kind="reward_order", key=str(order.reward_order_id), state=state, at=order.occurred_at, rank=rank)
    facts: Facts = {
        "reward": order.name or order.reward,
        "quantity": order.quantity,
        "points": order.points,
        "money": order.money,
        "currency": order.currency,
        "carrier": getattr(order, "carrier", ""),
        "tracking": getattr(order, "tracking", ""),
        "occurred_at": order.occurred_at.isoformat(),
    }
    return Said(member_id=order.member_id, key=key, facts=_thing(thing, facts), thing=thing)


def _incentive(one: Incentive) -> Facts:
    facts: Facts = {"title": one.name or one.key, "occurred_at": one.occurred_at.isoformat()}
    return facts | {name: getattr(one, name) for name in ("points", "days", "times", "level") if hasattr(one, name)}


def _done(key: str) -> Callable[[Any], Said]:
    return lambda one: Said(member_id=one.member_id, key=key, facts=_incentive(one))


def _badge(key: str, state: str, rank: int) -> Callable[[Any], Said]:
    def said(badge: BadgeAwarded | BadgeRevoked) -> Said:
        whose, numbered = f"{badge.member_id}/{badge.key}/{badge.level}", badge.change > 0
        at, place = (NUMBERED, badge.change) if numbered else (badge.occurred_at, rank)
        thing = Thing(kind="badge", key=whose, state=state, at=at, rank=place)
        return Said(member_id=badge.member_id, key=key, facts=_thing(thing, _incentive(badge)), thing=thing)

    return said


def _task(key: str, state: str, rank: int) -> Callable[[Any], Said]:
    def said(task: TaskCompleted | TaskRevoked) -> Said:
        if not task.completion:
            return Said(member_id=task.member_id, key=key, facts=_incentive(task))
        which = f"{task.member_id}/{task.key}/{task.completion}"
        thing = Thing(kind="task", key=which, state=state, at=task.occurred_at, rank=rank)
        return Said(member_id=task.member_id, key=key, facts=_thing(thing, _incentive(task)), thing=thing)

    return said


def _played(state: str, rank: int) -> Callable[[Any], Said]:
    def said(draw: DrawPlayed | DrawUndone) -> Said:
        thing = Thing(kind="draw_play", key=str(draw.play_id), state=state, at=draw.occurred_at, rank=rank)
        key = "draw_won" if draw.prize and state == "played" else ""
        facts = _incentive(draw) | {"prize": draw.prize}
        return Said(member_id=draw.member_id, key=key, facts=_thing(thing, facts), thing=thing)

    return said


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


OCCASIONS: Mapping[type[Contract], Callable[[Any], Said]] = {
    PointsEarned: earned,
    PointsPending: _pending,
    PointsReleased: _released,
    PointsRedeemed: _movement("points_redeemed", lambda one: {**_redemption(one), "reference": one.reference}),
    PointsGivenBack: _movement(
        "points_given_back", lambda one: {"renewed": one.renewed, "grace": _iso(one.grace_until)}
    ),
    PointsExpiring: _expiring,
    PointsExpired: _movement("points_expired"),
    PointsAdjusted: _adjusted,
    PointsTransferred: _transferred,
    RewardOrdered: _reward,
    RewardOrderChanged: _reward,
    CouponIssued: _coupon("coupon_issued", "usable", 0),
    CouponUsed: _coupon("", "used", 1),
    CouponReturned: _coupon("coupon_returned", "usable", 2),
    CouponRevoked: _coupon("", "revoked", 3),
    CouponExpiring: _coupon("coupon_expiring", "usable", -1),
    StreakReached: _done("streak_reached"),
    TaskCompleted: _task("task_completed", "completed", 0),
    TaskRevoked: _task("", "revoked", 1),
    BadgeAwarded: _badge("badge_awarded", "awarded", 0),
    BadgeRevoked: _badge("badge_revoked", "revoked", 1),
    DrawPlayed: _played("played", 0),
    DrawUndone: _played("undone", 1),
}
"""Contract → what it says."""
