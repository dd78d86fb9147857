"""Points by day and kind of movement, and what is outstanding after them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from analytics.calendar.domain import Calendar, Period, Range

EARNED, PENDING, RELEASED = "earned", "pending", "released"
CLAWED_BACK, REPRICED = "clawed_back", "repriced"
REDEEMED, GIVEN_BACK, EXPIRED, UNEXPIRED = "redeemed", "given_back", "expired", "unexpired"
HELD, HOLD_ENDED = "held", "hold_ended"
ADJUSTED_UP, ADJUSTED_DOWN = "adjusted_up", "adjusted_down"
TRANSFERRED_IN, TRANSFERRED_OUT = "transferred_in", "transferred_out"

SIGNS: Mapping[str, int] = {
    **dict.fromkeys((EARNED, RELEASED, GIVEN_BACK, ADJUSTED_UP, TRANSFERRED_IN, REPRICED, UNEXPIRED), 1),
    **dict.fromkeys((CLAWED_BACK, REDEEMED, EXPIRED, ADJUSTED_DOWN, TRANSFERRED_OUT), -1),
    **dict.fromkeys((PENDING, HELD, HOLD_ENDED), 0),
}
"""Kind → what its points do to what is outstanding. `repriced` is signed itself, all others are sizes. `unexpired`
is no event of its own: of what a return took it had been told as expired before."""
WAITING_SIGNS: Mapping[str, int] = {**SIGNS, PENDING: 1, RELEASED: -1}
"""Kind → what the waiting part of its points does to what waits. All points of `pending` and `released` do."""

DEBT_POLICY = "allow_negative"
"""Under this policy a shortfall stays as the member's debt; under any other nobody owes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementFact:
    """A movement: (`member_id`, `wallet`, `sequence`) is its identity. `waiting` of the points were not spendable,
    `unexpired` of them had expired before they were taken. `shares` are (rule, version, points) of a credit.
    """

    member_id: UUID
    wallet: str
    sequence: int
    kind: str
    points: int
    written_off: int
    waiting: int
    unexpired: int
    balance: int
    debt: int
    occurred_at: datetime
    day: date
    order_source: str
    order_id: str
    shares: tuple[tuple[str, int, int], ...]
    body_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsCounted:
    """What movements of one kind add to one day of one wallet type."""

    day: date
    wallet: str
    kind: str
    movements: int = 0
    points: int = 0
    written_off: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCounted:
    """What one version of a rule gave on one day."""

    day: date
    wallet: str
    rule: str
    version: int
    credits: int = 0
    points: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Sums of one kind."""

    movements: int = 0
    points: int = 0
    written_off: int = 0
    waiting: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            movements=self.movements + other.movements,
            points=self.points + other.points,
            written_off=self.written_off + other.written_off,
            waiting=self.waiting + other.waiting,
        )


NONE = Tally()


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsSums:
    """Sums over some days, in points, by kind."""

    kinds: Mapping[str, Tally] = field(default_factory=dict)

    def points(self, kind: str) -> int:
        return self.kinds.get(kind, NONE).points

    @property
    def movements(self) -> int:
        return sum(one.movements for one in self.kinds.values())

    @property
    def earned(self) -> int:
        """Credited for purchases and activities, those that wait included."""
        return self.points(EARNED) + self.points(PENDING)

    @property
    def clawed_back(self) -> int:
        return self.points(CLAWED_BACK)

    @property
    def repriced(self) -> int:
        return self.points(REPRICED)

    @property
    def written_off(self) -> int:
        return sum(one.written_off for one in self.kinds.values())

    @property
    def outstanding(self) -> int:
        """What these movements add to members' balances, held points included, less their debts."""
        return self.written_off + sum(
            SIGNS.get(kind, 0) * (one.points - (0 if kind == RELEASED else one.waiting))
            for kind, one in self.kinds.items()
        )

    @property
    def waiting(self) -> int:
        """What they add to the points that wait."""
        return sum(WAITING_SIGNS.get(kind, 0) * one.waiting for kind, one in self.kinds.items())


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


def counted(facts: Iterable[MovementFact]) -> list[PointsCounted]:
    """What movements add to their days: one entry for each day, wallet type and kind, sorted."""
    return folded(one for fact in facts for one in _counted(fact))


def _counted(fact: MovementFact) -> Iterator[PointsCounted]:
    yield PointsCounted(
        day=fact.day,
        wallet=fact.wallet,
        kind=fact.kind,
        movements=1,
        points=fact.points,
        written_off=fact.written_off,
        waiting=fact.waiting,
    )
    if fact.unexpired:
        yield PointsCounted(day=fact.day, wallet=fact.wallet, kind=UNEXPIRED, points=fact.unexpired)


def folded(many: Iterable[PointsCounted]) -> list[PointsCounted]:
    """One entry for each day, wallet type and kind, sorted; those that come to nothing are left out."""
    sums: dict[tuple[date, str, str], list[int]] = {}
    for one in many:
        row = sums.setdefault((one.day, one.wallet, one.kind), [0, 0, 0, 0])
        row[0] += one.movements
        row[1] += one.points
        row[2] += one.written_off
        row[3] += one.waiting
    return [
        PointsCounted(
            day=day, wallet=wallet, kind=kind, movements=row[0], points=row[1], written_off=row[2], waiting=row[3]
        )
        for (day, wallet, kind), row in sorted(sums.items())
        if any(row)
    ]


def by_rule(facts: Iterable[MovementFact], *, factor: int = 1) -> list[RuleCounted]:
    """What the rules gave: one entry for each day, wallet type, rule and version, sorted. `factor` -1 takes it away."""
    sums: dict[tuple[date, str, str, int], list[int]] = {}
    for fact in facts:
        for rule, version, points in fact.shares:
            row = sums.setdefault((fact.day, fact.wallet, rule, version), [0, 0])
            row[0] += factor
            row[1] += factor * points
    return [
        RuleCounted(day=day, wallet=wallet, rule=rule, version=version, credits=row[0], points=row[1])
        for (day, wallet, rule, version), row in sorted(sums.items())
    ]


def summed(many: Iterable[PointsSums]) -> PointsSums:
    kinds: dict[str, Tally] = {}
    for one in many:
        for kind, tally in one.kinds.items():
            kinds[kind] = kinds.get(kind, NONE) + tally
    return PointsSums(kinds=kinds)


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
