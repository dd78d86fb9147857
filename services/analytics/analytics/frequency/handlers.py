"""How often members buy, for a range of days."""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.calendar.domain import Range
from analytics.frequency import domain, store
from common.storage import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency:
    repeats: domain.Repeats
    distribution: Sequence[domain.Step]
    gaps: domain.Gaps


async def frequency(tx: Transaction, over: Range, *, same_day_once: bool) -> Frequency:
    """With `same_day_once` a member's purchases of one local day count as one."""
    buyers, gaps = await store.counts(tx, over, same_day_once=same_day_once)
    return Frequency(
        repeats=domain.repeats(buyers),
        distribution=domain.distribution(buyers),
        gaps=domain.gaps(gaps),
    )
