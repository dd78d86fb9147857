"""All SQL on cohorts: one pass over (member, day), nothing kept besides the purchases."""

from collections.abc import Sequence
from datetime import date

from analytics.calendar.domain import Range
from common.storage import Transaction

ROOM = "SET LOCAL work_mem = '64MB'"

ACTIVE = """
    WITH days AS (
        SELECT day, first_value(day) OVER w AS first, lag(day) OVER w AS before
        FROM purchases WINDOW w AS (PARTITION BY member_id ORDER BY day)
    )
    SELECT width_bucket(first, CAST(:starts AS date[])) AS cohort, width_bucket(day, CAST(:starts AS date[])) AS period,
        count(*) AS members
    FROM days
    WHERE first BETWEEN :first AND :last_cohort AND day <= :last
        AND (before IS NULL
            OR width_bucket(before, CAST(:starts AS date[])) <> width_bucket(day, CAST(:starts AS date[])))
    GROUP BY 1, 2
"""


async def active(tx: Transaction, cohorts: Sequence[Range], every: Sequence[Range]) -> dict[tuple[date, date], int]:
    """Members by (first day of the period of their first purchase ever, first day of a period they bought in)."""
    await tx.execute(ROOM)
    rows = await tx.fetch_all(
        ACTIVE,
        {
            "starts": [span.first for span in every],
            "first": cohorts[0].first,
            "last_cohort": cohorts[-1].last,
            "last": every[-1].last,
        },
    )
    return {(every[row.cohort - 1].first, every[row.period - 1].first): row.members for row in rows}
