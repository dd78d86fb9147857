"""All SQL of the liability estimate: lots by the month they were earned in, and what was spent of them at which age."""

from collections.abc import Sequence
from typing import Any

from common.storage import Transaction
from points.liability.domain import Cohort

_MONTHS = """
    CAST(extract(year FROM {0} AT TIME ZONE :zone) * 12 + extract(month FROM {0} AT TIME ZONE :zone) - 1 AS integer)
"""
_EARNED, _MOVED, _NOW = (_MONTHS.format(at) for at in ("earned_at", "occurred_at", "CAST(:now AS timestamptz)"))
_COHORTS = f"""
    WITH of_wallet AS MATERIALIZED (
        SELECT member_id, sequence, points, {_EARNED} AS month,
            CASE WHEN expires_at <= :now THEN 0 ELSE remaining END AS remaining
        FROM lots WHERE wallet = :wallet
    ), moved AS (
        SELECT used.member_id, used.lot_sequence, transfers.to_account AS account, {_MOVED} AS month, used.points
        FROM lot_consumptions AS used JOIN transfers USING (member_id, wallet, sequence)
        WHERE wallet = :wallet
        UNION ALL
        SELECT back.member_id, back.lot_sequence, transfers.from_account, {_MOVED}, -back.points
        FROM lot_restorations AS back JOIN transfers USING (member_id, wallet, sequence)
        WHERE wallet = :wallet
        UNION ALL
        SELECT back.member_id, back.lot_sequence, 'renewed', {_MOVED}, back.points
        FROM lot_restorations AS back JOIN transfers USING (member_id, wallet, sequence)
        WHERE wallet = :wallet AND renewed
    ), by_age AS (
        SELECT of_wallet.month, GREATEST(0, moved.month - of_wallet.month) AS age,
            sum(moved.points) FILTER (WHERE account IN ('held', 'redemption')) AS spent,
            sum(moved.points) FILTER (WHERE account NOT IN ('held', 'redemption', 'expiry')) AS gone
        FROM moved JOIN of_wallet ON (of_wallet.member_id, of_wallet.sequence) = (moved.member_id, moved.lot_sequence)
        GROUP BY of_wallet.month, age
    )
    SELECT month, -1 AS age, CAST(sum(points) AS bigint) AS points, CAST(sum(remaining) AS bigint) AS remaining,
        {_NOW} AS this_month
    FROM of_wallet GROUP BY month
    UNION ALL
    SELECT month, age, CAST(COALESCE(spent, 0) AS bigint), CAST(COALESCE(gone, 0) AS bigint), 0 FROM by_age
    ORDER BY month, age
"""
_PATIENCE = "SET LOCAL statement_timeout = '120s'"


async def cohorts(tx: Transaction, wallet: str, zone: str) -> list[Cohort]:
    """The points of one type of wallet by the local month in which they were earned, the oldest first."""
    await tx.execute(_PATIENCE)
    rows: Sequence[Any] = await tx.fetch_all(_COHORTS, {"wallet": wallet, "zone": zone, "now": tx.now})
    found: list[Cohort] = []
    months = {row.month: row for row in rows if row.age < 0}
    for month, row in months.items():
        # What was booked for a month that is to come counts in this one.
        ages = max(0, row.this_month - month)
        spent, gone = [0] * (ages + 1), 0
        for moved in rows:
            if moved.month == month and moved.age >= 0:
                spent[min(ages, moved.age)] += moved.points
                gone += moved.remaining
        found.append(
            Cohort(
                month=f"{month // 12:04}-{month % 12 + 1:02}",
                base=row.points - gone,
                remaining=row.remaining,
                spent=spent,
            )
        )
    return found
