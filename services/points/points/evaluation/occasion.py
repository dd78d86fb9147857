"""What rules look at: an occasion (a purchase, or something else a member did), the member, the programme's terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

PURCHASE, ACTIVITY = "purchase", "activity"
SOLAR, LUNAR = "solar", "lunar"


class Line(NamedTuple):
    """One line of a purchase; `net` in minor units after its share of the discount (`sums.spread` gives shares)."""

    sku: str
    category: str
    quantity: int
    net: int


class Occasion(NamedTuple):
    """A purchase or an activity, known by (`source`, `key`: order id or activity id).

    `amount` is goods before discount, `basis` what is earned on; both in minor units, 0 for activities. The lines' nets
    sum to at most `basis`: tax and delivery may be in it.
    """

    kind: str
    source: str
    key: str
    occurred_at: datetime
    amount: int = 0
    basis: int = 0
    channel: str = ""
    shop: str = ""
    lines: tuple[Line, ...] = ()
    activity: str = ""
    fields: Mapping[str, bool | int | str] = {}


class Birthday(NamedTuple):
    """Day and month in its own calendar; `leap_month` only in the lunar one (闰月)."""

    month: int
    day: int
    calendar: str = SOLAR
    leap_month: bool = False


class Person(NamedTuple):
    """The member as known strictly before the occasion. None where it is not known."""

    member_id: UUID
    tier: str
    segments: frozenset[str] = frozenset()
    is_first_purchase: bool = False
    birthday: Birthday | None = None
    registered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """When earned points are gone.

    `never`; `months` later (clamped to the month's end); `days` later; `end_of_month` and `end_of_year`: the first
    instant of the period after the one that lies `count` months or years ahead; `date`: at `at`.
    """

    kind: str
    count: int = 0
    at: datetime | None = None


FOR_EVER = Expiry(kind="never")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The programme: its zone, rounding, week and what points live by. `expiry_by_wallet` is before `expiry_months`
    (0: for ever), a rule's own expiry before both.
    """

    zone: ZoneInfo
    rounding: str = "floor"
    expiry_months: int = 0
    first_day_of_week: int = 1
    expiry_by_wallet: Mapping[str, Expiry] = field(default_factory=dict)
    of_programme: Expiry = field(init=False)

    def __post_init__(self) -> None:
        months = self.expiry_months
        object.__setattr__(self, "of_programme", Expiry(kind="months", count=months) if months else FOR_EVER)
