"""Why a condition is not met: a code and the figures, for `texts` to put into words."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from points.evaluation import conditions as c
from points.evaluation.calendar import days_from_birthday
from points.evaluation.matching import Situation, compiled, days_registered


class Reason(NamedTuple):
    """`facts` are texts, numbers, lists of them; amounts of money in minor units under names that `texts` knows."""

    code: str
    facts: Mapping[str, Any]
    inner: tuple["Reason", ...] = ()


def why_not(condition: c.Condition, situation: Situation) -> Reason | None:
    """The first thing that is missing; None when the condition is met."""
    if compiled(condition)(situation):
        return None
    match condition:
        case c.All(of=of):
            return next(reason for one in of if (reason := why_not(one, situation)) is not None)
        case c.Any(of=of):
            found = tuple(reason for one in of if (reason := why_not(one, situation)) is not None)
            return found[0] if len(found) == 1 else Reason("none_of", {}, found)
        case c.Not(of=inner):
            return Reason("excluded", {"what": _what(inner)})
        case _:
            return _of_person(condition, situation) or _of_occasion(condition, situation)


def _what(condition: c.Condition) -> str:
    return condition.what if isinstance(condition, c.OneOf) else _WORDS.get(type(condition), "other")


_WORDS: Mapping[type, str] = {
    c.All: "all",
    c.Any: "any",
    c.Not: "not",
    c.Amount: "amount",
    c.Lines: "products",
    c.Segment: "segment",
    c.Weekday: "weekday",
    c.MemberDay: "member_day",
    c.LunarDay: "lunar_day",
    c.TimeWindow: "time_window",
    c.DateRange: "date_range",
    c.FirstPurchase: "first_purchase",
    c.BirthdayNear: "birthday",
    c.Registered: "registered",
    c.ActivityField: "field",
}


def _of_person(condition: c.Condition, situation: Situation) -> Reason | None:
    person = situation.person
    match condition:
        case c.OneOf(what="tier", values=values):
            return Reason("tier", {"tier": person.tier, "wanted": sorted(values)})
        case c.Segment(values=values):
            return Reason("segment", {"segments": sorted(person.segments), "wanted": sorted(values)})
        case c.FirstPurchase():
            return Reason("not_first_purchase", {})
        case c.BirthdayNear() if person.birthday is None:
            return Reason("birthday_unknown", {})
        case c.BirthdayNear(before=before, after=after, whole_month=whole_month, leap_day=leap_day):
            assert person.birthday is not None
            if whole_month:
                return Reason("birthday_month", {"day": _day(situation)})
            distance = days_from_birthday(person.birthday, situation.local.date(), leap_day)
            return Reason("birthday", {"distance": abs(distance or 0), "before": before, "after": after})
        case c.Registered(at_least=at_least, at_most=at_most):
            days = days_registered(situation)
            if days is None:
                return Reason("registration_unknown", {})
            if days < at_least:
                return Reason("registered_too_short", {"days": days, "wanted": at_least})
            return Reason("registered_too_long", {"days": days, "wanted": at_most})
    return None


def _of_occasion(condition: c.Condition, situation: Situation) -> Reason:
    occasion = situation.occasion
    match condition:
        case c.Amount(of=of, at_least=at_least, below=below):
            amount = occasion.amount if of == c.AMOUNT else occasion.basis
            if amount < at_least:
                return Reason("amount_too_small", {"amount": amount, "wanted_amount": at_least})
            return Reason("amount_too_large", {"amount": amount, "wanted_amount": below})
        case c.Lines() if not occasion.lines:
            return Reason("lines_unknown", {})
        case c.Lines(filter=wanted, quantity=quantity, net=net):
            lines = [line for line in occasion.lines if wanted.takes(line)]
            pieces, amount = sum(line.quantity for line in lines), sum(line.net for line in lines)
            if pieces < quantity:
                return Reason("too_few_pieces", {"pieces": pieces, "wanted": quantity})
            return Reason("lines_too_small", {"amount": amount, "wanted_amount": net})
        case c.OneOf(what=what, values=values):
            return Reason(what, {what: getattr(occasion, what), "wanted": sorted(values)})
        case c.ActivityField(name=name) if name not in occasion.fields:
            return Reason("field_missing", {"field": name})
        case c.ActivityField(name=name, op=op, values=values):
            facts = {"field": name, "value": occasion.fields[name], "op": op, "wanted": list(values)}
            return Reason("field", facts)
        case c.TimeWindow(start=start, end=end):
            time = situation.local.strftime("%H:%M")
            return Reason("time_window", {"time": time, "start": f"{start:%H:%M}", "end": f"{end:%H:%M}"})
        case c.DateRange(first=first, last=last):
            return Reason("date_range", {"day": _day(situation), "first": _or_open(first), "last": _or_open(last)})
        case c.Weekday(days=days):
            return Reason("weekday", {"weekday": situation.local.isoweekday(), "wanted": sorted(days)})
        case _:
            return Reason(_what(condition), {"day": _day(situation)})


def _day(situation: Situation) -> str:
    return situation.local.date().isoformat()


def _or_open(day: object) -> str:
    return "…" if day is None else str(day)
