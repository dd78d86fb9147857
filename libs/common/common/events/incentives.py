"""What points tells of streaks, tasks, badges and draws."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from common.events.contract import Contract, Instant, Key, Points, Text


class Incentive(Contract):
    """What all of them say: whose, which, when."""

    member_id: UUID
    key: Key
    name: Text = ""
    occurred_at: Instant

    def subject(self) -> str:
        return str(self.member_id)


class StreakReached(Incentive):
    """A member came `days` days in a row, and was rewarded for it: with `points` beyond what was told of that day."""

    TYPE: ClassVar[str] = "streak.reached.v1"

    days: int = Field(ge=1)
    points: Points = 0


class TaskCompleted(Incentive):
    """A member completed a task for the `times`-th time. `completion` names this one, for `task.revoked`."""

    TYPE: ClassVar[str] = "task.completed.v1"

    times: int = Field(default=1, ge=1)
    points: Points = 0
    completion: Text = ""


class TaskRevoked(Incentive):
    """What a completed task gave was taken back, since what fulfilled it came back. Member and `completion` as it was
    completed.

    `points` were given then; what was there of them is told by `points.clawed_back` or `points.repriced`.
    """

    TYPE: ClassVar[str] = "task.revoked.v1"

    completion: Text
    points: Points = 0
    reason: Key = "returned"


class BadgeAwarded(Incentive):
    """A member has a badge. `change` counts what happened to this level of the member's badge, in the order in which it
    was decided (a late purchase may award what a later return had revoked); 0: not told.
    """

    TYPE: ClassVar[str] = "badge.awarded.v1"

    level: int = Field(default=1, ge=1)
    change: int = Field(default=0, ge=0)
    points: Points = 0


class BadgeRevoked(Incentive):
    """A badge was taken back, since what earned it came back. `change` as in `badge.awarded.v1`."""

    TYPE: ClassVar[str] = "badge.revoked.v1"

    level: int = Field(default=1, ge=1)
    change: int = Field(default=0, ge=0)
    reason: Key = "returned"


class DrawPlayed(Incentive):
    """A member took part in a draw; `prize` is empty for none."""

    TYPE: ClassVar[str] = "draw.played.v1"

    play_id: UUID
    cost: Points = 0
    prize: Text = ""
    prize_kind: Text = ""
    points: Points = 0


class DrawUndone(Incentive):
    """A play was taken back, its prize and its cost with it; all else is as it was told when it was played."""

    TYPE: ClassVar[str] = "draw.undone.v1"

    play_id: UUID
    cost: Points = 0
    prize: Text = ""
    prize_kind: Text = ""
    points: Points = 0
