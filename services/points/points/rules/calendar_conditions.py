"""Conditions of the calendar, as operators write them: days and times in the programme's zone."""

from datetime import date, time
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    WithJsonSchema,
    model_validator,
)

from common.http import RequestBody
from common.http.fields import Day
from points.evaluation import conditions as pure

MAX_DAYS = 36_500


def no_repeats(values: tuple[object, ...]) -> tuple[object, ...]:
    if len(set(values)) != len(values):
        raise ValueError("names something twice")
    return values


def _clock(value: object) -> object:
    if not isinstance(value, str) or len(value) != 5 or value[2] != ":":
        raise ValueError("must be a time of day, like 22:30")
    return value


IsoWeekday = Annotated[StrictInt, Field(ge=1, le=7, description="ISO 8601: 1 is Monday.")]
Clock = Annotated[
    time,
    BeforeValidator(_clock),
    PlainSerializer(lambda clock: f"{clock:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["22:30"]}),
]
Days = Annotated[StrictInt, Field(ge=0, le=MAX_DAYS)]
AroundDays = Annotated[StrictInt, Field(ge=0, le=60)]


class OnWeekday(RequestBody):
    kind: Literal["weekday"]
    days: Annotated[tuple[IsoWeekday, ...], Field(min_length=1, max_length=7), AfterValidator(no_repeats)]

    def pure(self) -> pure.Condition:
        return pure.Weekday(days=frozenset(self.days))


class NthWeekday(RequestBody):
    """The second Friday of the month is nth 2, weekday 5; the last Sunday is nth -1, weekday 7."""

    nth: Annotated[StrictInt, Field(ge=-5, le=5)]
    weekday: IsoWeekday

    @model_validator(mode="after")
    def _counts_from_one(self) -> Self:
        if not self.nth:
            raise ValueError("nth counts from 1, or from -1 at the month's end")
        return self


class OnMemberDay(RequestBody):
    """会员日: days of the month, its last day, or its nth weekdays."""

    kind: Literal["member_day"]
    days: Annotated[
        tuple[Annotated[StrictInt, Field(ge=1, le=31)], ...], Field(max_length=31), AfterValidator(no_repeats)
    ] = ()
    last_day: StrictBool = False
    weekdays: Annotated[tuple[NthWeekday, ...], Field(max_length=35)] = ()

    @model_validator(mode="after")
    def _names_a_day(self) -> Self:
        if not (self.days or self.last_day or self.weekdays):
            raise ValueError("name days, last_day or weekdays")
        return self

    def pure(self) -> pure.Condition:
        return pure.MemberDay(
            days=frozenset(self.days),
            last_day=self.last_day,
            weekdays=frozenset((one.nth, one.weekday) for one in self.weekdays),
        )


class OnLunarDay(RequestBody):
    """农历: around a day of the lunar calendar each year; month 1, day 1 is the lunar new year."""

    kind: Literal["lunar_day"]
    month: Annotated[StrictInt, Field(ge=1, le=12)]
    day: Annotated[StrictInt, Field(ge=1, le=30)]
    days_before: AroundDays = 0
    days_after: AroundDays = 0

    def pure(self) -> pure.Condition:
        return pure.LunarDay(month=self.month, day=self.day, before=self.days_before, after=self.days_after)


class InTimeWindow(RequestBody):
    """Local time from `start` on, before `end`; over midnight when `end` is earlier than `start`."""

    kind: Literal["time_window"]
    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _is_no_empty_window(self) -> Self:
        if self.start == self.end:
            raise ValueError("the window is empty: start and end are the same")
        return self

    def pure(self) -> pure.Condition:
        return pure.TimeWindow(start=self.start, end=self.end)


class InDateRange(RequestBody):
    """Local days from `first` to `last`, both included; one of them may be open."""

    kind: Literal["date_range"]
    first: Day | None = None
    last: Day | None = None

    @model_validator(mode="after")
    def _is_no_empty_range(self) -> Self:
        if self.first is None and self.last is None:
            raise ValueError("give first, last, or both")
        if (self.first or date.min) > (self.last or date.max):
            raise ValueError(f"the range is empty: {self.first} is after {self.last}")
        return self

    def pure(self) -> pure.Condition:
        return pure.DateRange(first=self.first, last=self.last)


class NearBirthday(RequestBody):
    """Around the day on which the birthday, solar or lunar, is kept; or in its whole month."""

    kind: Literal["birthday"]
    days_before: AroundDays = 0
    days_after: AroundDays = 0
    whole_month: StrictBool = False
    leap_day: Literal["feb_28", "mar_1"] = "feb_28"

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.whole_month and (self.days_before or self.days_after):
            raise ValueError("either the whole month, or days around the birthday")
        return self

    def pure(self) -> pure.Condition:
        return pure.BirthdayNear(
            before=self.days_before, after=self.days_after, whole_month=self.whole_month, leap_day=self.leap_day
        )


class RegisteredFor(RequestBody):
    """The member registered so many local days ago."""

    kind: Literal["registered"]
    at_least_days: Days = 0
    at_most_days: Days | None = None

    @model_validator(mode="after")
    def _is_no_empty_range(self) -> Self:
        if self.at_most_days is not None and self.at_most_days < self.at_least_days:
            raise ValueError(
                f"nobody registered at least {self.at_least_days} and at most {self.at_most_days} days ago"
            )
        if self.at_most_days is None and not self.at_least_days:
            raise ValueError("give at_least_days, at_most_days, or both")
        return self

    def pure(self) -> pure.Condition:
        return pure.Registered(at_least=self.at_least_days, at_most=self.at_most_days)
