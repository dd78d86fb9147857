"""What members have had of rewards."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from common.storage import Transaction

_USED = """
    SELECT asked.reward, asked.per, COALESCE(sum(quantity), 0) AS quantity
    FROM unnest(CAST(:rewards AS text[]), CAST(:periods AS text[]), CAST(:since AS timestamptz[]))
        AS asked(reward, per, since)
    JOIN reward_orders AS had ON had.member_id = ANY(CAST(:member_ids AS uuid[])) AND had.reward = asked.reward
        AND had.ordered_at >= asked.since AND had.state NOT IN ('cancelled', 'returned')
    GROUP BY asked.reward, asked.per
"""


async def used(
    tx: Transaction, member_ids: Sequence[UUID], asked: Iterable[tuple[str, str, datetime]]
) -> dict[str, dict[str, int]]:
    """Pieces these members have had of rewards since these instants: by reward, then by the word of the period."""
    rows = list(asked)
    found: dict[str, dict[str, int]] = {}
    if rows:
        params = {
            "member_ids": list(member_ids),
            "rewards": [row[0] for row in rows],
            "periods": [row[1] for row in rows],
            "since": [row[2] for row in rows],
        }
        for row in await tx.fetch_all(_USED, params):
            found.setdefault(row.reward, {})[row.per] = int(row.quantity)
    return found
