"""Points by period: what came in and went out, told by the programme's accounts. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Literal

from points.evaluation.calendar import week_start

ISSUE, REDEMPTION, EXPIRY, CLAWBACK = "issue", "redemption", "expiry", "clawback"
WRITE_OFF, ADJUSTMENT = "write_off", "adjustment"

Period = Literal["day", "week", "month"]
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How many points went from one account to another on a local day."""

    day: date
    from_account: str
    to_account: str
    points: int


@dataclass(slots=True, kw_only=True)
class Figures:
    """Points. What members have changes by earned − corrected_down − redeemed + given_back − expired + unexpired −
    clawed_back + written_off − owed_again + adjusted_up − adjusted_down; gifts and merges stay among members.
    """

    earned: int = 0
    corrected_down: int = 0
    redeemed: int = 0
    given_back: int = 0
    expired: int = 0
    unexpired: int = 0
    clawed_back: int = 0
    written_off: int = 0
    owed_again: int = 0
    adjusted_up: int = 0
    adjusted_down: int = 0

    @property
    def change(self) -> int:
        """What members have more than before, debts taken off."""
        gained = self.earned + self.given_back + self.unexpired + self.written_off + self.adjusted_up
        lost = self.corrected_down + self.redeemed + self.expired + self.clawed_back
        return gained - lost - self.owed_again - self.adjusted_down

    def add(self, one: Moved) -> None:
        """Both accounts may be the programme's: what is written off goes from `write_off` to `clawback`."""
        for name in (_OUT_OF.get(one.from_account), _INTO.get(one.to_account)):
            if name is not None:
                setattr(self, name, getattr(self, name) + one.points)


_OUT_OF = {
    ISSUE: "earned",
    REDEMPTION: "given_back",
    EXPIRY: "unexpired",
    WRITE_OFF: "written_off",
    ADJUSTMENT: "adjusted_up",
}
_INTO = {
    ISSUE: "corrected_down",
    REDEMPTION: "redeemed",
    EXPIRY: "expired",
    CLAWBACK: "clawed_back",
    WRITE_OFF: "owed_again",
    ADJUSTMENT: "adjusted_down",
}
NAMES = tuple(one.name for one in fields(Figures))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Whole local days from `first` to `last`, both included. `figures`, and `outstanding` at the end, are None until
    it is over.
    """

    first: date
    last: date
    figures: Figures | None
    outstanding: int | None


def spans(first: date, last: date, period: Period, first_day_of_week: int) -> Iterator[tuple[date, date]]:
    """The whole periods that these days touch."""
    start = _start(first, period, first_day_of_week)
    while start <= last:
        following = _following(start, period)
        yield start, following - DAY
        start = following


def by_period(
    moved: Iterable[Moved], first: date, last: date, period: Period, *, first_day_of_week: int, today: date
) -> list[Span]:
    """`moved` from the very beginning, so that what members have at the end of each period is known."""
    days = sorted(moved, key=lambda one: one.day)
    outstanding, place, found = 0, 0, list[Span]()
    for start, end in spans(first, last, period, first_day_of_week):
        while place < len(days) and days[place].day < start:
            outstanding += _change(days[place])
            place += 1
        figures = Figures()
        while place < len(days) and days[place].day <= end:
            figures.add(days[place])
            place += 1
        outstanding += figures.change
        over = end < today
        found.append(
            Span(first=start, last=end, figures=figures if over else None, outstanding=outstanding if over else None)
        )
    return found


def total(moved: Iterable[Moved], first: date, last: date) -> Figures:
    """Of exactly these days, whether they are over or not."""
    figures = Figures()
    for one in moved:
        if first <= one.day <= last:
            figures.add(one)
    return figures


@dataclass(frozen=True, slots=True, kw_only=True)
class OfRule:
    """What one rule version paid into one type of wallet, and what became of it. The last four are exact
    until `whole` rounds them.
    """

    rule: str
    version: int
    wallet: str
    occasions: int
    points: int
    cut: int
    taken_back: Decimal | int
    redeemed: Decimal | int
    expired: Decimal | int
    outstanding: Decimal | int


def whole(found: Sequence[OfRule]) -> list[OfRule]:
    """The same in whole points: in each wallet every column adds up to what it was (largest remainder)."""
    rows = list(found)
    for wallet in dict.fromkeys(one.wallet for one in found):
        places = [place for place, one in enumerate(found) if one.wallet == wallet]
        taken_back, redeemed, expired, outstanding = (
            _apportioned([Decimal(getattr(found[place], name)) for place in places])
            for name in ("taken_back", "redeemed", "expired", "outstanding")
        )
        for number, place in enumerate(places):
            rows[place] = replace(
                rows[place],
                taken_back=taken_back[number],
                redeemed=redeemed[number],
                expired=expired[number],
                outstanding=outstanding[number],
            )
    return rows


def _apportioned(exact: Sequence[Decimal]) -> list[int]:
    parts = [int(one.to_integral_value(ROUND_FLOOR)) for one in exact]
    rest = int(sum(exact, Decimal(0)).to_integral_value(ROUND_HALF_EVEN)) - sum(parts)
    remainders = [one - part for one, part in zip(exact, parts, strict=True)]
    for place in sorted(range(len(parts)), key=lambda place: -remainders[place])[:rest]:
        parts[place] += 1
    return parts


def _change(one: Moved) -> int:
    figures = Figures()
    figures.add(one)
    return figures.change


def _start(day: date, period: Period, first_day_of_week: int) -> date:
    match period:
        case "day":
            return day
        case "week":
            return week_start(day, first_day_of_week)
        case "month":
            return day.replace(day=1)


def _following(start: date, period: Period) -> date:
    match period:
        case "day":
            return start + DAY
        case "week":
            return start + 7 * DAY
        case "month":
            return date(start.year + start.month // 12, start.month % 12 + 1, 1)
