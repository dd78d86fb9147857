"""Exact sums: rates add, multipliers multiply them one after another, fixed points come on top, limits cut last."""

from collections.abc import Mapping, Sequence
from math import lcm

from points.evaluation.book import FIXED, MULTIPLIER, RATE, Entry
from points.evaluation.occasion import Line, Occasion
from points.evaluation.rule import Factor, Limit, Room
from points.evaluation.sums import rounded, whole_parts


class Sum:
    """One wallet's rules and what each gives: `numerators[i]` / `denominator` points by `entries[i]`."""

    __slots__ = (
        "bases",
        "by_line",
        "cuts",
        "denominator",
        "entries",
        "factors",
        "limits",
        "numerators",
        "of_limited",
        "own_terms",
    )

    def __init__(self, entries: Sequence[Entry], occasion: Occasion, tier: str, rooms: Mapping[str, Room]) -> None:
        self.entries = entries
        self.denominator = 1
        self.own_terms = False
        self.numerators = [0] * len(entries)
        self.bases = [0] * len(entries)
        self.factors = [""] * len(entries)
        self.by_line: list[int] | None = None
        self.of_limited: dict[int, list[int]] = {}
        """By place of a rule with limits: in which proportion lines have a share in it. Not there: by their nets."""
        self.cuts: list[int] | None = None
        self.limits: list[Limit | None] | None = None
        self._add(entries, occasion, tier)
        if rooms:
            self._cut(rooms)

    def _add(self, entries: Sequence[Entry], occasion: Occasion, tier: str) -> None:
        """Over one denominator that all rates and factors divide, so that nothing is scaled on the way."""
        per, downs, filtered = 1, 1, False
        multipliers: list[tuple[int, Entry, Factor]] = []
        for place, entry in enumerate(entries):
            if entry.kind == RATE:
                per = lcm(per, entry.per) if per % entry.per else per
            elif entry.kind == MULTIPLIER:
                factor = entry.by_tier.get(tier, entry.factor)
                self.factors[place] = factor.text
                downs *= factor.denominator
                multipliers.append((place, entry, factor))
            if entry.lines is not None:
                filtered = True
            if entry.own_terms:
                self.own_terms = True
        self.denominator = denominator = per * downs
        lines = occasion.lines if filtered else ()
        running = self._rates(entries, occasion.basis, lines, denominator)
        for place, entry, factor in multipliers:
            if factor.numerator != factor.denominator:
                running += self._multiply(place, entry, factor, running, lines)
        for place, entry in enumerate(entries):
            if entry.kind == FIXED:
                self.numerators[place] = entry.points * denominator

    def _rates(self, entries: Sequence[Entry], whole: int, lines: Sequence[Line], denominator: int) -> int:
        """What rates give together, and of it by line where rules look at lines."""
        nets = [line.net for line in lines]
        by_line = [0] * len(nets)
        running = 0
        for place, entry in enumerate(entries):
            if entry.kind == RATE:
                own, basis = nets, whole
                if entry.lines is not None:
                    takes = entry.lines.takes
                    own = [line.net if takes(line) else 0 for line in lines]
                    basis = sum(own)
                scale = entry.points * (denominator // entry.per)
                self.bases[place], self.numerators[place] = basis, basis * scale
                running += basis * scale
                if own:
                    if entry.limited:
                        self.of_limited[place] = own
                    by_line = [before + net * scale for before, net in zip(by_line, own, strict=True)]
        self.by_line = by_line if lines else None
        return running

    def _multiply(self, place: int, entry: Entry, factor: Factor, running: int, lines: Sequence[Line]) -> int:
        """The share of a multiplier is what it adds to what rates and earlier multipliers gave."""
        up, down = factor.numerator, factor.denominator
        more = self.by_line
        if entry.lines is not None:
            takes = entry.lines.takes
            if self.by_line is None:
                return 0
            more = [
                of_line // down * (up - down) if takes(line) else 0
                for of_line, line in zip(self.by_line, lines, strict=True)
            ]
            extra = sum(more)
            self.by_line = [of_line + of_more for of_line, of_more in zip(self.by_line, more, strict=True)]
        else:
            extra = running // down * (up - down)
            if self.by_line is not None:
                self.by_line = [of_line // down * up for of_line in self.by_line]
        if more is not None and entry.limited and extra > 0:
            self.of_limited[place] = more
        self.numerators[place] = extra
        return extra

    def _cut(self, rooms: Mapping[str, Room]) -> None:
        self.cuts = [0] * len(self.entries)
        self.limits = [None] * len(self.entries)
        for place, entry in enumerate(self.entries):
            room = rooms.get(entry.rule.key) if entry.limited else None
            if room is not None and room.points is not None:
                over = self.numerators[place] - room.points * self.denominator
                if over > 0:
                    self.numerators[place] -= over
                    self.cuts[place] = -(-over // self.denominator)
                    self.limits[place] = room.tightest
        missing = -sum(self.numerators)
        for place in reversed(range(len(self.entries))):
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
