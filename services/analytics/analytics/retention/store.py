"""All SQL on cohorts: one pass over the index (member, day), nothing kept besides the purchases.

Period 0 is before the first one that was asked for: who bought then belongs to no cohort asked for.
"""

from collections.abc import Sequence
from datetime import date

from analytics.calendar.domain import Range, positions
from common.storage import Transaction

ROOM = "SET LOCAL work_mem = '64MB'"

ACTIVE = """
    WITH visits AS (
        SELECT member_id, day, coalesce((CAST(:positions AS smallint[]))[day - CAST(:first AS date) + 1], 0) AS period
        FROM purchases WHERE day <= CAST(:last AS date)
    ), steps AS (
        SELECT period, first_value(period) OVER w AS cohort, lag(period) OVER w AS before
        FROM visits WINDOW w AS (PARTITION BY member_id ORDER BY day)
    )
    SELECT cohort, period, count(*) FILTER (WHERE before IS DISTINCT FROM period) AS members
    FROM steps GROUP BY cohort, period HAVING cohort BETWEEN 1 AND :cohorts
"""


async def active(tx: Transaction, cohorts: Sequence[Range], every: Sequence[Range]) -> dict[tuple[date, date], int]:
    """Members by (first day of the period of their first purchase ever, first day of a period they bought in)."""
    await tx.execute(ROOM)
    rows = await tx.fetch_all(
        ACTIVE,
        {
            "positions": positions(every),
            "first": every[0].first,
            "last": every[-1].last,
            "cohorts": len(cohorts),
        },
    )
    return {(every[row.cohort - 1].first, every[row.period - 1].first): row.members for row in rows}
