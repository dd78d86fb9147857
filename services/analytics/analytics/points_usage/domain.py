"""Points by day: earned, clawed back, repriced, written off, and what is outstanding after them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from analytics.calendar.domain import Calendar, Period, Range

Kind = Literal["earned", "clawed_back", "repriced"]

DEBT_POLICY = "allow_negative"
"""Under this policy a shortfall stays as the member's debt; under any other nobody owes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementFact:
    """A movement: (`member_id`, `wallet`, `sequence`) is its identity; `points` is signed when repriced."""

    member_id: UUID
    wallet: str
    sequence: int
    kind: Kind
    points: int
    written_off: int
    balance: int
    debt: int
    occurred_at: datetime
    day: date
    order_source: str
    order_id: str
    rule: str
    rule_version: int
    body_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsCounted:
    """What movements add to one day of one wallet type."""

    day: date
    wallet: str
    movements: int = 0
    earned: int = 0
    clawed_back: int = 0
    repriced: int = 0
    written_off: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsSums:
    """Sums over some days, in points."""

    movements: int = 0
    earned: int = 0
    clawed_back: int = 0
    repriced: int = 0
    written_off: int = 0

    @property
    def outstanding(self) -> int:
        """What these movements add to members' balances less their debts."""
        return self.earned + self.repriced - self.clawed_back + self.written_off


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsPeriod:
    """One period; `sums`, and `outstanding` at its end, are None unless it is over and wholly asked for."""

    span: Range
    finished: bool
    sums: PointsSums | None
    outstanding: int | None


def written_off(shortfall: int, policy: str) -> int:
    """What nobody owes of a shortfall: of points that were to be taken and were not there."""
    return 0 if policy == DEBT_POLICY else shortfall


def counted(fact: MovementFact) -> PointsCounted:
    """What one movement adds to its day."""
    return PointsCounted(
        day=fact.day,
        wallet=fact.wallet,
        movements=1,
        earned=fact.points if fact.kind == "earned" else 0,
        clawed_back=fact.points if fact.kind == "clawed_back" else 0,
        repriced=fact.points if fact.kind == "repriced" else 0,
        written_off=fact.written_off,
    )


def folded(many: Iterable[PointsCounted]) -> list[PointsCounted]:
    """One entry for each day and wallet type, sorted; those that come to nothing are left out."""
    sums: dict[tuple[date, str], list[int]] = {}
    for one in many:
        row = sums.setdefault((one.day, one.wallet), [0, 0, 0, 0, 0])
        row[0] += one.movements
        row[1] += one.earned
        row[2] += one.clawed_back
        row[3] += one.repriced
        row[4] += one.written_off
    return [
        PointsCounted(
            day=day,
            wallet=wallet,
            movements=row[0],
            earned=row[1],
            clawed_back=row[2],
            repriced=row[3],
            written_off=row[4],
        )
        for (day, wallet), row in sorted(sums.items())
        if any(row)
    ]


def summed(many: Iterable[PointsSums]) -> PointsSums:
    movements = earned = clawed_back = repriced = written = 0
    for one in many:
        movements += one.movements
        earned += one.earned
        clawed_back += one.clawed_back
        repriced += one.repriced
        written += one.written_off
    return PointsSums(
        movements=movements, earned=earned, clawed_back=clawed_back, repriced=repriced, written_off=written
    )


def series(
    days: Mapping[date, PointsSums], outstanding_before: int, over: Range, calendar: Calendar, period: Period
) -> list[PointsPeriod]:
    """The periods that `over` touches; `outstanding_before` is what was outstanding before `over` began."""
    outstanding = outstanding_before
    result = []
    for span in calendar.spans(over, period):
        sums = summed(amounts for day, amounts in days.items() if day in span and day in over)
        outstanding += sums.outstanding
        finished = calendar.finished(span)
        known = finished and span.first in over and span.last in over
        result.append(
            PointsPeriod(
                span=span,
                finished=finished,
                sums=sums if known else None,
                outstanding=outstanding if known else None,
            )
        )
    return result
