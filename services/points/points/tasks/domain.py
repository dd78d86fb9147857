"""Tasks: in which window something counts, whether it is fulfilled, and what is to be done about it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from points.counters.domain import Goal, Measure
from points.evaluation.calendar import week_start
from points.incentives.domain import Audience, Incentive
from points.payouts.domain import Reward
from points.times import first_of_next_month, midnight

ONCE, DAILY, WEEKLY, MONTHLY, CAMPAIGN = "once", "daily", "weekly", "monthly", "campaign"
COMPLETED, REWARDED, TAKEN_BACK = "completed", "rewarded", "taken_back"
AUTOMATIC, CLICK = "automatic", "click"
TAKE_BACK, KEEP = "take_back", "keep"

FIRST_DAY, LAST_DAY = date(1990, 1, 1), date(9000, 1, 1)


class Completion(NamedTuple):
    """One member's completion of a task in one window. `points` and `coupon_id` are what was given and not taken back.

    State: `completed` waits for the click, `rewarded`, `taken_back` since what fulfilled it came back.
    """

    member_id: UUID
    task: str
    window_start: date
    state: str
    reached_at: datetime
    recorded_at: datetime
    rewarded_at: datetime | None
    taken_back_at: datetime | None
    rewards: int
    points: int
    coupon_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Local days from `first` to `last`, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    incentive: Incentive
    goals: Sequence[Goal]
    window: str
    first_day: date | None
    last_day: date | None
    audience: Audience
    reward: Reward
    claim: str
    claim_days: int | None
    on_return: str

    @property
    def key(self) -> str:
        return self.incentive.key

    @classmethod
    def of(cls, incentive: Incentive) -> "Task":
        facts = incentive.definition
        return cls(
            incentive=incentive,
            goals=[Goal(measure=Measure.of_facts(goal["measure"]), target=goal["target"]) for goal in facts["goals"]],
            window=facts["window"],
            first_day=_day(facts["first_day"]),
            last_day=_day(facts["last_day"]),
            audience=Audience.of(facts["audience"]),
            reward=Reward.of(facts["reward"]),
            claim=facts["claim"],
            claim_days=facts["claim_days"],
            on_return=facts["on_return"],
        )

    def window_of(self, day: date, first_day_of_week: int) -> Window | None:
        """The window the local day lies in; None outside a campaign, and for absurd days."""
        if not FIRST_DAY <= day <= LAST_DAY:
            return None
        if self.window == DAILY:
            return Window(first=day, last=day)
        if self.window == WEEKLY:
            first = week_start(day, first_day_of_week)
            return Window(first=first, last=first + timedelta(days=6))
        if self.window == MONTHLY:
            return Window(first=day.replace(day=1), last=first_of_next_month(day) - timedelta(days=1))
        first, last = self.first_day or FIRST_DAY, self.last_day or LAST_DAY
        return Window(first=first, last=last) if first <= day <= last else None

    def span(self, window: Window, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From when to before when something counts: the window, as far as the task is active in it."""
        since, until = midnight(window.first, zone), midnight(window.last + timedelta(days=1), zone)
        begun, ended = self.incentive.active_from, self.incentive.ended_at
        return (max(since, begun) if begun else since, min(until, ended) if ended else until)

    def claimable_until(self, window: Window, zone: ZoneInfo) -> datetime | None:
        """Until before when a click helps; None: always."""
        if self.claim_days is None or window.last >= LAST_DAY:
            return None
        return midnight(window.last + timedelta(days=1 + self.claim_days), zone)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


NOTHING, COMPLETE, PAY, REVOKE, REOPEN = "nothing", "complete", "pay", "revoke", "reopen"


def next_step(state: str | None, fulfilled: bool, *, claim: str, on_return: str) -> str:
    """What is to be done: `complete` (it waits for the click), `pay`, `revoke` what was paid, `reopen` (nothing was
    paid yet), or `nothing`. `state` is None where there is no completion.
    """
    if fulfilled:
        if state == REWARDED or (state == COMPLETED and claim == CLICK):
            return NOTHING
        return PAY if claim == AUTOMATIC else COMPLETE
    if state == COMPLETED:
        return REOPEN
    if state == REWARDED and on_return == TAKE_BACK:
        return REVOKE
    return NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a goal is reached. `texts` say in Chinese and English what is missing."""

    measure: Measure
    value: int
    target: int

    @property
    def missing(self) -> int:
        return max(0, self.target - self.value)

    @property
    def texts(self) -> Mapping[str, str]:
        if not self.missing:
            return {"zh": "已完成", "en": "done"}
        zh, en = _NOUNS[self.measure.of, self.measure.what]
        many = self.missing
        if self.measure.what == "amount":
            amount = f"{many // 100}.{many % 100:02d}"
            return {"zh": zh.format(amount, what=""), "en": en.format(amount, what="")}
        what = self.measure.activity or self.measure.streak
        return {"zh": zh.format(many, what=what), "en": en.format(many, what=what)}


_NOUNS = {
    ("purchases", "count"): ("再消费 {0} 笔", "{0} more purchases"),
    ("purchases", "amount"): ("再消费 {0} 元", "spend {0} more"),
    ("purchases", "quantity"): ("再购买 {0} 件", "{0} more items"),
    ("purchases", "distinct_products"): ("再购买 {0} 种不同商品", "{0} more different products"),
    ("activities", "count"): ("再完成 {0} 次 {what}", "{0} more times {what}"),
    ("activities", "sum"): ("{what} 还差 {0}", "{0} more of {what}"),
    ("streak", "run"): ("连续签到还差 {0} 天", "{0} more days in a row"),
}


class TaskNotCompletedError(Exception):
    """There is nothing to claim: `missing` says of each goal how much."""

    def __init__(self, task: str, missing: Sequence[int]) -> None:
        super().__init__(f"{task} is not completed.")
        self.task = task
        self.missing = list(missing)


class ClaimedError(Exception):
    """The reward was given already."""

    def __init__(self, task: str, window_start: date, rewarded_at: datetime | None) -> None:
        super().__init__(f"The reward of {task} was given already.")
        self.task = task
        self.window_start = window_start
        self.rewarded_at = rewarded_at


class ClaimClosedError(Exception):
    """It is too late to claim the reward."""

    def __init__(self, task: str, window_start: date, closed_at: datetime) -> None:
        super().__init__(f"The reward of {task} could be claimed until {closed_at.isoformat()}.")
        self.task = task
        self.window_start = window_start
        self.closed_at = closed_at
