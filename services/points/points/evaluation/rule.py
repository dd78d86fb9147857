"""A published rule as it is evaluated: when it counts, what it gives, how it stands beside others, where it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Protocol

from points.evaluation.conditions import Condition, LineFilter
from points.evaluation.occasion import PURCHASE, Expiry, Person

ORDER, MEMBER, BUDGET = "order", "member", "budget"
EVER, DAY, WEEK, MONTH, YEAR, BIRTHDAY = "ever", "day", "week", "month", "year", "birthday"
POINTS, USES = "points", "uses"


class Factor(NamedTuple):
    """A decimal number: as written, and as a fraction of whole numbers."""

    text: str
    numerator: int
    denominator: int


ONE = Factor("1", 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`points` for each `per` minor units of the basis, or of the lines that match."""

    points: int
    per: int
    lines: LineFilter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """Multiplies what rates give (on the lines that match), not fixed points. Tiers not named have `factor`."""

    factor: Factor
    by_tier: Mapping[str, Factor] = field(default_factory=dict)
    lines: LineFilter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    template: str


Effect = Rate | Fixed | Multiplier | Coupon


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `amount` (`unit`: points or uses) per order, or for the member or of the budget of all, per period of the
    programme's calendar, or per birthday of the member.
    """

    scope: str
    period: str
    unit: str
    amount: int

    @property
    def name(self) -> str:
        """`member:month:points`: unique within its rule."""
        return f"{self.scope}:{self.period}:{self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Points can be spent `days` later, or once the event `until` came for the order."""

    days: int = 0
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One version of a rule. Higher `priority` comes first. Among rules of one wallet: `exclusive` leaves nothing to
    others of its priority and below, `stop` nothing to those below; of one `group` the best for the member pays.
    """

    key: str
    version: int
    names: Mapping[str, str] = field(default_factory=dict)
    occasion: str = PURCHASE
    activity: str = ""
    condition: Condition | None = None
    effect: Effect
    wallet: str = "points"
    priority: int = 0
    exclusive: bool = False
    group: str = ""
    stop: bool = False
    limits: tuple[Limit, ...] = ()
    waiting: Waiting | None = None
    expiry: Expiry | None = None
    effective_from: datetime
    published_at: datetime

    @property
    def counts(self) -> bool:
        """Whether what it gives is counted beyond the order."""
        return any(limit.scope != ORDER for limit in self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """From `retired_from` on no version that was published before `recorded_at` counts."""

    rule: str
    retired_from: datetime
    recorded_at: datetime


class Room(NamedTuple):
    """What a rule may still give a member at that time. `points` None: no end.

    `closed`: the limit that leaves nothing; `tightest`: the one that bounds `points`. `resets_at` is of the one named.
    `instead`: it may as well be one of these that left nothing, each with when it begins anew (of the past only).
    """

    points: int | None = None
    closed: Limit | None = None
    tightest: Limit | None = None
    resets_at: date | None = None
    instead: tuple[tuple[Limit, date | None], ...] = ()


class Usage(Protocol):
    """What limits have been used up to now; `points.limits` keeps it."""

    def room(self, rule: Rule, person: Person, day: date) -> Room:
        """Of a rule with limits, for this person on that day of the programme's calendar."""
        ...
