"""What each event says happened: one row per contract."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from analytics.happenings.domain import Happening
from common.events import Event
from common.events.coupons import (
    CouponExpired,
    CouponExpiring,
    CouponIssued,
    CouponReturned,
    CouponRevoked,
    CouponUsed,
)
from common.events.incentives import (
    BadgeAwarded,
    BadgeRevoked,
    DrawPlayed,
    DrawUndone,
    StreakReached,
    TaskCompleted,
    TaskRevoked,
)
from common.events.points import PointsExpiring
from common.events.returns import ReturnReferred, ReturnRefused
from common.events.rewards import RewardOrderChanged, RewardOrdered
from common.events.rules import BudgetExhausted, RulePublished, RuleRetired

Row = tuple[str, str, Callable[[Any], Mapping[str, Any]]]


def _coupon(kind: str) -> Row:
    return ("coupon", kind, lambda one: {"subject": one.template, "money": getattr(one, "discount", 0)})


def _reward(one: Any) -> Mapping[str, Any]:
    return {"subject": one.reward, "quantity": one.quantity, "points": one.points, "money": one.money}


def _incentive(about: str, kind: str) -> Row:
    return (about, kind, lambda one: {"subject": one.key, "points": getattr(one, "points", 0)})


def _draw(one: Any) -> Mapping[str, Any]:
    return {"subject": one.key, "points": one.points, "quantity": one.cost}


def _return(one: Any) -> Mapping[str, Any]:
    return {"subject": one.reason, "money": one.amount}


def _rule(kind: str, when: str) -> Row:
    return ("rule", kind, lambda one: {"subject": one.rule, "quantity": one.version, "occurred_at": getattr(one, when)})


ROWS: Mapping[type[Any], Row] = {
    CouponIssued: _coupon("issued"),
    CouponUsed: _coupon("used"),
    CouponReturned: _coupon("returned"),
    CouponRevoked: _coupon("revoked"),
    CouponExpiring: _coupon("expiring"),
    CouponExpired: _coupon("expired"),
    RewardOrdered: ("reward", "ordered", _reward),
    RewardOrderChanged: ("reward", "", _reward),
    StreakReached: _incentive("streak", "reached"),
    TaskCompleted: _incentive("task", "completed"),
    TaskRevoked: _incentive("task", "revoked"),
    BadgeAwarded: _incentive("badge", "awarded"),
    BadgeRevoked: _incentive("badge", "revoked"),
    DrawPlayed: ("draw", "", _draw),
    DrawUndone: ("draw", "undone", _draw),
    PointsExpiring: (
        "points",
        "expiring",
        lambda one: {"subject": one.wallet, "points": one.points, "occurred_at": one.expires_at},
    ),
    ReturnReferred: ("return", "referred", _return),
    ReturnRefused: ("return", "refused", _return),
    RulePublished: _rule("published", "effective_from"),
    RuleRetired: _rule("retired", "retired_from"),
    BudgetExhausted: _rule("budget_exhausted", "occurred_at"),
}
"""Contract → (about, kind, what it says). Without a kind the event itself has the word."""


def happening(event: Event[Any], day: date) -> Happening:
    """`day`: the local day of `moment(event)`."""
    data = event.data
    about, kind, said = ROWS[type(data)]
    fields = {name: value for name, value in said(data).items() if name != "occurred_at"}
    return Happening(
        source=event.source,
        event_id=event.id,
        about=about,
        kind=kind or _word(data),
        name=getattr(data, "name", ""),
        member_id=getattr(data, "member_id", None),
        occurred_at=moment(event),
        day=day,
        **fields,
    )


def moment(event: Event[Any]) -> Any:
    """The instant an event is about."""
    said = ROWS[type(event.data)][2](event.data)
    return said.get("occurred_at") or event.data.occurred_at


def _word(data: Any) -> str:
    if isinstance(data, DrawPlayed):
        return "won" if data.prize else "lost"
    if isinstance(data, RewardOrderChanged) and data.state == data.previous_state:
        return "corrected"
    return str(data.state)
