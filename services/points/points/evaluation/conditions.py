"""The conditions of rules; `matching.compiled` says what each means."""

from dataclasses import dataclass, field
from datetime import date, time

from points.evaluation.calendar import FEB_28
from points.evaluation.occasion import Line

AMOUNT, BASIS = "amount", "basis"
TIER, CHANNEL, SHOP, SOURCE = "tier", "channel", "shop", "source"
EQUALS, ONE_OF, AT_LEAST, AT_MOST, EXISTS = "equals", "one_of", "at_least", "at_most", "exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Lines of these products and categories (all, when none is named), without those."""

    products: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    not_products: frozenset[str] = frozenset()
    not_categories: frozenset[str] = frozenset()

    def takes(self, line: Line) -> bool:
        if line.sku in self.not_products or line.category in self.not_categories:
            return False
        if self.products or self.categories:
            return line.sku in self.products or line.category in self.categories
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Any:
    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    of: "Condition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """The basis (or the goods before discount) is `at_least` and `below`, minor units."""

    of: str = BASIS
    at_least: int = 0
    below: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines that match come to so many pieces and so much net together."""

    filter: LineFilter
    quantity: int = 1
    net: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """`what` (channel, shop, source, tier) is one of these."""

    what: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The member is in one of these segments."""

    values: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekday:
    """ISO 8601: 1 is Monday."""

    days: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberDay:
    """Days of the month, its last day, or (nth, weekday): (2, 5) is the second Friday, (-1, 7) the last Sunday."""

    days: frozenset[int] = frozenset()
    last_day: bool = False
    weekdays: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LunarDay:
    """From `before` days before to `after` days after such a day of the lunar calendar, each year."""

    month: int
    day: int
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """Local time of day from `start`, until `end` exclusive; over midnight when `end` is not after `start`."""

    start: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """Local days, both included; None is open."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPurchase:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class BirthdayNear:
    """From `before` days before to `after` days after the birthday is kept, or in its month."""

    before: int = 0
    after: int = 0
    whole_month: bool = False
    leap_day: str = FEB_28


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """So many local days ago."""

    at_least: int = 0
    at_most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityField:
    """A field of the activity compared with values of its own type; true is no 1."""

    name: str
    op: str
    values: tuple[bool | int | str, ...] = field(default=())


Condition = (
    All
    | Any
    | Not
    | Amount
    | Lines
    | OneOf
    | Segment
    | Weekday
    | MemberDay
    | LunarDay
    | TimeWindow
    | DateRange
    | FirstPurchase
    | BirthdayNear
    | Registered
    | ActivityField
)


def parts(condition: Condition) -> list[Condition]:
    """The condition and all inside it."""
    match condition:
        case All(of=of) | Any(of=of):
            return [condition, *(part for one in of for part in parts(one))]
        case Not(of=of):
            return [condition, *parts(of)]
        case _:
            return [condition]
