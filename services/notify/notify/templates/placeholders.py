"""What a template may speak of, per occasion; pure. A name that is not here cannot be published."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "money", "date", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """`fact` names the entry in the facts of a notice; `personal` is known only while an e-mail is being made."""

    name: str
    kind: Kind
    fact: str
    sample: object
    about: str
    personal: bool = False


def _number(name: str, sample: int, about: str, fact: str = "") -> Placeholder:
    return Placeholder(name=name, kind="number", fact=fact or name, sample=sample, about=about)


def _text(name: str, sample: str, about: str, *, personal: bool = False) -> Placeholder:
    return Placeholder(name=name, kind="text", fact=name, sample=sample, about=about, personal=personal)


def _date(name: str, sample: str, about: str, fact: str) -> Placeholder:
    return Placeholder(name=name, kind="date", fact=fact, sample=sample, about=about)


def _money(name: str, sample: int, about: str, fact: str) -> Placeholder:
    return Placeholder(name=name, kind="money", fact=fact, sample=sample, about=about)


_ALWAYS = (
    _text("programme", "Members", "name of the programme"),
    _text("name", "Li Wei 李伟", "the member's name, e-mail only", personal=True),
)
_TIER = (
    _text("tier", "银牌", "name of the tier now"),
    _text("previous_tier", "普通", "name of the tier before"),
    _date("date", "2026-03-01T04:00:00+00:00", "day of the change", "occurred_at"),
    _money("qualifying", 150_000, "spend that counts towards the tier", "qualifying_amount"),
    *_ALWAYS,
)
_MOVEMENT = (
    _number("points", 120, "points of this movement"),
    _number("balance", 480, "spendable balance after it"),
    _number("debt", 0, "points owed after it"),
    _text("order_id", "A-1001", "the shop's order number"),
    _date("date", "2026-03-01T04:00:00+00:00", "day of the purchase or return", "occurred_at"),
)

_WALLET = (
    _number("points", 120, "points of this movement"),
    _number("balance", 480, "spendable balance now"),
    _number("debt", 0, "points owed now"),
    _date("date", "2026-03-01T04:00:00+00:00", "day of the movement", "occurred_at"),
    *_ALWAYS,
)
_EXPIRES = _date("expires", "2027-03-01T04:00:00+00:00", "day the points end, empty when never", "expires_at")
_ENDS = _date("ends", "2026-04-01T04:00:00+00:00", "day it ends, empty when never", "ends_at")
_COUPON = (
    _text("coupon", "满百减十", "name of the coupon"),
    _ENDS,
    _date("date", "2026-03-01T04:00:00+00:00", "day it was given", "occurred_at"),
    *_ALWAYS,
)
_REWARD = (
    _text("reward", "白瓷茶杯", "name of the reward"),
    _number("quantity", 1, "how many"),
    _number("points", 500, "points it cost"),
    _money("money", 0, "money it cost beside the points", "money"),
    _text("carrier", "顺丰", "who brings it"),
    _text("tracking", "SF1234567890", "tracking number"),
    _date("date", "2026-03-01T04:00:00+00:00", "day of the order or change", "occurred_at"),
    *_ALWAYS,
)
_INCENTIVE = (
    _text("title", "连续签到", "name of what was reached"),
    _number("points", 20, "points it brought"),
    _date("date", "2026-03-01T04:00:00+00:00", "day it was reached", "occurred_at"),
    *_ALWAYS,
)

OCCASIONS: dict[str, dict[str, Placeholder]] = {
    key: {placeholder.name: placeholder for placeholder in placeholders}
    for key, placeholders in {
        "points_earned": (
            *_MOVEMENT,
            _money("amount", 12_000, "what the points were earned on", "amount"),
            _text("tier", "普通", "name of the tier they were earned in"),
            _date("expires", "2027-03-01T04:00:00+00:00", "day the points end, empty when never", "expires_at"),
            *_ALWAYS,
        ),
        "points_clawed_back": (
            *_MOVEMENT,
            _number("shortfall", 0, "part that was no longer there"),
            _text("return_id", "R-2002", "the shop's return number"),
            *_ALWAYS,
        ),
        "tier_up": _TIER,
        "tier_down": _TIER,
        "points_awarded": (*_WALLET, _EXPIRES),
        "points_pending": (
            *_WALLET,
            _date(
                "available",
                "2026-03-15T04:00:00+00:00",
                "day they can be spent, empty when none is set",
                "available_at",
            ),
        ),
        "points_released": _WALLET,
        "points_redeemed": (*_WALLET, _text("reference", "A-1002", "what they were spent on")),
        "points_given_back": (
            *_WALLET,
            _number("renewed", 0, "part that had expired and lives again for a while"),
            _date("grace", "2026-03-08T04:00:00+00:00", "day that part ends", "grace"),
        ),
        "points_expiring": (
            _number("points", 80, "points that end, as far as they are still there"),
            _number("balance", 480, "spendable balance now"),
            _ENDS,
            *_ALWAYS,
        ),
        "points_expired": _WALLET,
        "points_added": (*_WALLET, _text("note", "三月活动漏记", "what was written to it")),
        "points_removed": (*_WALLET, _text("note", "重复入账", "what was written to it")),
        "points_received": _WALLET,
        "points_sent": _WALLET,
        "reward_ordered": _REWARD,
        "reward_shipped": _REWARD,
        "reward_delivered": _REWARD,
        "reward_cancelled": _REWARD,
        "coupon_issued": _COUPON,
        "coupon_returned": _COUPON,
        "coupon_expiring": _COUPON,
        "streak_reached": (*_INCENTIVE, _number("days", 7, "days in a row")),
        "task_completed": (*_INCENTIVE, _number("times", 1, "how often by now")),
        "badge_awarded": (*_INCENTIVE, _number("level", 1, "level of the badge")),
        "badge_revoked": (*_INCENTIVE, _number("level", 1, "level of the badge")),
        "draw_won": (*_INCENTIVE, _text("prize", "一等奖", "what was won")),
    }.items()
}
"""Occasion → placeholder name → placeholder."""


def sample_facts(key: str) -> dict[str, object]:
    """Facts to preview a template with."""
    facts: dict[str, object] = {
        placeholder.fact: placeholder.sample for placeholder in OCCASIONS[key].values() if not placeholder.personal
    }
    return facts | {"currency": "CNY"}
