"""All SQL of reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from common.storage import Transaction

_DUPLICATES = """
    WITH repeated AS (
        SELECT source, type, sum(count) AS duplicates, count(*) AS days, min(day) AS first, max(day) AS last
        FROM duplicates WHERE day >= :since AND day < :until GROUP BY source, type
    ), reused AS (
        SELECT source, type, count(*) AS reused, min(received_at) AS first, max(received_at) AS last
        FROM dead_letters
        WHERE error_type LIKE '%!_id!_reused' ESCAPE '!' AND received_at >= :since AND received_at < :until
        GROUP BY source, type
    )
    SELECT source, type, CAST(COALESCE(duplicates, 0) AS bigint) AS duplicates, COALESCE(days, 0) AS days,
        COALESCE(reused, 0) AS reused, LEAST(repeated.first, reused.first) AS first,
        GREATEST(repeated.last, reused.last) AS last
    FROM repeated FULL JOIN reused USING (source, type)
    WHERE (source, type) > (:after_source, :after_type) AND (CAST(:source AS text) IS NULL OR source = :source)
    ORDER BY source, type LIMIT :limit
"""


async def duplicates(
    tx: Transaction, *, source: str | None, since: datetime, until: datetime, after: tuple[str, str], limit: int
) -> Sequence[Row[Any]]:
    """`source, type, duplicates, days, reused, first, last` of senders that sent something again in [since, until)."""
    return await tx.fetch_all(
        _DUPLICATES,
        {
            "source": source,
            "since": since,
            "until": until,
            "after_source": after[0],
            "after_type": after[1],
            "limit": limit,
        },
    )


_BY_RULE = """
    SELECT share ->> 'rule' AS rule, CAST(share ->> 'version' AS integer) AS version, wallet, count(*) AS occasions,
        CAST(sum(CAST(share ->> 'points' AS bigint)) AS bigint) AS points,
        CAST(sum(COALESCE(CAST(share ->> 'cut' AS bigint), 0)) AS bigint) AS cut,
        CAST(sum(CAST(share ->> 'points' AS bigint) * taken_back / NULLIF(CAST(earned AS numeric), 0)) AS bigint)
            AS taken_back
    FROM accruals
    JOIN (
        SELECT 'purchase' AS kind, source, order_id AS occasion_id FROM purchases
        WHERE occurred_at >= :since AND occurred_at < :until
        UNION ALL
        SELECT 'activity', source, activity_id FROM activities WHERE occurred_at >= :since AND occurred_at < :until
    ) AS happened USING (kind, source, occasion_id)
    CROSS JOIN LATERAL jsonb_array_elements(CAST(shares AS jsonb)) AS share
    GROUP BY 1, 2, 3 ORDER BY wallet, points DESC, rule, version
"""


_PATIENCE = "SET LOCAL statement_timeout = '120s'"


async def by_rule(tx: Transaction, since: datetime, until: datetime) -> Sequence[Row[Any]]:
    """`rule, version, wallet, occasions, points, cut, taken_back` of what occurred in [since, until). A million
    purchases take some 15 s.
    """
    await tx.execute(_PATIENCE)
    return await tx.fetch_all(_BY_RULE, {"since": since, "until": until})
