"""What is wrong with a rule, and what may be: contradictions in itself, and overlaps with others. Pure."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import combinations
from math import inf

from points.evaluation.conditions import (
    CHANNEL,
    SHOP,
    ActivityField,
    All,
    Amount,
    BirthdayNear,
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
from points.evaluation.rule import (
    BIRTHDAY,
    BUDGET,
    EVER,
    MEMBER,
    ORDER,
    POINTS,
    USES,
    Coupon,
    Fixed,
    Multiplier,
    Rate,
    Rule,
)
from points.rules.findings import OCCASIONS, PERIODS, WORDS, Finding, Phrase

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


def contradictions(rule: Rule) -> list[Finding]:
    """What can never work."""
    return [*_of_effect(rule), *_of_limits(rule), *_of(rule)]


def _of_effect(rule: Rule) -> Iterator[Finding]:
    if rule.occasion == ACTIVITY and isinstance(rule.effect, Rate | Multiplier):
        yield Finding(field="effect", code="activity_has_no_amount")
    if isinstance(rule.effect, Coupon):
        if rule.group:
            yield Finding(field="stacking.group", code="coupon_in_group")
        if rule.waiting or rule.expiry:
            yield Finding(field="waiting" if rule.waiting else "expiry", code="coupon_terms")
        for number, limit in enumerate(rule.limits):
            if limit.unit == POINTS:
                yield Finding(field=f"limits.{number}.unit", code="coupon_points")
    if rule.exclusive and rule.group:
        yield Finding(field="stacking.group", code="exclusive_in_group")
    if rule.stop and rule.group:
        yield Finding(field="stacking.group", code="stop_in_group")


def _of_limits(rule: Rule) -> Iterator[Finding]:
    names = [limit.name for limit in rule.limits]
    for number, limit in enumerate(rule.limits):
        if limit.scope == ORDER and limit.period != EVER:
            yield Finding(field=f"limits.{number}.period", code="order_period")
        if limit.scope == ORDER and limit.unit == USES:
            yield Finding(field=f"limits.{number}.unit", code="order_uses")
        if limit.period == BIRTHDAY and limit.scope == BUDGET:
            yield Finding(field=f"limits.{number}.period", code="birthday_of_members")
        if limit.period == BIRTHDAY and not _asks_for_birthday(rule):
            yield Finding(field=f"limits.{number}.period", code="birthday_not_asked")
        if limit.name in names[:number]:
            other = f"limits.{names.index(limit.name)}"
            yield Finding(field=f"limits.{number}", code="limit_twice", facts={"other": other})


def _asks_for_birthday(rule: Rule) -> bool:
    needed = _needed(rule.condition) if rule.condition else []
    return any(isinstance(one, BirthdayNear) for one in needed)


def _of(rule: Rule) -> Iterator[Finding]:
    if rule.condition is None:
        return
    for part in parts(rule.condition):
        if _is_foreign(part, rule.occasion):
            facts = {"condition": _word(part), "occasion": OCCASIONS[rule.occasion]}
            yield Finding(field="when", code="says_nothing", facts=facts)
        if isinstance(part, All):
            for one, other in combinations(part.of, 2):
                if disjoint(one, other):
                    yield Finding(field="when", code="never_true", facts={"one": _word(one), "other": _word(other)})


def _is_foreign(part: Condition, occasion: str) -> bool:
    """Whether nothing of this occasion can meet the condition."""
    if occasion == PURCHASE:
        return isinstance(part, ActivityField)
    return isinstance(part, Amount | Lines | FirstPurchase) or (
        isinstance(part, OneOf) and part.what in (CHANNEL, SHOP)
    )


def _word(part: Condition) -> Phrase:
    match part:
        case OneOf(what=what, values=values):
            zh, en = WORDS.get(what, (what, what))
            some = sorted(values)[:3]
            return f"{zh}属于 {'、'.join(some)} ", f"{en} in {', '.join(some)}"
        case Amount(at_least=at_least, below=below):
            zh = f"金额从 {at_least} 起" + ("" if below is None else f"、不到 {below} ")
            return zh, f"amount from {at_least}" + ("" if below is None else f" below {below}")
        case Weekday(days=days):
            numbers = sorted(days)
            return f"星期 {'、'.join(map(str, numbers))} ", f"weekday {', '.join(map(str, numbers))}"
        case DateRange(first=first, last=last):
            return f"日期 {first or '…'} 至 {last or '…'} ", f"days {first or '…'} to {last or '…'}"
        case _:
            name = type(part).__name__.lower()
            return WORDS.get(name, (name, name))


def cautions(rule: Rule, now: datetime, tiers: Iterable[str]) -> list[Finding]:
    """What works, but is perhaps not meant."""
    known = frozenset(tiers)
    return [*_of_doubtful_effect(rule, known), *_of_doubtful_limits(rule), *_of_doubtful_times(rule, now, known)]


def _of_doubtful_effect(rule: Rule, tiers: frozenset[str]) -> Iterator[Finding]:
    effect = rule.effect
    if isinstance(effect, Multiplier) and effect.factor.text in ("1", "1.0") and not effect.by_tier:
        yield Finding(field="effect.factor", code="multiplies_by_one")
    if isinstance(effect, Rate) and not effect.points:
        yield Finding(field="effect.points", code="gives_nothing")
    if rule.exclusive and rule.stop:
        yield Finding(field="stacking.stop", code="exclusive_says_it")
    if isinstance(effect, Multiplier):
        for tier in sorted(set(effect.by_tier) - tiers):
            yield Finding(field=f"effect.by_tier.{tier}", code="no_such_tier")


def _of_doubtful_limits(rule: Rule) -> Iterator[Finding]:
    effect = rule.effect
    around = any(
        isinstance(part, BirthdayNear) and (part.before or part.after)
        for part in (parts(rule.condition) if rule.condition else ())
    )
    for number, limit in enumerate(rule.limits):
        if isinstance(effect, Fixed) and limit.unit == POINTS and limit.amount < effect.points:
            yield Finding(field=f"limits.{number}.amount", code="less_than_given", facts={"points": effect.points})
        if around and limit.scope == MEMBER and limit.period in PERIODS:
            facts = {"period": PERIODS[limit.period]}
            yield Finding(field=f"limits.{number}.period", code="birthday_in_two_periods", facts=facts)


def _of_doubtful_times(rule: Rule, now: datetime, tiers: frozenset[str]) -> Iterator[Finding]:
    if rule.expiry and _is_over(rule.expiry, now):
        yield Finding(field="expiry.at", code="expiry_over")
    if rule.expiry and rule.waiting and rule.waiting.days >= _longest_life(rule.expiry):
        yield Finding(field="expiry.count", code="expires_waiting", facts={"days": rule.waiting.days})
    for part in parts(rule.condition) if rule.condition else ():
        match part:
            case OneOf(what="tier", values=values) if unknown := sorted(values - tiers):
                yield Finding(field="when", code="no_tiers", facts={"tiers": ("、".join(unknown), ", ".join(unknown))})
            case DateRange(last=date() as last) if last < now.date():
                yield Finding(field="when", code="days_over", facts={"last": str(last)})
            case MemberDay(days=days) if max(days, default=0) > 28:
                yield Finding(field="when", code="not_every_month", facts={"day": max(days)})


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
        code = "multiplied_twice" if isinstance(rule.effect, Multiplier) else "paid_twice"
        found.append(Finding(field="stacking", code=code, facts={"rule": other.key, "version": other.version}))
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
