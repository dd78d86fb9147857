"""What is wrong with a rule, and what may be: contradictions in itself, and overlaps with others. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from math import inf

from points.evaluation.conditions import (
    CHANNEL,
    SHOP,
    ActivityField,
    All,
    Amount,
    Condition,
    DateRange,
    FirstPurchase,
    Lines,
    MemberDay,
    Not,
    OneOf,
    TimeWindow,
    Weekday,
    parts,
)
from points.evaluation.occasion import ACTIVITY, PURCHASE, Expiry
from points.evaluation.rule import EVER, ORDER, POINTS, USES, Coupon, Fixed, Multiplier, Rate, Rule

PURCHASE_RATE = "purchase_rate"
"""The rule every programme starts with: one point per 1.00."""


class RuleUnknownError(Exception):
    """There is no rule, or no such version, of this key."""

    def __init__(self, rule: str, version: int | None = None) -> None:
        super().__init__(f"There is no rule {rule!r}" + ("." if version is None else f" with version {version}."))
        self.rule = rule
        self.version = version


class DraftUnknownError(Exception):
    """The rule has no draft."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"Rule {rule!r} has no draft.")
        self.rule = rule


class RuleStateError(Exception):
    """The rule is not in a state in which this can be done."""

    def __init__(self, rule: str, state: str, need: str) -> None:
        super().__init__(f"Rule {rule!r} is {state}; {need}.")
        self.rule = rule
        self.state = state


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about one field of a definition, in a sentence."""

    field: str
    reason: str


def contradictions(rule: Rule) -> list[Finding]:
    """What can never work."""
    return [Finding(field=field, reason=reason) for field, reason in (*_of_effect(rule), *_of_limits(rule), *_of(rule))]


def _of_effect(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.occasion == ACTIVITY and isinstance(rule.effect, Rate | Multiplier):
        yield "effect", "an activity has no amount: give fixed points or a coupon"
    if isinstance(rule.effect, Coupon):
        if rule.group:
            yield "stacking.group", "a coupon cannot be compared with points: no group knows whether it is the best"
        if rule.waiting or rule.expiry:
            yield "waiting" if rule.waiting else "expiry", "a coupon has terms of its own, in its template"
        for number, limit in enumerate(rule.limits):
            if limit.unit == POINTS:
                yield f"limits.{number}.unit", "a coupon is no points: limit its uses"
    if rule.exclusive and rule.group:
        yield "stacking.group", "an exclusive rule ends it for all others: it cannot be one of a group too"
    if rule.stop and rule.group:
        yield "stacking.group", "a rule of a group may lose to another: it cannot stop the rules below it"


def _of_limits(rule: Rule) -> Iterator[tuple[str, str]]:
    names = [limit.name for limit in rule.limits]
    for number, limit in enumerate(rule.limits):
        if limit.scope == ORDER and limit.period != EVER:
            yield f"limits.{number}.period", "an order has no periods: leave it `ever`"
        if limit.scope == ORDER and limit.unit == USES:
            yield f"limits.{number}.unit", "a rule is used once by an order: limit its points"
        if limit.name in names[:number]:
            yield f"limits.{number}", f"limits the same as limits.{names.index(limit.name)}"


def _of(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.condition is None:
        return
    for part in parts(rule.condition):
        word = _never(part, rule.occasion)
        if word:
            yield "when", f"{word} says nothing about {'an activity' if rule.occasion == ACTIVITY else 'a purchase'}"
        if isinstance(part, All):
            for one, other in combinations(part.of, 2):
                if disjoint(one, other):
                    yield "when", f"never true: {_word(one)} and {_word(other)} exclude each other"


def _never(part: Condition, occasion: str) -> str:
    if occasion == PURCHASE:
        return "a field of an activity" if isinstance(part, ActivityField) else ""
    if isinstance(part, Amount | Lines | FirstPurchase) or (isinstance(part, OneOf) and part.what in (CHANNEL, SHOP)):
        return _word(part)
    return ""


def _word(part: Condition) -> str:
    match part:
        case OneOf(what=what, values=values):
            return f"{what} in {', '.join(sorted(values)[:3])}"
        case Amount(at_least=at_least, below=below):
            return f"amount from {at_least}" + ("" if below is None else f" below {below}")
        case Weekday(days=days):
            return f"weekday {', '.join(map(str, sorted(days)))}"
        case DateRange(first=first, last=last):
            return f"days {first or '…'} to {last or '…'}"
        case _:
            return type(part).__name__.lower()


def cautions(rule: Rule, now: datetime, tiers: Iterable[str]) -> list[Finding]:
    """What works, but is perhaps not meant."""
    found = [Finding(field=field, reason=reason) for field, reason in _cautions(rule, now, frozenset(tiers))]
    return found


def _cautions(rule: Rule, now: datetime, tiers: frozenset[str]) -> Iterator[tuple[str, str]]:
    effect = rule.effect
    if isinstance(effect, Multiplier) and effect.factor.text in ("1", "1.0") and not effect.by_tier:
        yield "effect.factor", "multiplies by 1: it changes nothing"
    if isinstance(effect, Rate) and not effect.points:
        yield "effect.points", "gives nothing"
    if rule.exclusive and rule.stop:
        yield "stacking.stop", "exclusive says it already"
    if isinstance(effect, Multiplier):
        for tier in sorted(set(effect.by_tier) - tiers):
            yield f"effect.by_tier.{tier}", "the programme has no such tier"
    for number, limit in enumerate(rule.limits):
        if isinstance(effect, Fixed) and limit.unit == POINTS and limit.amount < effect.points:
            yield f"limits.{number}.amount", f"is less than the {effect.points} points given at once"
    if rule.expiry and _is_over(rule.expiry, now):
        yield "expiry.at", "is over: the points would be gone at once"
    if rule.expiry and rule.waiting and rule.waiting.days >= _longest_life(rule.expiry):
        yield "expiry.count", f"ends before the {rule.waiting.days} days of waiting: nobody could spend the points"
    for part in parts(rule.condition) if rule.condition else ():
        match part:
            case OneOf(what="tier", values=values) if unknown := sorted(values - tiers):
                yield "when", f"the programme has no tier {', '.join(unknown)}"
            case DateRange(last=date() as last) if last < now.date():
                yield "when", f"the days to {last} are over"
            case MemberDay(days=days) if max(days, default=0) > 28:
                yield "when", f"not every month has a day {max(days)}; `last_day` is the last of each"


def _longest_life(expiry: Expiry) -> float:
    """Days; endless where it ends with the calendar."""
    return expiry.count * {"days": 1, "months": 31}.get(expiry.kind, inf) if expiry.count else inf


def _is_over(expiry: Expiry, now: datetime) -> bool:
    return expiry.at is not None and expiry.at <= now


def overlaps(rule: Rule, others: Iterable[Rule]) -> list[Finding]:
    """Other published rules that may pay the same occasion in the same way."""
    found: list[Finding] = []
    for other in others:
        same = (other.wallet, other.occasion, other.activity) == (rule.wallet, rule.occasion, rule.activity)
        if other.key == rule.key or not same or type(other.effect) is not type(rule.effect):
            continue
        if rule.exclusive or other.exclusive or (rule.group and rule.group == other.group):
            continue
        if rule.condition and other.condition and disjoint(rule.condition, other.condition):
            continue
        what = "multiplies the same purchases" if isinstance(rule.effect, Multiplier) else "pays for the same"
        found.append(Finding(field="stacking", reason=f"{other.key} version {other.version} {what} too: both count"))
    return found


def disjoint(one: Condition, other: Condition) -> bool:
    """Whether nothing can ever meet both; False when it is not plain to see."""
    return any(_exclude(left, right) for left in _needed(one) for right in _needed(other))


def _needed(condition: Condition) -> list[Condition]:
    if isinstance(condition, All):
        return [part for one in condition.of for part in _needed(one)]
    return [condition]


def _exclude(one: Condition, other: Condition) -> bool:
    match one, other:
        case Not(of=inner), _ if inner == other:
            return True
        case _, Not(of=inner) if inner == one:
            return True
        case OneOf(what=what, values=values), OneOf(what=other_what, values=others):
            return what == other_what and values.isdisjoint(others)
        case Weekday(days=days), Weekday(days=others):
            return days.isdisjoint(others)
        case Amount(of=of), Amount(of=other_of) if of == other_of:
            return _apart(one.at_least, one.below, other.at_least, other.below)
        case DateRange(), DateRange():
            return max(one.first or date.min, other.first or date.min) > min(
                one.last or date.max, other.last or date.max
            )
        case TimeWindow(), TimeWindow() if one.start < one.end and other.start < other.end:
            return max(one.start, other.start) >= min(one.end, other.end)
        case _:
            return False


def _apart(at_least: int, below: int | None, other_at_least: int, other_below: int | None) -> bool:
    return (below is not None and below <= other_at_least) or (other_below is not None and other_below <= at_least)
