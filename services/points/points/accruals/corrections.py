"""All SQL of repricings: the corrections of what was earned."""

from collections.abc import Sequence
from operator import itemgetter

from common.storage import Transaction
from points.accruals import shares
from points.accruals.domain import Key, Repricing
from points.database import columns

_ADD_REPRICINGS = """
    INSERT INTO repricings (kind, source, occasion_id, wallet, part, number, reason, previous_tier, tier, was_first,
        is_first, previous_earned, earned, points, previous_shares, recorded_at)
    SELECT new.kind, new.source, new.occasion_id, new.wallet, new.part,
        COALESCE((SELECT max(number) FROM repricings AS before WHERE before.kind = new.kind
            AND before.source = new.source AND before.occasion_id = new.occasion_id
            AND before.wallet = new.wallet AND before.part = new.part), 0) + 1,
        reason, previous_tier, tier, was_first, is_first, previous_earned, earned, points,
        CAST(previous_shares AS json), CAST(:now AS timestamptz)
    FROM unnest(CAST(:kind AS text[]), CAST(:source AS text[]), CAST(:occasion_id AS text[]),
        CAST(:wallet AS text[]), CAST(:part AS integer[]), CAST(:reason AS text[]), CAST(:previous_tier AS text[]),
        CAST(:tier AS text[]), CAST(:was_first AS boolean[]), CAST(:is_first AS boolean[]),
        CAST(:previous_earned AS bigint[]), CAST(:earned AS bigint[]), CAST(:points AS bigint[]),
        CAST(:previous_shares AS text[]))
        AS new(kind, source, occasion_id, wallet, part, reason, previous_tier, tier, was_first, is_first,
            previous_earned, earned, points, previous_shares)
"""
_REPRICINGS = """
    SELECT kind, source, occasion_id, wallet, part, number, reason, previous_tier, tier, was_first, is_first,
        previous_earned, earned, points, previous_shares, recorded_at
    FROM repricings WHERE kind = :kind AND source = :source AND occasion_id = :occasion_id ORDER BY recorded_at, number
"""


async def add_repricings(tx: Transaction, repricings: Sequence[Repricing]) -> None:
    """Each with the next number of its accrual."""
    names = [name for name in Repricing._fields if name not in ("number", "recorded_at")]
    rows = [
        (*(getattr(one, name) for name in names[:-1]), shares.written(one.previous_shares))
        for one in sorted(repricings, key=itemgetter(0, 1, 2, 3, 4))
    ]
    await tx.execute(_ADD_REPRICINGS, {**columns(names, rows), "now": tx.now})


async def repricings(tx: Transaction, kind: str, key: Key) -> list[Repricing]:
    rows = await tx.fetch_all(_REPRICINGS, {"kind": kind, "source": key[0], "occasion_id": key[1]})
    return [Repricing._make(row)._replace(previous_shares=shares.read(row.previous_shares)) for row in rows]
