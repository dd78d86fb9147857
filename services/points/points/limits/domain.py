"""What limits of rules have been used, by whom and in which period; what is left; what comes back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from points.accruals.domain import Purchase, taken_in_total
from points.evaluation.calendar import birthday_year, next_birthday_year, week_start
from points.evaluation.earned import Evaluation
from points.evaluation.matching import Situation, Test, of_occasion
from points.evaluation.occasion import Birthday, Occasion, Person
from points.evaluation.rule import BIRTHDAY, BUDGET, EVER, ORDER, POINTS, Limit, Room, Rule
from points.evaluation.sums import spread

EVERYBODY = UUID(int=0)
"""Holds what is used of budgets."""

NOBODY = Person(EVERYBODY, "")

_UNLIMITED = 2**62


class RowKey(NamedTuple):
    """A rule's usage by a member, or by EVERYBODY, in a period: `ever`, `day:2026-11-22`, `week:` and its first day,
    `month:2026-11`, `year:2026`, `birthday:2026` (the nearest one, by the year of its own calendar).
    """

    rule: str
    holder: UUID
    period: str


@dataclass(slots=True)
class Row:
    points: int = 0
    uses: int = 0
    changed: bool = False


class Taking(NamedTuple):
    """What one occasion (kind, source, key) took of one row, and how much of that has come back. `by_line`: what its
    lines have of the points; None: in proportion to their nets.
    """

    kind: str
    source: str
    key: str
    rule: str
    holder: UUID
    period: str
    points: int
    uses: int
    points_back: int
    uses_back: int
    by_line: Sequence[int] | None = None

    @property
    def row(self) -> RowKey:
        return RowKey(self.rule, self.holder, self.period)

    @property
    def occasion(self) -> tuple[str, str, str]:
        return (self.kind, self.source, self.key)


class Exhausted(NamedTuple):
    """A budget in which nothing is left. `resets_on`: the first day of its next period, None for never."""

    rule: Rule
    limit: Limit
    resets_on: date | None


@lru_cache(maxsize=4_096)
def period_of(period: str, day: date, first_day_of_week: int) -> str:
    """The name of the period that a day of the programme's calendar lies in."""
    match period:
        case "day":
            return f"day:{day.isoformat()}"
        case "week":
            return f"week:{week_start(day, first_day_of_week).isoformat()}"
        case "month":
            return f"month:{day:%Y-%m}"
        case "year":
            return f"year:{day.year:04}"
    return EVER


def birthday_period(birthday: Birthday | None, day: date) -> str:
    """The birthday that is nearest to a day, so that days around one lie in one period whatever year they are in."""
    year = birthday_year(birthday, day) if birthday else None
    return f"{BIRTHDAY}:{day.year if year is None else year:04}"


def next_period(period: str, day: date, first_day_of_week: int, birthday: Birthday | None = None) -> date | None:
    """The first day of the period after the one that the day lies in; None for never."""
    try:
        match period:
            case "day":
                return day + timedelta(days=1)
            case "week":
                return week_start(day, first_day_of_week) + timedelta(days=7)
            case "month":
                return date(day.year + day.month // 12, day.month % 12 + 1, 1)
            case "year":
                return date(day.year + 1, 1, 1)
            case "birthday":
                return next_birthday_year(birthday, day) if birthday else None
    except (OverflowError, ValueError):
        pass
    return None


def rows_of(
    rule: Rule, member_id: UUID, day: date, first_day_of_week: int, birthday: Birthday | None = None
) -> list[tuple[Limit, RowKey | None]]:
    """Which row each limit of the rule counts in; limits per order count nowhere."""
    return [
        (
            limit,
            None
            if limit.scope == ORDER
            else RowKey(
                rule.key,
                EVERYBODY if limit.scope == BUDGET else member_id,
                # Apart, since what is remembered of other periods holds for everybody.
                birthday_period(birthday, day)
                if limit.period == BIRTHDAY
                else period_of(limit.period, day, first_day_of_week),
            ),
        )
        for limit in rule.limits
    ]


@dataclass(slots=True, kw_only=True)
class Usage:
    """The rows that matter for a batch while it is decided, and what is to be written of them."""

    first_day_of_week: int = 1
    rows: dict[RowKey, Row] = field(default_factory=dict)
    takings: dict[tuple[str, str, str], list[Taking]] = field(default_factory=dict)
    changed: dict[tuple[tuple[str, str, str], RowKey], Taking] = field(default_factory=dict)
    exhausted: list[Exhausted] = field(default_factory=list)
    birthdays: dict[UUID, Birthday] = field(default_factory=dict)

    def room(self, rule: Rule, person: Person, day: date) -> Room:
        """What the rule may still give the person on that day. Where that asks for a birthday, `take` needs it too."""
        least, tightest, birthday = _UNLIMITED, None, person.birthday
        if birthday is not None:
            self.birthdays[person.member_id] = birthday
        for limit, key in rows_of(rule, person.member_id, day, self.first_day_of_week, birthday):
            left = self._left(limit, key)
            if left <= 0:
                return Room(0, limit, limit, next_period(limit.period, day, self.first_day_of_week, birthday))
            if limit.unit == POINTS and left < least:
                least, tightest = left, limit
        if tightest is None:
            return Room()
        return Room(least, None, tightest, next_period(tightest.period, day, self.first_day_of_week, birthday))

    def _left(self, limit: Limit, key: RowKey | None) -> int:
        row = self.rows.get(key) if key else None
        if row is None:
            return limit.amount
        return limit.amount - (row.points if limit.unit == POINTS else row.uses)

    def take(
        self,
        evaluation: Evaluation,
        occasion: Occasion,
        member_id: UUID,
        day: date,
        *,
        purchase: Purchase | None = None,
    ) -> None:
        """Count what the occasion was given, less what has come back of its `purchase` already."""
        birthday = self.birthdays.get(member_id) if self.birthdays else None
        for rule, points, by_line in evaluation.used:
            found = rows_of(rule, member_id, day, self.first_day_of_week, birthday)
            rows = [(one, key) for one, key in found if key is not None]
            before = [self._left(limit, key) for limit, key in rows]
            for key in in_order({key for _, key in rows}):
                one = Taking(occasion.kind, occasion.source, occasion.key, *key, points, 1, 0, 0, by_line)
                if purchase is not None and purchase.returned:
                    one = give_back(one, purchase)
                self._move(one.row, points - one.points_back, 1 - one.uses_back)
                self.changed[one.occasion, one.row] = one
            for (limit, key), left in zip(rows, before, strict=True):
                if limit.scope == BUDGET and left > 0 >= self._left(limit, key):
                    resets_on = next_period(limit.period, day, self.first_day_of_week)
                    self.exhausted.append(Exhausted(rule, limit, resets_on))

    def release(self, kind: str, source: str, key: str) -> None:
        """Undo what an occasion took, so that it can be evaluated anew. Its takings must have been loaded."""
        for one in self.takings.pop((kind, source, key), []):
            self._move(one.row, one.points_back - one.points, one.uses_back - one.uses)
            nothing = one._replace(points=0, uses=0, points_back=0, uses_back=0, by_line=None)
            self.changed[one.occasion, one.row] = nothing

    def _move(self, key: RowKey, points: int, uses: int) -> None:
        row = self.rows.setdefault(key, Row())
        row.points += points
        row.uses += uses
        row.changed = True


def give_back(taking: Taking, purchase: Purchase) -> Taking:
    """The taking, by what has come back of its purchase now: of the points what its returns take of what the rule gave
    (so that a line gives back what it was given for), of the uses all once nothing is left. Never less than before.
    """
    by_line = taking.by_line
    if by_line is None and purchase.lines:
        by_line = spread(taking.points, [line[3] for line in purchase.lines])
    points = taken_in_total(purchase, taking.points, by_line)
    uses = taking.uses if purchase.returned and not purchase.survives else 0
    return taking._replace(points_back=max(points, taking.points_back), uses_back=max(uses, taking.uses_back))


def all_back(taking: Taking) -> Taking:
    """The taking of an occasion that counts no more."""
    return taking._replace(points_back=taking.points, uses_back=taking.uses)


def wanted_rows(
    rules: Iterable[Rule], occasions: Iterable[tuple[Occasion, UUID]], zone: ZoneInfo, first_day_of_week: int
) -> set[RowKey]:
    """All rows that these occasions could use: not those of rules whose amount, channel, shop or source they miss."""
    limited: dict[tuple[str, str], list[tuple[Rule, Test | None]]] = {}
    for rule in rules:
        if rule.counts:
            possible = of_occasion(rule.condition) if rule.condition else None
            limited.setdefault((rule.occasion, rule.activity), []).append((rule, possible))
    found: set[RowKey] = set()
    for occasion, member_id in occasions:
        situation = Situation(occasion, NOBODY, zone)
        for rule, possible in limited.get((occasion.kind, occasion.activity), ()):
            if possible is None or possible(situation):
                rows = rows_of(rule, member_id, situation.local.date(), first_day_of_week)
                found.update(key for _, key in rows if key is not None)
                if any(limit.period == BIRTHDAY for limit, _ in rows):
                    # Whose birthday it is and when is not known yet: the one of this year, or a neighbour's.
                    year = situation.local.year
                    found.update(RowKey(rule.key, member_id, f"{BIRTHDAY}:{year + more:04}") for more in (-1, 0, 1))
    return found


def in_order(keys: Iterable[RowKey]) -> list[RowKey]:
    """As PostgreSQL orders them. By the number of the UUID, whose own comparison is slow."""
    return sorted(keys, key=lambda one: (one.rule, one.holder.int, one.period))
