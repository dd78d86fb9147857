"""Cohorts: members by the period of their first purchase, and how many of them bought again k periods later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from analytics.calendar.domain import Calendar, Period, Range, following

MAX_COHORTS = 400
MAX_LATER = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Members of the cohort with a purchase `later` periods after it began, and their share; None while unfinished."""

    later: int
    members: int | None
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Members whose first purchase ever fell into `span`; `size` is None while the period is not over."""

    span: Range
    size: int | None
    cells: Sequence[Cell]


def spans(over: Range, calendar: Calendar, period: Period, *, later: int) -> tuple[list[Range], list[Range]]:
    """The cohorts' periods (whole periods that `over` touches), and all periods that cells can need, in order.

    Raises RangeTooLongError.
    """
    cohorts = calendar.spans(over, period, limit=MAX_COHORTS)
    every = list(cohorts)
    while len(every) < len(cohorts) + later and every[-1].first <= calendar.today:
        start = following(every[-1].first, period)
        every.append(calendar.whole(start, period))
    return cohorts, every


def table(
    cohorts: Sequence[Range],
    every: Sequence[Range],
    active: Mapping[tuple[date, date], int],
    calendar: Calendar,
    *,
    later: int,
) -> list[Cohort]:
    """`active` counts members by (first day of the cohort's period, first day of the period they bought in)."""
    result = []
    for place, span in enumerate(cohorts):
        known = calendar.finished(span)
        size = active.get((span.first, span.first), 0) if known else None
        cells = []
        for k in range(later + 1):
            if place + k >= len(every) or not calendar.finished(every[place + k]):
                cells.append(Cell(later=k, members=None, share=None))
                continue
            members = active.get((span.first, every[place + k].first), 0)
            cells.append(Cell(later=k, members=members, share=round(members / size, 4) if size else None))
        result.append(Cohort(span=span, size=size, cells=cells))
    return result
