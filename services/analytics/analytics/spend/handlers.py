"""What was spent: kept by day as facts come, and told for a range of days."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from analytics.calendar.domain import Calendar, Period, Range, range_before
from analytics.spend import domain, store
from analytics.spend.domain import Amounts, Change, Counted, PeriodAmounts, Season
from common.storage import Transaction

FOLD_LIMIT = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Sums over a range, the range before (None while this one is not over), and the periods in it."""

    total: Amounts
    buyers: int
    range_before: Range
    before: Amounts | None
    change: Change | None
    periods: Sequence[PeriodAmounts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Periods with their change against the one before each, and what months and weekdays add up to."""

    periods: Sequence[tuple[PeriodAmounts, Change | None]]
    by_month: Sequence[Season]
    by_weekday: Sequence[Season]


async def count(tx: Transaction, counted: Iterable[Counted], *, moved: bool = False) -> None:
    """Add what changed to the days it belongs to, in the transaction of the facts; `moved` for old facts."""
    if rows := domain.folded(counted):
        await store.add(tx, rows, moved=moved)


async def fold(tx: Transaction) -> None:
    """Job: make one row of each day's many."""
    await store.fold(tx, limit=FOLD_LIMIT)


async def spend(tx: Transaction, over: Range, calendar: Calendar, period: Period) -> Spend:
    """Raises RangeTooLongError."""
    earlier = range_before(over)
    spans = calendar.spans(over, period)
    days = await store.days(tx, Range(first=earlier.first, last=over.last))
    buyers = await _buyers(tx, over, calendar, spans)
    total = domain.total(days, over)
    before = domain.total(days, earlier) if calendar.finished(over) else None
    return Spend(
        total=total,
        buyers=await store.buyers(tx, over),
        range_before=earlier,
        before=before,
        change=domain.change(before, total),
        periods=domain.series(days, buyers, over, calendar, period),
    )


async def trend(tx: Transaction, over: Range, calendar: Calendar, period: Period) -> Trend:
    """Raises RangeTooLongError."""
    spans = calendar.spans(over, period)
    earlier = range_before(spans[0])
    days = await store.days(tx, Range(first=earlier.first, last=over.last))
    buyers = await _buyers(tx, over, calendar, spans)
    periods = domain.series(days, buyers, over, calendar, period)
    known: list[Amounts | None] = [domain.total(days, earlier), *(one.amounts for one in periods)]
    return Trend(
        periods=[(one, domain.change(before, one.amounts)) for before, one in zip(known, periods, strict=False)],
        by_month=domain.by_month(days, over, calendar),
        by_weekday=domain.by_weekday(days, over, calendar),
    )


async def members(
    tx: Transaction, over: Range, *, limit: int
) -> tuple[store.Distribution, Sequence[store.MemberSpend]]:
    """How spend is spread over members, and the `limit` members with the highest net spend."""
    return await store.distribution(tx, over), await store.top(tx, over, limit=limit)


async def breakdown(tx: Transaction, over: Range, dimension: store.Dimension, *, limit: int) -> Sequence[store.Share]:
    """The `limit` values of a dimension with the highest gross."""
    return await store.breakdown(tx, over, dimension, limit=limit)


async def everything(tx: Transaction) -> tuple[Amounts, datetime | None]:
    """The sum of all days, and when the last fact was recorded."""
    return await store.everything(tx)


async def _buyers(tx: Transaction, over: Range, calendar: Calendar, spans: Sequence[Range]) -> dict[date, int]:
    whole = [span for span in spans if span.first in over and span.last in over and calendar.finished(span)]
    return await store.buyers_by_period(tx, whole) if whole else {}
