"""Exact sums: rates add, multipliers multiply them one after another, fixed points come on top, limits cut last."""

from collections.abc import Mapping

from points.evaluation.entry import FIXED
from points.evaluation.formula import Formula, MinorUnit
from points.evaluation.occasion import Line, Occasion
from points.evaluation.rule import Limit, Room
from points.evaluation.sums import rounded, whole_parts


class Sum:
    """What a formula gives for an occasion: `numerators[i]` / `denominator` points by its rule `i`.

    `bases[i]` is what a rate applied to (minor units). `lines` are the net and the minor unit of each line, None unless
    rules look at lines.
    """

    __slots__ = ("bases", "cuts", "denominator", "formula", "limits", "lines", "numerators")

    def __init__(self, formula: Formula, occasion: Occasion, rooms: Mapping[str, Room]) -> None:
        basis, plain = occasion.basis, formula.plain
        self.formula = formula
        self.denominator = formula.denominator
        self.numerators = [basis * each + fixed for each, fixed in zip(plain.by_rule, formula.fixed, strict=True)]
        self.bases = [0] * len(self.numerators)
        for place in plain.rates:
            self.bases[place] = basis
        self.lines: list[tuple[int, MinorUnit]] | None = None
        self.cuts: list[int] | None = None
        self.limits: list[Limit | None] | None = None
        if formula.filters and occasion.lines:
            self.lines = [self._add_line(line) for line in occasion.lines]
        if formula.limited and rooms:
            self._cut(rooms)

    def _add_line(self, line: Line) -> tuple[int, MinorUnit]:
        """Add what filters give more, or less, for it."""
        net, unit = line.net, self.formula.of_line(line)
        if unit.more is not None:
            self.numerators = [have + net * more for have, more in zip(self.numerators, unit.more, strict=True)]
            for place in unit.rates:
                if self.formula.entries[place].lines is not None:
                    self.bases[place] += net
        return net, unit

    def by_line(self) -> list[int] | None:
        """What rates and multipliers give for each line, over the denominator; None: as the lines' nets are."""
        return None if self.lines is None else [net * unit.by_all for net, unit in self.lines]

    def by_line_of(self, place: int) -> list[int] | None:
        """The same of one rule; fixed points are given for the whole order."""
        if self.lines is None or self.formula.entries[place].kind == FIXED:
            return None
        return [net * unit.by_rule[place] for net, unit in self.lines]

    def _cut(self, rooms: Mapping[str, Room]) -> None:
        entries = self.formula.entries
        self.cuts = [0] * len(entries)
        self.limits = [None] * len(entries)
        for place, entry in enumerate(entries):
            room = rooms.get(entry.rule.key) if entry.limited else None
            if room is not None and room.points is not None:
                over = self.numerators[place] - room.points * self.denominator
                if over > 0:
                    self.numerators[place] -= over
                    self.cuts[place] = -(-over // self.denominator)
                    self.limits[place] = room.tightest
        missing = -sum(self.numerators)
        for place in reversed(range(len(entries))):
            if missing <= 0:
                break
            # A factor below 1 took from points that limits have cut away: it takes no more than there is.
            if self.numerators[place] < 0:
                less = min(missing, -self.numerators[place])
                self.numerators[place] += less
                missing -= less

    def points(self, rounding: str) -> list[int]:
        """Whole points of each rule: together the sum, rounded once."""
        total = rounded(sum(self.numerators), self.denominator, rounding)
        if len(self.numerators) == 1:
            return [total]
        return whole_parts(self.numerators, self.denominator, total)
