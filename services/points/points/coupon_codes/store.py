"""All SQL of wrong tries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from common.storage import Transaction

_COUNTS = """
    SELECT who, window_start, wrong FROM coupon_tries
    WHERE who = ANY(CAST(:who AS text[])) AND window_start IN (:before, :current)
"""
_ADD = """
    INSERT INTO coupon_tries (who, window_start, wrong)
    SELECT who, :current, :wrong FROM unnest(CAST(:who AS text[])) AS tried(who) ORDER BY who
    ON CONFLICT (who, window_start) DO UPDATE SET wrong = coupon_tries.wrong + excluded.wrong
"""
_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended(:who, 0))"
_FORGET = "DELETE FROM coupon_tries WHERE window_start < :before"


async def counts(
    tx: Transaction, who: Sequence[str], *, before: datetime, current: datetime
) -> dict[tuple[str, datetime], int]:
    """Wrong tries by (who, start of the window)."""
    rows: Sequence[Any] = await tx.fetch_all(_COUNTS, {"who": list(who), "before": before, "current": current})
    return {(row.who, row.window_start): row.wrong for row in rows}


async def add(tx: Transaction, who: Sequence[str], *, current: datetime, wrong: int) -> None:
    await tx.execute(_ADD, {"who": sorted(who), "current": current, "wrong": wrong})


async def take_turns(tx: Transaction, who: str) -> None:
    """Two that try codes for the same one at the same time do so one after the other."""
    await tx.execute(_TAKE_TURNS, {"who": f"coupon_tries {who}"})


async def forget(tx: Transaction, before: datetime) -> None:
    await tx.execute(_FORGET, {"before": before})
