"""Every rule with what it gave, or why it gave nothing: by the same choosing and summing as `evaluate`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from points.evaluation.book import Book
from points.evaluation.choosing import CLOSED, OUTRANKED, counting
from points.evaluation.domain import Settled, settled
from points.evaluation.earned import Evaluation
from points.evaluation.entry import COUPON, MULTIPLIER, RATE, Entry
from points.evaluation.matching import Situation
from points.evaluation.occasion import PURCHASE, Occasion, Person, Terms
from points.evaluation.reasons import Reason, why_not
from points.evaluation.rule import Room, Rule, Usage
from points.evaluation.summing import Sum


class Outcome(NamedTuple):
    """What one rule version did for an occasion. `points` of the wallet are its share; a coupon has none."""

    rule: Rule
    paid: bool
    reason: Reason
    points: int


class Explanation(NamedTuple):
    evaluation: Evaluation
    outcomes: tuple[Outcome, ...]


def explain(
    book: Book,
    occasion: Occasion,
    person: Person,
    terms: Terms,
    usage: Usage | None = None,
    *,
    recorded_at: datetime,
) -> Explanation:
    """All rules of the book: those that count in the order they were looked at, then those of other times and
    occasions. The evaluation is what `evaluate` gives.
    """
    valid = book.valid_at(occasion.occurred_at, recorded_at)
    plan = valid.plan(occasion)
    situation = Situation(occasion, person, terms.zone)
    rooms: dict[str, Room] = {}
    left_out: dict[str, Reason] = {}

    def note(entry: Entry, code: str, by: Entry | None) -> None:
        left_out[entry.rule.key] = _left_out(entry, code, by, situation, rooms)

    chosen = counting(plan, situation, usage, rooms, note)
    result = settled(plan, chosen, situation, terms, rooms, keep_sums=True)
    points = _points(result, terms)
    outcomes = [
        Outcome(entry.rule, False, left_out[entry.rule.key], 0)
        if entry.rule.key in left_out
        else _outcome(entry, result, points, rooms)
        for entry in plan.entries
    ]
    seen = {entry.rule.key for entry in plan.entries}
    others = [rule for rule in valid.rules if rule.key not in seen]
    outcomes += [Outcome(rule, False, _other_occasion(rule), 0) for rule in others]
    seen.update(rule.key for rule in others)
    outcomes += [
        Outcome(rule, False, _not_valid(book, rule, occasion.occurred_at, recorded_at), 0)
        for rule in _newest(book).values()
        if rule.key not in seen
    ]
    return Explanation(result.evaluation, tuple(outcomes))


def _newest(book: Book) -> dict[str, Rule]:
    return {rule.key: rule for rule in book.rules}


def _other_occasion(rule: Rule) -> Reason:
    return (
        Reason("for_purchases", {}) if rule.occasion == PURCHASE else Reason("for_activity", {"wanted": rule.activity})
    )


def _not_valid(book: Book, rule: Rule, occurred_at: datetime, recorded_at: datetime) -> Reason:
    end = book.retirement_of(rule, occurred_at, recorded_at)
    if end is not None:
        return Reason("retired", {"since": end.retired_from.isoformat()})
    if rule.published_at > recorded_at:
        return Reason("published_later", {"at": rule.published_at.isoformat()})
    return Reason("not_yet_effective", {"at": rule.effective_from.isoformat()})


def _left_out(entry: Entry, code: str, by: Entry | None, situation: Situation, rooms: Mapping[str, Room]) -> Reason:
    rule = entry.rule
    if code == OUTRANKED and by is not None:
        return Reason("ended_by", {"by": by.rule.key, "priority": by.rule.priority})
    if code == CLOSED:
        return _shut_out(rooms[rule.key])
    assert rule.condition is not None
    return why_not(rule.condition, situation) or Reason("other", {})


def _shut_out(room: Room) -> Reason:
    """By the limit, or by one of several when it is not known which."""
    if not room.instead:
        return Reason("limit_reached", _limit_facts(room))
    limits = [(room.closed or room.tightest, room.resets_at), *room.instead]
    each = [Reason("perhaps_limit", _limit_facts(Room(0, limit, limit, resets))) for limit, resets in limits]
    return Reason("one_limit_reached", {"limits": [limit.name for limit, _ in limits if limit]}, tuple(each))


def _limit_facts(room: Room) -> dict[str, Any]:
    limit = room.closed or room.tightest
    if limit is None:
        return {}
    resets = room.resets_at.isoformat() if room.resets_at else ""
    facts = {"scope": limit.scope, "period": limit.period, "unit": limit.unit}
    return {**facts, "limit_amount": limit.amount, "resets_on": resets}


def _points(result: Settled, terms: Terms) -> dict[str, tuple[Sum, int, int]]:
    """By rule: its wallet's sum, its place there, its whole points."""
    return {
        entry.rule.key: (found, place, points)
        for found in result.sums.values()
        for place, (entry, points) in enumerate(zip(found.formula.entries, found.points(terms.rounding), strict=True))
    }


def _outcome(
    entry: Entry, result: Settled, points: Mapping[str, tuple[Sum, int, int]], rooms: Mapping[str, Room]
) -> Outcome:
    rule = entry.rule
    if entry.kind == COUPON:
        assert entry.template
        return Outcome(rule, True, Reason("coupon", {"template": entry.template}), 0)
    if rule.key in result.beaten:
        by = result.beaten[rule.key].rule
        return Outcome(rule, False, Reason("beaten", {"by": by.key, "group": rule.group}), 0)
    found, place, given = points[rule.key]
    cut = found.cuts[place] if found.cuts else 0
    facts: dict[str, Any] = {"points": given}
    if entry.kind == RATE:
        code = "rate"
        facts |= {"basis": found.bases[place], "rate": entry.points, "per_amount": entry.per}
    elif entry.kind == MULTIPLIER:
        code = "multiplier" if given >= 0 else "multiplier_below_one"
        facts |= {"factor": found.formula.factors[place], "less": max(0, -given)}
    else:
        code = "fixed"
    if cut:
        return Outcome(
            rule, given > 0, Reason(f"{code}_cut", {**facts, "cut": cut, **_limit_facts(rooms[rule.key])}), given
        )
    if not found.numerators[place]:
        return Outcome(rule, False, Reason(f"{code}_of_nothing", facts), 0)
    return Outcome(rule, True, Reason(code, facts), given)
