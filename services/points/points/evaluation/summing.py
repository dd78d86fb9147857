"""Exact sums: rates add, multipliers multiply them one after another, fixed points come on top, limits cut last."""

from collections.abc import Mapping

from points.evaluation.formula import Formula, Given, Taken
from points.evaluation.occasion import Occasion
from points.evaluation.rule import Limit, Room
from points.evaluation.sums import rounded, whole_parts


class Sum:
    """What a formula gives for an occasion: `numerators[i]` / `denominator` points by its rule `i`.

    `bases[i]` is what a rate applied to (minor units). `by_line` is what rates and multipliers give by line, None
    unless rules look at lines.
    """

    __slots__ = ("bases", "by_line", "cuts", "denominator", "formula", "limits", "numerators")

    def __init__(self, formula: Formula, occasion: Occasion, rooms: Mapping[str, Room]) -> None:
        self.formula = formula
        self.denominator = formula.denominator
        self.by_line: list[int] | None = None
        self.cuts: list[int] | None = None
        self.limits: list[Limit | None] | None = None
        if formula.filters and occasion.lines:
            self._add_lines(formula, occasion)
        else:
            basis, (by_rule, _, rates) = occasion.basis, formula.plain
            self.numerators = [basis * each + fixed for each, fixed in zip(by_rule, formula.fixed, strict=True)]
            self.bases = [basis * rate for rate in rates]
        if rooms and formula.limited:
            self._cut(rooms)

    def _add_lines(self, formula: Formula, occasion: Occasion) -> None:
        """Minor units that the same filters take are counted together; what lies beside the lines no filter takes."""
        amounts: dict[Taken, int] = {}
        self.by_line = []
        beside = occasion.basis
        for line in occasion.lines:
            taken = tuple([one.takes(line) for one in formula.filters])
            amounts[taken] = amounts.get(taken, 0) + line.net
            beside -= line.net
            self.by_line.append(line.net * formula.given(taken).by_all)
        parts: list[tuple[int, Given]] = [(amount, formula.given(taken)) for taken, amount in amounts.items()]
        parts.append((beside, formula.plain))
        self.numerators = [
            fixed + sum([amount * given.by_rule[place] for amount, given in parts])
            for place, fixed in enumerate(formula.fixed)
        ]
        self.bases = [
            sum([amount * given.rates[place] for amount, given in parts]) for place in range(len(formula.entries))
        ]

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
