"""Conditions as operators write them: JSON with a `kind` each, for which a form can be built. None is code."""

from datetime import date, time
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, WithJsonSchema, model_validator

from common.http import RequestBody
from common.http.fields import Day, Key, Money
from points.evaluation import conditions as pure

MAX_LISTED = 1_000
MAX_DAYS = 36_500


def _no_repeats(values: tuple[object, ...]) -> tuple[object, ...]:
    if len(set(values)) != len(values):
        raise ValueError("names something twice")
    return values


def _clock(value: object) -> object:
    if not isinstance(value, str) or len(value) != 5 or value[2] != ":":
        raise ValueError("must be a time of day, like 22:30")
    return value


Keys = Annotated[tuple[Key, ...], Field(min_length=1, max_length=MAX_LISTED), AfterValidator(_no_repeats)]
SomeKeys = Annotated[tuple[Key, ...], Field(max_length=MAX_LISTED), AfterValidator(_no_repeats)]
IsoWeekday = Annotated[StrictInt, Field(ge=1, le=7, description="ISO 8601: 1 is Monday.")]
Clock = Annotated[
    time,
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["22:30"]}),
]
Days = Annotated[StrictInt, Field(ge=0, le=MAX_DAYS)]
AroundDays = Annotated[StrictInt, Field(ge=0, le=60)]


class LineFilter(RequestBody):
    """Lines of an order: of these products or categories (all when none is named), without those."""

    products: SomeKeys = ()
    categories: SomeKeys = ()
    not_products: SomeKeys = ()
    not_categories: SomeKeys = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.products or self.categories or self.not_products or self.not_categories):
            raise ValueError("name products or categories that are in or out")
        for wanted, unwanted, what in (
            (self.products, self.not_products, "product"),
            (self.categories, self.not_categories, "category"),
        ):
            if both := set(wanted) & set(unwanted):
                raise ValueError(f"{what} {min(both)} is both in and out")
        return self

    def pure(self) -> pure.LineFilter:
        return pure.LineFilter(
            products=frozenset(self.products),
            categories=frozenset(self.categories),
            not_products=frozenset(self.not_products),
            not_categories=frozenset(self.not_categories),
        )


class AllOf(RequestBody):
    """Every one of these."""

    kind: Literal["all"]
    of: Annotated[tuple["Condition", ...], Field(min_length=1, max_length=50)]

    def pure(self) -> pure.Condition:
        return pure.All(of=tuple(one.pure() for one in self.of))


class AnyOf(RequestBody):
    """At least one of these."""

    kind: Literal["any"]
    of: Annotated[tuple["Condition", ...], Field(min_length=1, max_length=50)]

    def pure(self) -> pure.Condition:
        return pure.Any(of=tuple(one.pure() for one in self.of))


class NotThis(RequestBody):
    """Not this one."""

    kind: Literal["not"]
    of: "Condition"

    def pure(self) -> pure.Condition:
        return pure.Not(of=self.of.pure())


class AmountIs(RequestBody):
    """What is earned on (`basis`: net of discounts) or the goods before discount (`amount`), minor units."""

    kind: Literal["amount"]
    of: Literal["basis", "amount"] = "basis"
    at_least: Money = 0
    below: Money | None = None

    @model_validator(mode="after")
    def _is_no_empty_range(self) -> Self:
        if self.below is not None and self.below <= self.at_least:
            raise ValueError(f"no amount is at least {self.at_least} and below {self.below}")
        if self.below is None and not self.at_least:
            raise ValueError("give at_least, below, or both")
        return self

    def pure(self) -> pure.Condition:
        return pure.Amount(of=self.of, at_least=self.at_least, below=self.below)


class Products(RequestBody):
    """The order has so many pieces, of so much net in minor units, in lines of these products and categories."""

    kind: Literal["products"]
    lines: LineFilter
    quantity: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 1
    net: Money = 0

    def pure(self) -> pure.Condition:
        return pure.Lines(filter=self.lines.pure(), quantity=self.quantity, net=self.net)


class WordIsOneOf(RequestBody):
    """The purchase's channel, shop or source, or the member's tier, is one of these."""

    kind: Literal["channel", "shop", "source", "tier"]
    one_of: Keys

    def pure(self) -> pure.Condition:
        return pure.OneOf(what=self.kind, values=frozenset(self.one_of))


class InSegment(RequestBody):
    """The member is in one of these segments."""

    kind: Literal["segment"]
    one_of: Keys

    def pure(self) -> pure.Condition:
        return pure.Segment(values=frozenset(self.one_of))


class OnWeekday(RequestBody):
    kind: Literal["weekday"]
    days: Annotated[tuple[IsoWeekday, ...], Field(min_length=1, max_length=7), AfterValidator(_no_repeats)]

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
        tuple[Annotated[StrictInt, Field(ge=1, le=31)], ...], Field(max_length=31), AfterValidator(_no_repeats)
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


class IsFirstPurchase(RequestBody):
    """The member's first purchase that was not wholly returned."""

    kind: Literal["first_purchase"]

    def pure(self) -> pure.Condition:
        return pure.FirstPurchase()


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


class FieldIs(RequestBody):
    """A field of the activity: `exists` takes no value, `equals`, `at_least` and `at_most` one, `one_of` several."""

    kind: Literal["field"]
    name: Key
    op: Literal["equals", "one_of", "at_least", "at_most", "exists"]
    values: Annotated[tuple[StrictBool | StrictInt | Key, ...], Field(max_length=MAX_LISTED)] = ()

    @model_validator(mode="after")
    def _has_the_values_it_needs(self) -> Self:
        wanted = {"exists": 0, "one_of": max(1, len(self.values))}.get(self.op, 1)
        if len(self.values) != wanted:
            raise ValueError(f"{self.op} takes {wanted or 'no'} value{'s' if wanted != 1 else ''}")
        if self.op in ("at_least", "at_most") and type(self.values[0]) is not int:
            raise ValueError(f"{self.op} takes a whole number")
        return self

    def pure(self) -> pure.Condition:
        return pure.ActivityField(name=self.name, op=self.op, values=self.values)


Condition = Annotated[
    AllOf
    | AnyOf
    | NotThis
    | AmountIs
    | Products
    | WordIsOneOf
    | InSegment
    | OnWeekday
    | OnMemberDay
    | OnLunarDay
    | InTimeWindow
    | InDateRange
    | IsFirstPurchase
    | NearBirthday
    | RegisteredFor
    | FieldIs,
    Field(discriminator="kind"),
]
