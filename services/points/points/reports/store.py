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
