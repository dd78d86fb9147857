"""Badges: which levels a counter reaches, and what changes for the member. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from points.counters.domain import Measure
from points.incentives.domain import Incentive

AWARDED, REVOKED = "awarded", "revoked"


class Held(NamedTuple):
    """One level of a badge as a member has it, or had it. `points` were given for it and not taken back."""

    member_id: UUID
    badge: str
    level: int
    held: bool
    points: int
    origin: str
    occurred_at: datetime
    changed_at: datetime
    changes: int


class Change(NamedTuple):
    """A line of a badge's history, kept for ever."""

    member_id: UUID
    badge: str
    level: int
    number: int
    change: str
    reason: str
    points: int
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    threshold: int
    name: Mapping[str, str]
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """`levels[0]` is level 1. Without a measure something else grants it."""

    incentive: Incentive
    measure: Measure | None
    levels: Sequence[Level]
    wallet: str

    @property
    def key(self) -> str:
        return self.incentive.key

    @classmethod
    def of(cls, incentive: Incentive) -> "Badge":
        facts = incentive.definition
        return cls(
            incentive=incentive,
            measure=None if facts["measure"] is None else Measure.of_facts(facts["measure"]),
            levels=[Level(**level) for level in facts["levels"]],
            wallet=facts["wallet"],
        )

    def reached(self, value: int) -> int:
        """The highest level the value reaches, 0 for none."""
        return sum(value >= level.threshold for level in self.levels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A level to be awarded or revoked."""

    level: int
    change: str


def steps(held: Iterable[int], reached: int) -> list[Step]:
    """From the levels that are held to exactly those up to `reached`, the lower first."""
    there = set(held)
    missing = [Step(level=level, change=AWARDED) for level in range(1, reached + 1) if level not in there]
    gone = [Step(level=level, change=REVOKED) for level in sorted(there) if level > reached]
    return gone + missing
