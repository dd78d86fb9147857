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

_COUNTS = """
    , members AS (
        SELECT count(*) AS purchases, avg(paid) FILTER (WHERE place > 1) AS mean_repeat_spend,
            sum(paid) FILTER (WHERE place > 1) AS repeat_spend
        FROM placed GROUP BY member_id
    )
    SELECT CAST(NULL AS int) AS gap, purchases, count(*) AS many,
        coalesce(sum(mean_repeat_spend), 0) AS mean_repeat_spends, coalesce(sum(repeat_spend), 0) AS repeat_spend
    FROM members GROUP BY purchases
    UNION ALL
    SELECT gap, NULL, count(*), NULL, NULL FROM placed WHERE gap IS NOT NULL GROUP BY gap
"""

COUNTS = {True: _BY_DAY + _COUNTS, False: _BY_ORDER + _COUNTS}


async def counts(tx: Transaction, over: Range, *, same_day_once: bool) -> tuple[list[Buyers], dict[int, int]]:
    """Members by their number of purchases in `over`; purchases by days since the member's purchase before."""
    await tx.execute(ROOM)
    rows = await tx.fetch_all(COUNTS[same_day_once], {"first": over.first, "last": over.last})
    buyers = [
        Buyers(
            purchases=row.purchases,
            members=row.many,
            mean_repeat_spends=Decimal(row.mean_repeat_spends),
            repeat_spend=int(row.repeat_spend),
        )
        for row in rows
        if row.gap is None
    ]
    return buyers, {row.gap: row.many for row in rows if row.gap is not None}
