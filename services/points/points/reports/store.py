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


# A credit's lots: those it opened, and those into which their points went on (`links`) when a member was merged, when
# they were given to another member, or when they came back with grace. `weight` is which part of a lot is the credit's.
_LOTS_OF_CREDITS = """
    happened AS (
        SELECT 'purchase' AS kind, source, order_id AS occasion_id, member_id, source AS order_source, order_id,
            '' AS reference
        FROM purchases WHERE occurred_at >= :since AND occurred_at < :until
        UNION ALL
        SELECT 'activity', source, activity_id, member_id, order_source, order_id, activity_id
        FROM activities WHERE occurred_at >= :since AND occurred_at < :until
    ), credits AS MATERIALIZED (
        SELECT row_number() OVER () AS credit, * FROM accruals JOIN happened USING (kind, source, occasion_id)
    ), opened AS (
        SELECT member_id, wallet, sequence, lots.expires_at, lots.available_at, lots.order_source, lots.order_id,
            available_at IS NULL AND (lots.pending OR lots.released IS NOT NULL) AS waited,
            CASE transfers.kind WHEN 'merge_undone' THEN '' ELSE transfers.reference END AS reference
        FROM lots JOIN transfers USING (member_id, wallet, sequence)
        WHERE transfers.kind IN ('earned', 'repriced', 'merge_undone')
    ), matched AS (
        SELECT opened.member_id, wallet, sequence, credit, earned, rank() OVER (
                PARTITION BY opened.member_id, wallet, sequence
                ORDER BY opened.member_id = credits.member_id DESC,
                    opened.expires_at IS NOT DISTINCT FROM credits.expires_at
                    AND opened.available_at IS NOT DISTINCT FROM credits.available_at
                    AND opened.waited = (waits <> '') DESC,
                    opened.expires_at IS NOT DISTINCT FROM credits.expires_at DESC) AS place
        FROM credits JOIN opened USING (wallet, order_source, order_id, reference)
    ), links AS MATERIALIZED (
        SELECT member_id, wallet, back.lot_sequence AS sequence, member_id AS to_member, sequence AS to_sequence,
            CAST(back.points AS numeric) / lots.points AS part
        FROM lot_restorations AS back JOIN lots USING (member_id, wallet, sequence) WHERE renewed
        UNION ALL
        SELECT used.member_id, used.wallet, used.lot_sequence, merges.member_id, in_sequence, 1
        FROM merge_moves JOIN merges USING (merge_id) JOIN lot_consumptions AS used
            ON (used.member_id, used.wallet, used.sequence) = (absorbed_member_id, merge_moves.wallet, out_sequence)
        UNION ALL
        SELECT used.member_id, used.wallet, used.lot_sequence, recipient_id, got.sequence,
            used.points / sum(used.points) OVER (PARTITION BY recipient_id, got.wallet, got.sequence)
        FROM gifts JOIN lot_consumptions AS used
            ON (used.member_id, used.wallet, used.sequence) = (gifts.member_id, gifts.wallet, debit_sequence)
        JOIN lots AS gave ON (gave.member_id, gave.wallet, gave.sequence)
            = (used.member_id, used.wallet, used.lot_sequence)
        JOIN lots AS got ON got.member_id = recipient_id AND got.wallet = gifts.wallet
            AND got.sequence = ANY(credit_sequences) AND got.expires_at IS NOT DISTINCT FROM gave.expires_at
    ), lots_of AS (
        SELECT member_id, wallet, sequence, credit, earned / NULLIF(
            sum(earned) OVER (PARTITION BY member_id, wallet, sequence), 0) AS weight
        FROM matched WHERE place = 1
        UNION ALL
        SELECT to_member, wallet, to_sequence, credit, weight * part
        FROM lots_of JOIN links USING (member_id, wallet, sequence)
    )
"""
_BY_RULE = f"""
    WITH RECURSIVE {_LOTS_OF_CREDITS.strip()}, moved AS (
        SELECT used.member_id, used.wallet, used.lot_sequence AS sequence, used.points,
            CASE WHEN state = 'held' THEN 'on hold' ELSE to_account END AS account
        FROM lot_consumptions AS used JOIN transfers USING (member_id, wallet, sequence)
        LEFT JOIN redemptions ON (redemptions.member_id, redemptions.wallet, debit_sequence)
            = (used.member_id, used.wallet, used.sequence) AND state = 'held'
        UNION ALL
        SELECT member_id, wallet, back.lot_sequence, -back.points, from_account
        FROM lot_restorations AS back JOIN transfers USING (member_id, wallet, sequence)
    ), of_lot AS (
        SELECT member_id, wallet, sequence,
            COALESCE(sum(points) FILTER (WHERE account IN ('redemption', 'held')), 0) AS redeemed,
            COALESCE(sum(points) FILTER (WHERE account = 'expiry'), 0) AS expired,
            COALESCE(sum(points) FILTER (WHERE account = 'on hold'), 0) AS on_hold
        FROM moved GROUP BY member_id, wallet, sequence
    ), of_credit AS (
        SELECT credit, sum(weight * COALESCE(redeemed, 0)) AS redeemed,
            sum(weight * (COALESCE(expired, 0) + CASE WHEN over THEN remaining ELSE 0 END)) AS expired,
            sum(weight * (COALESCE(on_hold, 0) + CASE WHEN over THEN 0 ELSE remaining END)) AS outstanding
        FROM lots_of JOIN (
            SELECT member_id, wallet, sequence, remaining, COALESCE(expires_at <= :now, false) AS over FROM lots
        ) AS left_of USING (member_id, wallet, sequence)
        LEFT JOIN of_lot USING (member_id, wallet, sequence)
        GROUP BY credit
    )
    SELECT share ->> 'rule' AS rule, CAST(share ->> 'version' AS integer) AS version, wallet, count(*) AS occasions,
        CAST(sum(points) AS bigint) AS points,
        CAST(sum(COALESCE(CAST(share ->> 'cut' AS bigint), 0)) AS bigint) AS cut,
        COALESCE(sum(points * taken_back / NULLIF(earned, 0)), 0) AS taken_back,
        COALESCE(sum(points * redeemed / NULLIF(earned, 0)), 0) AS redeemed,
        COALESCE(sum(points * expired / NULLIF(earned, 0)), 0) AS expired,
        COALESCE(sum(points * outstanding / NULLIF(earned, 0)), 0) AS outstanding
    FROM credits LEFT JOIN of_credit USING (credit)
    CROSS JOIN LATERAL jsonb_array_elements(CAST(shares AS jsonb)) AS share
    CROSS JOIN LATERAL (SELECT CAST(share ->> 'points' AS numeric) AS points) AS given
    GROUP BY 1, 2, 3 ORDER BY wallet, points DESC, rule, version
"""


_PATIENCE = "SET LOCAL statement_timeout = '120s'"
# Whole tables are read, and once; taken for small, they would be gone through again for each row.
_WHOLE_TABLES = "SET LOCAL enable_nestloop = off"
_ROOM = "SET LOCAL work_mem = '64MB'"


async def by_rule(tx: Transaction, since: datetime, until: datetime) -> Sequence[Row[Any]]:
    """`rule, version, wallet, occasions, points, cut`, and exactly (as fractions) `taken_back, redeemed, expired,
    outstanding` of what occurred in [since, until). A million purchases take some 30 s.
    """
    for setting in (_PATIENCE, _WHOLE_TABLES, _ROOM):
        await tx.execute(setting)
    return await tx.fetch_all(_BY_RULE, {"since": since, "until": until, "now": tx.now})
