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
    }.items()
}
"""Occasion → placeholder name → placeholder."""


def sample_facts(key: str) -> dict[str, object]:
    """Facts to preview a template with."""
    facts: dict[str, object] = {
        placeholder.fact: placeholder.sample for placeholder in OCCASIONS[key].values() if not placeholder.personal
    }
    return facts | {"currency": "CNY"}
