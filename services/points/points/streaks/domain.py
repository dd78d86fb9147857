"""Days in a row: which run each day ends, and what it is worth. Pure; days are the programme's local days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from points.times import first_of_next_month

ONE_DAY = timedelta(days=1)


class Day(NamedTuple):
    """A day on which the member came (or that was made up on another day, for `cost` points).

    `run`: the how manieth day in a row it is, 0 while that is not decided. `points`: what was paid for it up to now.
    """

    member_id: UUID
    plan: str
    day: date
    run: int
    points: int
    occurred_at: datetime
    made_up_on: date | None
    cost: int
    cost_sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeUp:
    per_month: int
    cost: int
    days_back: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`rewards`: points by the day of the run, or of the round of `cycle_days`."""

    key: str
    activity: str
    rewards: Mapping[int, int]
    cycle_days: int | None = None
    wallet: str = "points"
    expires_days: int | None = None
    make_up: MakeUp | None = None

    @classmethod
    def of(cls, key: str, facts: Mapping[str, Any]) -> "Plan":
        made_up = facts["make_up"]
        return cls(
            key=key,
            activity=facts["activity"],
            rewards={reward["day"]: reward["points"] for reward in facts["rewards"]},
            cycle_days=facts["cycle_days"],
            wallet=facts["wallet"],
            expires_days=facts["expires_days"],
            make_up=None if made_up is None else MakeUp(**made_up),
        )

    def reward(self, run: int) -> int:
        """Points for the `run`-th day in a row."""
        place = run if self.cycle_days is None else (run - 1) % self.cycle_days + 1
        return self.rewards.get(place, 0)

    def next_reward(self, run: int) -> tuple[int, int] | None:
        """After `run` days the next day in a row that is rewarded, and its points."""
        last = max(self.rewards) if self.cycle_days is None else run + self.cycle_days
        for day in range(run + 1, last + 1):
            if points := self.reward(day):
                return day, points
        return None


def in_runs(days: Sequence[Day], before: Day | None = None) -> list[Day]:
    """Each day with its run. `days` are of one member and plan, each once; `before` is the newest one before them."""
    decided: list[Day] = []
    for day in sorted(days, key=lambda one: one.day):
        follows = before is not None and before.day + ONE_DAY == day.day
        before = day._replace(run=before.run + 1 if before is not None and follows else 1)
        decided.append(before)
    return decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a streak stands on `today`. `run` counts until yesterday when the member has not come today; 0 is broken."""

    run: int
    longest: int
    came_today: bool
    last_day: date | None
    broken_on: date | None


def standing(last: Day | None, longest: int, today: date) -> Standing:
    if last is None:
        return Standing(run=0, longest=0, came_today=False, last_day=None, broken_on=None)
    alive = today - last.day <= ONE_DAY
    return Standing(
        run=last.run if alive else 0,
        longest=longest,
        came_today=last.day == today,
        last_day=last.day,
        broken_on=None if alive else last.day + ONE_DAY,
    )


SIGNED, MADE_UP, MISSED, OPEN, OUTSIDE = "signed", "made_up", "missed", "open", "outside"


class CalendarDay(NamedTuple):
    """`state`: signed, made_up, missed, open (today, and days to come), outside (the plan did not run)."""

    day: date
    state: str
    run: int
    points: int


def calendar(
    month: date, days: Sequence[Day], today: date, *, runs_from: date, runs_until: date | None
) -> list[CalendarDay]:
    """All days of the month that begins on `month`."""
    found = {day.day: day for day in days}
    shown: list[CalendarDay] = []
    day = month
    while day < first_of_next_month(month):
        came = found.get(day)
        if came is not None:
            shown.append(CalendarDay(day, MADE_UP if came.made_up_on else SIGNED, came.run, came.points))
        elif day < runs_from or (runs_until is not None and day > runs_until):
            shown.append(CalendarDay(day, OUTSIDE, 0, 0))
        else:
            shown.append(CalendarDay(day, MISSED if day < today else OPEN, 0, 0))
        day += ONE_DAY
    return shown


class MakeUpRefusedError(Exception):
    """The day cannot be made up; `reason`: not_offered, not_past, too_long_ago, already_there, outside."""

    def __init__(self, plan: str, day: date, reason: str) -> None:
        sentences = {
            "not_offered": "days cannot be made up here",
            "not_past": "only a day that is over can be made up",
            "too_long_ago": "the day is too long ago",
            "already_there": "the member was there on that day",
            "outside": "the streak did not run on that day",
        }
        super().__init__(f"{day.isoformat()} of {plan}: {sentences[reason]}.")
        self.plan = plan
        self.day = day
        self.reason = reason


def make_up_problem(
    plan: Plan, day: date, today: date, *, there: bool, runs_from: date, runs_until: date | None
) -> str:
    """Why the day cannot be made up today, as a reason of MakeUpRefusedError; "" when it can."""
    if plan.make_up is None:
        return "not_offered"
    if day >= today:
        return "not_past"
    if there:
        return "already_there"
    if (today - day).days > plan.make_up.days_back:
        return "too_long_ago"
    if day < runs_from or (runs_until is not None and day > runs_until):
        return "outside"
    return ""
