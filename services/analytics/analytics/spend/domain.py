"""Money of purchases and returns: gross, discount, returned and net are never mixed.

- gross: goods before discount, by the purchase's day;
- discount: taken off by the seller, by the purchase's day;
- returned: given back for goods, by the day of the return (not of the purchase);
- net = gross − discount − returned.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics.calendar.domain import DAY, Calendar, Period, Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a fact, or many, adds to one day of one channel (negative when a fact moves to another day)."""

    day: date
    channel: str
    orders: int = 0
    gross: int = 0
    discount: int = 0
    returns: int = 0
    returned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Sums over some days. Money in minor units."""

    orders: int = 0
    gross: int = 0
    discount: int = 0
    returns: int = 0
    returned: int = 0

    @property
    def net(self) -> int:
        return self.gross - self.discount - self.returned

    @property
    def average_order(self) -> float | None:
        """(gross − discount) ÷ orders in minor units, None without orders."""
        return ratio(self.gross - self.discount, self.orders, digits=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodAmounts:
    """One period of a series. `amounts` and `buyers` are None unless the period is over and wholly asked for."""

    span: Range
    finished: bool
    amounts: Amounts | None
    buyers: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From the period before to this one: relative, 0.25 is a quarter more; None where there was nothing before."""

    orders: float | None
    gross: float | None
    returned: float | None
    net: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """What fell on one month of the year (1–12) or one weekday (1 is Monday): sums, finished days, net per day."""

    number: int
    days: int
    amounts: Amounts

    @property
    def net_per_day(self) -> float | None:
        return ratio(self.amounts.net, self.days, digits=2)


def folded(counted: Iterable[Counted]) -> list[Counted]:
    """One entry for each day and channel, sorted; those that come to nothing are left out."""
    sums: dict[tuple[date, str], list[int]] = {}
    for one in counted:
        row = sums.setdefault((one.day, one.channel), [0, 0, 0, 0, 0])
        row[0] += one.orders
        row[1] += one.gross
        row[2] += one.discount
        row[3] += one.returns
        row[4] += one.returned
    return [
        Counted(day=day, channel=channel, orders=row[0], gross=row[1], discount=row[2], returns=row[3], returned=row[4])
        for (day, channel), row in sorted(sums.items())
        if any(row)
    ]


def total(days: Mapping[date, Amounts], over: Range) -> Amounts:
    """The sum of the days in `over`."""
    return summed(amounts for day, amounts in days.items() if day in over)


def summed(many: Iterable[Amounts]) -> Amounts:
    orders = gross = discount = returns = returned = 0
    for one in many:
        orders += one.orders
        gross += one.gross
        discount += one.discount
        returns += one.returns
        returned += one.returned
    return Amounts(orders=orders, gross=gross, discount=discount, returns=returns, returned=returned)


def series(
    days: Mapping[date, Amounts],
    buyers: Mapping[date, int],
    over: Range,
    calendar: Calendar,
    period: Period,
) -> list[PeriodAmounts]:
    """The periods that `over` touches. A period that is cut by `over`, or not over yet, has no figures.

    `buyers` counts by first day of the period.
    """
    spans = calendar.spans(over, period)
    sums: dict[date, list[Amounts]] = {}
    for day, amounts in days.items():
        if day in over:
            sums.setdefault(calendar.start(day, period), []).append(amounts)
    result = []
    for span in spans:
        finished = calendar.finished(span)
        known = finished and span.first in over and span.last in over
        result.append(
            PeriodAmounts(
                span=span,
                finished=finished,
                amounts=summed(sums.get(span.first, ())) if known else None,
                buyers=buyers.get(span.first, 0) if known else None,
            )
        )
    return result


def change(before: Amounts | None, now: Amounts | None) -> Change | None:
    """How `now` differs from `before`; None when either is not known."""
    if before is None or now is None:
        return None
    return Change(
        orders=_relative(before.orders, now.orders),
        gross=_relative(before.gross, now.gross),
        returned=_relative(before.returned, now.returned),
        net=_relative(before.net, now.net),
    )


def by_month(days: Mapping[date, Amounts], over: Range, calendar: Calendar) -> list[Season]:
    """Finished days of `over` by month of the year."""
    return _seasons(days, over, calendar, range(1, 13), [day.month for day in _finished(over, calendar)], "month")


def by_weekday(days: Mapping[date, Amounts], over: Range, calendar: Calendar) -> list[Season]:
    """Finished days of `over` by weekday, beginning with the programme's first day of the week."""
    first = calendar.first_day_of_week
    order = [(first - 1 + offset) % 7 + 1 for offset in range(7)]
    return _seasons(days, over, calendar, order, [day.isoweekday() for day in _finished(over, calendar)], "weekday")


def _seasons(
    days: Mapping[date, Amounts],
    over: Range,
    calendar: Calendar,
    numbers: Iterable[int],
    finished: Sequence[int],
    kind: str,
) -> list[Season]:
    sums: dict[int, list[Amounts]] = {}
    for day, amounts in days.items():
        if day in over and day < calendar.today:
            sums.setdefault(day.month if kind == "month" else day.isoweekday(), []).append(amounts)
    counts = {number: finished.count(number) for number in set(finished)}
    return [
        Season(number=number, days=counts.get(number, 0), amounts=summed(sums.get(number, ()))) for number in numbers
    ]


def _finished(over: Range, calendar: Calendar) -> list[date]:
    last = min(over.last, calendar.today - DAY)
    return [over.first + offset * DAY for offset in range((last - over.first).days + 1)]


def ratio(part: int | Decimal, whole: int, *, digits: int) -> float | None:
    """`part` ÷ `whole`, rounded; None when there is no whole."""
    if not whole:
        return None
    return float(round(Decimal(part) / whole, digits))


def _relative(before: int, now: int) -> float | None:
    return ratio(now - before, abs(before), digits=4)
