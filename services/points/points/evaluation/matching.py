"""What each condition asks, compiled once to functions that do no more than that."""

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from points.evaluation.calendar import (
    days_from_birthday,
    days_from_lunar,
    is_last_of_month,
    nth_weekday,
    same_month,
)
from points.evaluation.conditions import (
    AMOUNT,
    AT_LEAST,
    EQUALS,
    EXISTS,
    ONE_OF,
    ActivityField,
    All,
    Amount,
    Any,
    BirthdayNear,
    Condition,
    DateRange,
    FirstPurchase,
    LineFilter,
    Lines,
    LunarDay,
    MemberDay,
    Not,
    OneOf,
    Registered,
    Segment,
    TimeWindow,
    Weekday,
)
from points.evaluation.occasion import Line, Occasion, Person


class Situation:
    """An occasion and a person while rules look at them; the local time is worked out once, when a rule asks."""

    __slots__ = ("_local", "_zone", "occasion", "person")

    def __init__(self, occasion: Occasion, person: Person, zone: ZoneInfo) -> None:
        self.occasion = occasion
        self.person = person
        self._zone = zone
        self._local: datetime | None = None

    @property
    def local(self) -> datetime:
        """When it happened, in the programme's zone."""
        if self._local is None:
            self._local = self.occasion.occurred_at.astimezone(self._zone)
        return self._local

    @property
    def zone(self) -> ZoneInfo:
        return self._zone


Test = Callable[[Situation], bool]


def cost(condition: Condition) -> int:
    """How dear a test is, so that a rule asks the cheap ones first."""
    match condition:
        case All(of=of) | Any(of=of):
            return 1 + sum(map(cost, of))
        case Not(of=of):
            return 1 + cost(of)
        case OneOf() | FirstPurchase() | Segment() | Amount() | ActivityField():
            return 1
        case Weekday() | TimeWindow() | DateRange():
            return 4
        case MemberDay() | Lines():
            return 6
        case _:
            return 10


def compiled(condition: Condition) -> Test:
    """What the condition asks, as a function that does no more than that."""
    match condition:
        case All(of=of):
            return _all(tuple(compiled(one) for one in sorted(of, key=cost)))
        case Any(of=of):
            return _any(tuple(compiled(one) for one in sorted(of, key=cost)))
        case Not(of=one):
            inner = compiled(one)
            return lambda situation: not inner(situation)
        case Amount():
            return _amount(condition)
        case Lines(filter=wanted, quantity=quantity, net=net):
            return lambda situation: lines_match(wanted, quantity, net, situation.occasion.lines)
        case OneOf():
            return _one_of(condition)
        case Segment(values=values):
            return lambda situation: not values.isdisjoint(situation.person.segments)
        case FirstPurchase():
            return lambda situation: situation.person.is_first_purchase
        case ActivityField():
            return _field(condition)
        case Registered():
            return _registered(condition)
        case _:
            return _of_calendar(condition)


def of_occasion(condition: Condition) -> Test | None:
    """What of the condition must hold whoever the member is, told by the occasion alone; None if there is nothing."""
    conditions = condition.of if isinstance(condition, All) else (condition,)
    tests = tuple(
        compiled(one)
        for one in conditions
        if isinstance(one, Amount) or (isinstance(one, OneOf) and one.what in ("channel", "shop", "source"))
    )
    return _all(tests) if tests else None


def _all(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda situation: first(situation) and second(situation)
    return lambda situation: all(test(situation) for test in tests)


def _any(tests: tuple[Test, ...]) -> Test:
    return lambda situation: any(test(situation) for test in tests)


def _amount(condition: Amount) -> Test:
    at_least, below = condition.at_least, condition.below if condition.below is not None else 1 << 62
    if condition.of == AMOUNT:
        return lambda situation: at_least <= situation.occasion.amount < below
    return lambda situation: at_least <= situation.occasion.basis < below


def _one_of(condition: OneOf) -> Test:
    values = condition.values
    match condition.what:
        case "tier":
            return lambda situation: situation.person.tier in values
        case "channel":
            return lambda situation: situation.occasion.channel in values
        case "shop":
            return lambda situation: situation.occasion.shop in values
        case "source":
            return lambda situation: situation.occasion.source in values
    raise ValueError(f"nothing is known of {condition.what!r}")


def lines_match(wanted: LineFilter, quantity: int, net: int, lines: tuple[Line, ...]) -> bool:
    if not lines:
        return quantity <= 0 and net <= 0
    matching = [line for line in lines if wanted.takes(line)]
    return sum(line.quantity for line in matching) >= quantity and sum(line.net for line in matching) >= net


def _field(condition: ActivityField) -> Test:
    name, op, values = condition.name, condition.op, condition.values
    if op == EXISTS:
        return lambda situation: name in situation.occasion.fields
    if op in (EQUALS, ONE_OF):
        typed = frozenset((type(value), value) for value in values)

        def equals(situation: Situation) -> bool:
            found = situation.occasion.fields.get(name)
            return (type(found), found) in typed

        return equals
    bound = values[0]
    assert isinstance(bound, int)
    sign = 1 if op == AT_LEAST else -1

    def compare(situation: Situation) -> bool:
        found = situation.occasion.fields.get(name)
        return type(found) is int and sign * (found - bound) >= 0

    return compare


def days_registered(situation: Situation) -> int | None:
    registered_at = situation.person.registered_at
    if registered_at is None:
        return None
    return (situation.local.date() - registered_at.astimezone(situation.zone).date()).days


def _registered(condition: Registered) -> Test:
    at_least, at_most = condition.at_least, condition.at_most

    def long_enough(situation: Situation) -> bool:
        since = situation.person.registered_at
        if since is None:
            return False
        # More than a day from either limit the zone does not matter, and converting costs.
        about = (situation.occasion.occurred_at - since).days
        if about < at_least - 1 or (at_most is not None and about > at_most + 1):
            return False
        if about > at_least + 1 and (at_most is None or about < at_most - 1):
            return True
        days = days_registered(situation)
        return days is not None and at_least <= days and (at_most is None or days <= at_most)

    return long_enough


def _of_calendar(condition: Condition) -> Test:
    match condition:
        case Weekday(days=days):
            return lambda situation: situation.local.isoweekday() in days
        case MemberDay():
            return _member_day(condition)
        case LunarDay(month=month, day=day, before=before, after=after):
            return lambda situation: _within(days_from_lunar(month, day, situation.local.date()), before, after)
        case TimeWindow(start=start, end=end):
            if start < end:
                return lambda situation: start <= situation.local.time() < end
            return lambda situation: not end <= situation.local.time() < start
        case DateRange(first=first, last=last):
            opens, closes = first or date.min, last or date.max
            return lambda situation: opens <= situation.local.date() <= closes
        case BirthdayNear():
            return _birthday(condition)
        case _:
            raise ValueError(f"nothing is known of {condition!r}")


def _within(distance: int | None, before: int, after: int) -> bool:
    return distance is not None and -before <= distance <= after


def _member_day(condition: MemberDay) -> Test:
    days, last_day, weekdays = condition.days, condition.last_day, condition.weekdays

    def is_member_day(situation: Situation) -> bool:
        local = situation.local
        if local.day in days:
            return True
        day = local.date()
        if last_day and is_last_of_month(day):
            return True
        if weekdays:
            weekday = day.isoweekday()
            return any((nth, weekday) in weekdays for nth in nth_weekday(day))
        return False

    return is_member_day


def _birthday(condition: BirthdayNear) -> Test:
    before, after, leap_day = condition.before, condition.after, condition.leap_day

    def near(situation: Situation) -> bool:
        birthday = situation.person.birthday
        if birthday is None:
            return False
        day = situation.local.date()
        if condition.whole_month:
            return same_month(birthday, day)
        return _within(days_from_birthday(birthday, day, leap_day), before, after)

    return near
