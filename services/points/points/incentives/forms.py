"""What staff define: the forms of streaks, tasks, badges and draws. They are stored as they are sent."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from common.http import RequestBody
from common.http.fields import Day, Instant, Key, Points, ShortText, Text

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$", max_length=60)]
"""How a definition, a prize is called in addresses and histories."""
Grant = Annotated[
    Text, Field(min_length=1, description="The member's word for spending points, given at members for the PIN.")
]
Wallet = Annotated[str, Field(pattern="^[a-z][a-z_]{0,30}$", max_length=31)]
Few = Annotated[int, Field(ge=0, le=10_000, strict=True)]
Days = Annotated[int, Field(ge=1, le=3_660, strict=True)]
Target = Annotated[int, Field(ge=1, le=10**15, strict=True)]
FieldValue = Annotated[bool, Field(strict=True)] | Annotated[int, Field(strict=True, ge=-(10**15), le=10**15)] | Key
Keys = Annotated[tuple[Key, ...], Field(max_length=200)]


class Words(RequestBody):
    """A text in both languages."""

    zh: ShortText = ""
    en: ShortText = ""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if not self.zh and not self.en:
            raise ValueError("a text in zh or en is needed")
        return self


class AudienceForm(RequestBody):
    """Members of one of these tiers, and in one of these segments; empty stands for everybody."""

    tiers: Keys = ()
    segments: Keys = ()


class RewardForm(RequestBody):
    """What is given; `badge` is one without a measure of its own."""

    points: Points = 0
    wallet: Wallet = "points"
    expires_days: Days | None = Field(default=None, description="Life of the points; null: as all points.")
    coupon: Key | None = Field(default=None, description="Key of a coupon template.")
    badge: Slug | None = None


class MeasureForm(RequestBody):
    """What is counted: `count`, `amount` (minor units), `quantity`, `distinct_products` of purchases; `count` of
    activities or the `sum` of one of their fields; the longest `run` of a streak. Lists narrow it; empty ones do not.
    """

    of: Literal["purchases", "activities", "streak"]
    what: Literal["count", "amount", "quantity", "distinct_products", "sum", "run"] = "count"
    channels: Keys = ()
    shops: Keys = ()
    skus: Keys = ()
    categories: Keys = ()
    min_amount: Points = Field(default=0, description="A purchase counts from this basis on, minor units.")
    activity: Key | None = None
    fields: dict[Key, FieldValue] = Field(default={}, max_length=20, description="An activity has all of these.")
    sum_field: Key | None = None
    streak: Slug | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        whats = {
            "purchases": {"count", "amount", "quantity", "distinct_products"},
            "activities": {"count", "sum"},
            "streak": {"run"},
        }[self.of]
        if self.what not in whats:
            raise ValueError(f"of {self.of} there can be counted: {', '.join(sorted(whats))}")
        if (self.of == "activities") != (self.activity is not None):
            raise ValueError("activity is given for activities and for nothing else")
        if (self.what == "sum") != (self.sum_field is not None):
            raise ValueError("sum_field is given for a sum and for nothing else")
        if (self.of == "streak") != (self.streak is not None):
            raise ValueError("streak is given for streaks and for nothing else")
        return self


class StreakReward(RequestBody):
    day: int = Field(ge=1, le=3_660, strict=True, description="The how manieth day in a row (or of a round).")
    points: Points


class MakeUpForm(RequestBody):
    """补签卡: a day that was missed may be made up, for points."""

    per_month: Few = Field(description="How many in one local month.")
    cost: Points
    days_back: Days = 30


class StreakForm(RequestBody):
    """Days in a row on which a member did something. With `cycle_days` the rewards begin again after so many days."""

    kind: Literal["streak"]
    name: Words
    description: Words | None = None
    activity: Key = "sign_in"
    cycle_days: Days | None = None
    rewards: tuple[StreakReward, ...] = Field(min_length=1, max_length=366)
    wallet: Wallet = "points"
    expires_days: Days | None = None
    make_up: MakeUpForm | None = None

    @model_validator(mode="after")
    def _days_are_told_apart(self) -> Self:
        days = [reward.day for reward in self.rewards]
        if len(set(days)) != len(days):
            raise ValueError("a day has two rewards")
        if self.cycle_days is not None and max(days) > self.cycle_days:
            raise ValueError("a reward's day is after the end of the round")
        return self


class GoalForm(RequestBody):
    measure: MeasureForm
    target: Target


class TaskForm(RequestBody):
    """All goals are to be reached within one window. `claim_days` after its end a click no longer helps."""

    kind: Literal["task"]
    name: Words
    description: Words | None = None
    goals: tuple[GoalForm, ...] = Field(min_length=1, max_length=5)
    window: Literal["once", "daily", "weekly", "monthly", "campaign"] = "once"
    first_day: Day | None = None
    last_day: Day | None = None
    audience: AudienceForm = AudienceForm()
    reward: RewardForm
    claim: Literal["automatic", "click"] = "automatic"
    claim_days: Few | None = None
    on_return: Literal["take_back", "keep"] = "take_back"

    @model_validator(mode="after")
    def _campaign_has_days(self) -> Self:
        first, last = self.first_day, self.last_day
        if (self.window == "campaign") != (first is not None and last is not None) or (first is None) != (last is None):
            raise ValueError("first_day and last_day are given for a campaign and for nothing else")
        if first is not None and last is not None and not date(1990, 1, 1) <= first <= last <= date(9000, 1, 1):
            raise ValueError("last_day is before first_day, or the days are absurd")
        return self


class LevelForm(RequestBody):
    threshold: Target
    name: Words
    points: Points = Field(default=0, description="Given once for the level.")


class BadgeForm(RequestBody):
    """Levels 1, 2, 3 … by rising thresholds on one counter; without a measure a task gives it (level 1)."""

    kind: Literal["badge"]
    name: Words
    description: Words | None = None
    measure: MeasureForm | None = None
    levels: tuple[LevelForm, ...] = Field(min_length=1, max_length=20)
    wallet: Wallet = "points"

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        thresholds = [level.threshold for level in self.levels]
        if sorted(set(thresholds)) != thresholds:
            raise ValueError("the levels' thresholds must rise")
        if self.measure is None and len(self.levels) > 1:
            raise ValueError("a badge without a measure has one level")
        return self


class PrizeForm(RequestBody):
    """A prize is drawn with `weight` of the draw's `total`. `stock` null: as many as there are plays."""

    key: Slug
    name: Words
    kind: Literal["points", "coupon", "goods", "nothing"]
    weight: int = Field(ge=0, le=10**12, strict=True)
    stock: Annotated[int, Field(ge=0, le=10**12, strict=True)] | None = None
    points: Points = 0
    coupon: Key | None = None
    reward: Key | None = None

    @model_validator(mode="after")
    def _has_what_it_promises(self) -> Self:
        if (self.kind == "points") != (self.points > 0):
            raise ValueError("points are given for a prize of points and for nothing else")
        if (self.kind == "coupon") != (self.coupon is not None):
            raise ValueError("coupon is given for a prize that is a coupon and for nothing else")
        if (self.kind == "goods") != (self.reward is not None):
            raise ValueError("reward is given for goods and for nothing else")
        return self


class DrawForm(RequestBody):
    """The weights add up to `total` exactly. What has run out gives the `fallback`, which never runs out."""

    kind: Literal["draw"]
    name: Words
    description: Words | None = None
    total: int = Field(ge=1, le=10**12, strict=True)
    prizes: tuple[PrizeForm, ...] = Field(min_length=1, max_length=100)
    fallback: Slug
    cost: Points = 0
    wallet: Wallet = "points"
    expires_days: Days | None = Field(default=None, description="Life of points that are won.")
    free_per_day: Few = 0
    per_day: Annotated[int, Field(ge=1, le=100_000, strict=True)] | None = None
    per_member: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = None
    opens_at: Instant | None = None
    closes_at: Instant | None = None
    audience: AudienceForm = AudienceForm()

    @model_validator(mode="after")
    def _odds_are_exact(self) -> Self:
        prizes = {prize.key: prize for prize in self.prizes}
        if len(prizes) != len(self.prizes):
            raise ValueError("two prizes have the same key")
        weights = sum(prize.weight for prize in self.prizes)
        if weights != self.total:
            raise ValueError(f"the weights add up to {weights}, not to the total of {self.total}")
        if self.fallback not in prizes or prizes[self.fallback].stock is not None:
            raise ValueError("fallback must be the key of a prize without a stock")
        if self.opens_at is not None and self.closes_at is not None and self.closes_at <= self.opens_at:
            raise ValueError("closes_at must be after opens_at")
        return self


IncentiveForm = Annotated[StreakForm | TaskForm | BadgeForm | DrawForm, Field(discriminator="kind")]
