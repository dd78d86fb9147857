"""Limits as they were when a purchase was credited: read off what it was given."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from uuid import UUID

from points.evaluation.rule import ORDER, Limit, Room, Rule


class Given(NamedTuple):
    """What a rule gave: whole points, and the limit that cut them ("" for none)."""

    points: int
    limit: str


@dataclass(slots=True, kw_only=True)
class RecordedUsage:
    """`given` by rule key. Rules in `closed` had nothing left."""

    given: Mapping[str, Given]
    closed: Collection[str] = field(default_factory=frozenset)

    def room(self, rule: Rule, member_id: UUID, day: date) -> Room:
        found = self.given.get(rule.key)
        if found is not None and found.limit:
            limit = next((one for one in rule.limits if one.name == found.limit), None)
            return Room(found.points, None, limit)
        if rule.key in self.closed:
            return Room(0, _likely(rule))
        return Room()


def _likely(rule: Rule) -> Limit:
    """Which of several limits had nothing left is not written down: the first that spans more than one order."""
    return next((one for one in rule.limits if one.scope != ORDER), rule.limits[0])
