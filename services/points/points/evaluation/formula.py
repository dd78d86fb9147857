"""What rules that pay into one wallet give together, worked out before any amount is known.

A rate gives points for each minor unit and a multiplier multiplies that, so what a rule gives is linear in the basis;
fixed points come on top. Where rules look at lines, minor units differ by which of the rules' filters take their line.
The same rules match again and again, so that this need not be done for each purchase.
"""

from collections.abc import Sequence
from math import lcm
from typing import NamedTuple

from points.evaluation.conditions import LineFilter
from points.evaluation.entry import FIXED, MULTIPLIER, RATE, Entry
from points.evaluation.occasion import Line

MAX_REMEMBERED = 256
"""How many products and categories a formula remembers."""


class MinorUnit(NamedTuple):
    """What one minor unit gives, over the formula's denominator: by each rule, by all; and where `by_rule` differs from
    a minor unit that no filter takes, by how much (None: it does not). `rates` are the places of rates that take it.
    """

    by_rule: tuple[int, ...]
    by_all: int
    rates: tuple[int, ...]
    more: tuple[int, ...] | None


class Formula:
    """The rules `entries` for a member of one tier.

    `fixed` points by each rule (over the denominator); `factors`: multipliers as written, "" for others; `told`: key,
    version, whether it is a rate, and factor. `plain` is a minor unit that no filter takes. `simple`, where no rule has
    limits or own terms: by each rule, points per plain minor unit and fixed points.
    """

    __slots__ = (
        "_by_taken",
        "_of_lines",
        "_tier",
        "denominator",
        "entries",
        "factors",
        "filters",
        "fixed",
        "limited",
        "own_terms",
        "plain",
        "simple",
        "told",
    )

    def __init__(self, entries: Sequence[Entry], tier: str) -> None:
        # One denominator that all rates and factors divide, so that nothing is scaled on the way.
        per, downs = 1, 1
        factors = [""] * len(entries)
        for place, entry in enumerate(entries):
            if entry.kind == RATE:
                per = lcm(per, entry.per)
            elif entry.kind == MULTIPLIER:
                factor = entry.by_tier.get(tier, entry.factor)
                factors[place] = factor.text
                downs *= factor.denominator
        self._tier = tier
        self.entries = tuple(entries)
        self.denominator = per * downs
        self.factors = tuple(factors)
        self.fixed = tuple(entry.points * self.denominator if entry.kind == FIXED else 0 for entry in entries)
        self.filters: tuple[LineFilter, ...] = tuple({entry.lines: None for entry in entries if entry.lines})
        self.limited = any(entry.limited for entry in entries)
        self.own_terms = any(entry.own_terms for entry in entries)
        self._of_lines: dict[tuple[str, str], MinorUnit] = {}
        self.plain = self._work_out((False,) * len(self.filters), None)
        self.told = tuple(
            (entry.rule.key, entry.rule.version, entry.kind == RATE, factor)
            for entry, factor in zip(self.entries, factors, strict=True)
        )
        given = zip(self.plain.by_rule, self.fixed, strict=True)
        self.simple = () if self.limited or self.own_terms else tuple(given)
        self._by_taken = {(False,) * len(self.filters): self.plain}

    def of_line(self, line: Line) -> MinorUnit:
        """A minor unit of that line."""
        named = (line.sku, line.category)
        found = self._of_lines.get(named)
        if found is None:
            taken = tuple(one.takes(line) for one in self.filters)
            found = self._by_taken.get(taken)
            if found is None:
                found = self._by_taken[taken] = self._work_out(taken, self.plain)
            if len(self._of_lines) >= MAX_REMEMBERED:
                self._of_lines.clear()
            self._of_lines[named] = found
        return found

    def _work_out(self, taken: Sequence[bool], plain: MinorUnit | None) -> MinorUnit:
        applies: dict[LineFilter | None, bool] = {None: True, **dict(zip(self.filters, taken, strict=True))}
        by_rule = [0] * len(self.entries)
        rates: list[int] = []
        running = 0
        for place, entry in enumerate(self.entries):
            if entry.kind == RATE and applies[entry.lines]:
                rates.append(place)
                by_rule[place] = entry.points * (self.denominator // entry.per)
                running += by_rule[place]
        for place, entry in enumerate(self.entries):
            if entry.kind == MULTIPLIER and applies[entry.lines]:
                # The share of a multiplier is what it adds to what rates and earlier multipliers gave.
                _, up, down = entry.by_tier.get(self._tier, entry.factor)
                by_rule[place] = running // down * (up - down)
                running += by_rule[place]
        more = tuple(own - other for own, other in zip(by_rule, plain.by_rule, strict=True)) if plain else None
        return MinorUnit(tuple(by_rule), running, tuple(rates), more)
