"""Limits as they were when a purchase was credited: read off what it was given."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from points.evaluation.occasion import Person
from points.evaluation.rule import ORDER, Limit, Room, Rule
from points.limits.domain import next_period


class Given(NamedTuple):
    """What a rule gave: whole points, and the limit that cut them ("" for none)."""

    points: int
    limit: str


@dataclass(slots=True, kw_only=True)
class RecordedUsage:
    """`given` by rule key. Rules in `closed`, which have limits that count beyond the order, had nothing left."""

    given: Mapping[str, Given]
    first_day_of_week: int
    closed: Collection[str] = field(default_factory=frozenset)

    def room(self, rule: Rule, person: Person, day: date) -> Room:
        found = self.given.get(rule.key)
        if found is not None and found.limit:
            limit = next((one for one in rule.limits if one.name == found.limit), None)
            return Room(found.points, None, limit, self._resets_at(limit, day, person))
        if rule.key in self.closed:
            # Which of several limits had nothing left is not written down: any that spans more than one order.
            first, *others = [(one, self._resets_at(one, day, person)) for one in rule.limits if one.scope != ORDER]
            return Room(0, first[0], first[0], first[1], tuple(others))
        return Room()

    def _resets_at(self, limit: Limit | None, day: date, person: Person) -> date | None:
        return next_period(limit.period, day, self.first_day_of_week, person.birthday) if limit else None
