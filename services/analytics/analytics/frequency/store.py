"""All SQL on how often members buy: computed from the purchases, in one pass in the order of (member, day)."""

from decimal import Decimal

from analytics.calendar.domain import Range
from analytics.frequency.domain import Buyers
from common.storage import Transaction

ROOM = "SET LOCAL work_mem = '64MB'"

_BY_DAY = """
    WITH orders AS (
        SELECT member_id, day, sum(amount - discount) AS paid
        FROM purchases WHERE day BETWEEN :first AND :last GROUP BY member_id, day
    ), placed AS (
        SELECT member_id, paid, row_number() OVER w AS place, day - lag(day) OVER w AS gap
        FROM orders WINDOW w AS (PARTITION BY member_id ORDER BY day)
    )
"""

_BY_ORDER = """
    WITH placed AS (
        SELECT member_id, amount - discount AS paid, row_number() OVER w AS place, day - lag(day) OVER w AS gap
        FROM purchases WHERE day BETWEEN :first AND :last
        WINDOW w AS (PARTITION BY member_id ORDER BY day, occurred_at, source, order_id)
    )
"""

_BUYERS = """
    , members AS (
        SELECT count(*) AS purchases, avg(paid) FILTER (WHERE place > 1) AS mean_repeat_spend,
            sum(paid) FILTER (WHERE place > 1) AS repeat_spend
        FROM placed GROUP BY member_id
    )
    SELECT purchases, count(*) AS members, coalesce(sum(mean_repeat_spend), 0) AS mean_repeat_spends,
        coalesce(sum(repeat_spend), 0) AS repeat_spend
    FROM members GROUP BY purchases ORDER BY purchases
"""

_GAPS = "SELECT gap, count(*) AS purchases FROM placed WHERE gap IS NOT NULL GROUP BY gap ORDER BY gap"

BUYERS = {True: _BY_DAY + _BUYERS, False: _BY_ORDER + _BUYERS}
GAPS = {True: _BY_DAY + _GAPS, False: _BY_ORDER + _GAPS}


async def buyers(tx: Transaction, over: Range, *, same_day_once: bool) -> list[Buyers]:
    """Members grouped by their number of purchases in `over`."""
    await tx.execute(ROOM)
    rows = await tx.fetch_all(BUYERS[same_day_once], {"first": over.first, "last": over.last})
    return [
        Buyers(
            purchases=row.purchases,
            members=row.members,
            mean_repeat_spends=Decimal(row.mean_repeat_spends),
            repeat_spend=int(row.repeat_spend),
        )
        for row in rows
    ]


async def gaps(tx: Transaction, over: Range, *, same_day_once: bool) -> dict[int, int]:
    """Days since the member's purchase before → number of purchases."""
    await tx.execute(ROOM)
    rows = await tx.fetch_all(GAPS[same_day_once], {"first": over.first, "last": over.last})
    return {row.gap: row.purchases for row in rows}
