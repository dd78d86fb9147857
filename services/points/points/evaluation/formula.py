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

Taken = tuple[bool, ...]
"""Of each filter of a formula: does it take the line?"""


class Given(NamedTuple):
    """For one minor unit, over the formula's denominator: points by each rule, and by all. `rates` says of each rule
    whether it is a rate that takes it.
    """

    by_rule: tuple[int, ...]
    by_all: int
    rates: tuple[bool, ...]


class Formula:
    """The rules `entries` for a member of one tier.

    `fixed` points by each rule (over the denominator); `factors`: multipliers as written, "" for others. `plain`: a
    minor unit of no line, or when no rule looks at lines.
    """

    __slots__ = (
        "_given",
        "_tier",
        "denominator",
        "entries",
        "factors",
        "filters",
        "fixed",
        "limited",
        "own_terms",
        "plain",
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
        self.entries = tuple(entries)
        self.denominator = per * downs
        self.factors = tuple(factors)
        self.fixed = tuple(entry.points * self.denominator if entry.kind == FIXED else 0 for entry in entries)
        self.filters: tuple[LineFilter, ...] = tuple({entry.lines: None for entry in entries if entry.lines})
        self.limited = any(entry.limited for entry in entries)
        self.own_terms = any(entry.own_terms for entry in entries)
        self._tier = tier
        self._given: dict[Taken, Given] = {}
        self.plain = self.given((False,) * len(self.filters))

    def given(self, taken: Taken) -> Given:
        """For a minor unit of a line that these filters take."""
        found = self._given.get(taken)
        if found is None:
            found = self._given[taken] = self._work_out(taken)
        return found

    def _work_out(self, taken: Taken) -> Given:
        applies: dict[LineFilter | None, bool] = {None: True, **dict(zip(self.filters, taken, strict=True))}
        by_rule = [0] * len(self.entries)
        rates = [False] * len(self.entries)
        running = 0
        for place, entry in enumerate(self.entries):
            if entry.kind == RATE and applies[entry.lines]:
                rates[place] = True
                by_rule[place] = entry.points * (self.denominator // entry.per)
                running += by_rule[place]
        for place, entry in enumerate(self.entries):
            if entry.kind == MULTIPLIER and applies[entry.lines]:
                # The share of a multiplier is what it adds to what rates and earlier multipliers gave.
                _, up, down = entry.by_tier.get(self._tier, entry.factor)
                by_rule[place] = running // down * (up - down)
                running += by_rule[place]
        return Given(tuple(by_rule), running, tuple(rates))
