"""Who stays: the cohort table for a range of first purchases."""

from analytics.calendar.domain import Calendar, Period, Range
from analytics.retention import domain, store
from common.storage import Transaction


async def retention(
    tx: Transaction, over: Range, calendar: Calendar, period: Period, *, later: int
) -> list[domain.Cohort]:
    """Cohorts of all periods that `over` touches, with cells for 0 to `later` periods. Raises RangeTooLongError."""
    cohorts, every = domain.spans(over, calendar, period, later=later)
    active = await store.active(tx, cohorts, every)
    return domain.table(cohorts, every, active, calendar, later=later)
