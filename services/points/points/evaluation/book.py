"""All published versions of all rules, and which of them count for what happened then and was recorded then."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from points.evaluation.conditions import (
    BirthdayNear,
    FirstPurchase,
    Lines,
    Registered,
    Segment,
    parts,
)
from points.evaluation.entry import Entry
from points.evaluation.formula import Formula
from points.evaluation.matching import Situation
from points.evaluation.narrowing import WORDS, Known, asks_the_day, mentioned, narrowed
from points.evaluation.occasion import PURCHASE, Occasion
from points.evaluation.rule import Multiplier, Rate, Retirement, Rule
from points.evaluation.teams import Team, teams_of

FIRST_PURCHASE, BIRTHDAY, SEGMENTS, REGISTERED = "first_purchase", "birthday", "segments", "registered"
LINES, LIMITS = "lines", "limits"
"""What a book may need to be told beside the purchase and the tier."""


MAX_REMEMBERED = 1_024
"""How many answers of each kind a plan remembers."""


Together = tuple[str | Entry, ...]
"""A tier and the rules that match together."""


class Plan:
    """The rules for one kind of occasion, in the order they are looked at.

    `ends`: some of them may end it for others.
    """

    __slots__ = (
        "_by_day",
        "_channels",
        "_formulas",
        "_narrowed",
        "_shops",
        "_sources",
        "_teams",
        "_tiers",
        "ends",
        "entries",
    )

    def __init__(self, rules: Iterable[Rule]) -> None:
        ordered = sorted(rules, key=lambda rule: (-rule.priority, not rule.exclusive, rule.key))
        self.entries = tuple(Entry(rule, rule.condition) for rule in ordered)
        self.ends = any(rule.exclusive or rule.stop for rule in ordered)
        self._tiers, self._channels, self._shops, self._sources = mentioned(rule.condition for rule in ordered)
        self._by_day = asks_the_day(rule.condition for rule in ordered)
        self._narrowed: dict[tuple[str | date | None, ...], tuple[Entry, ...]] = {}
        self._teams: dict[Together, tuple[Team, ...]] = {}
        self._formulas: dict[Together, Formula] = {}

    def narrowed(self, situation: Situation) -> tuple[Entry, ...]:
        """The rules that tier, channel, shop, source and the day do not rule out, asking only for the rest."""
        tier, occasion = situation.person.tier, situation.occasion
        channel, shop, source = occasion.channel, occasion.shop, occasion.source
        words = (
            tier if tier in self._tiers else None,
            channel if channel in self._channels else None,
            shop if shop in self._shops else None,
            source if source in self._sources else None,
            situation.local.date() if self._by_day else None,
        )
        found = self._narrowed.get(words)
        if found is None:
            if len(self._narrowed) >= MAX_REMEMBERED:
                self._narrowed.clear()
            known: Known = dict(zip(WORDS, words[:4], strict=True))
            found = self._narrowed[words] = tuple(self._narrow(known, situation))
        return found

    def teams(self, chosen: Sequence[Entry], tier: str) -> tuple[Team, ...]:
        """These rules, which match together, by wallet in the order they come."""
        key: Together = (tier, *chosen)
        found = self._teams.get(key)
        if found is None:
            if len(self._teams) >= MAX_REMEMBERED:
                self._teams.clear()
            found = self._teams[key] = teams_of(chosen, tier)
        return found

    def formula(self, entries: Sequence[Entry], tier: str) -> Formula:
        """Of these rules, which pay into one wallet."""
        key: Together = (tier, *entries)
        found = self._formulas.get(key)
        if found is None:
            if len(self._formulas) >= MAX_REMEMBERED:
                self._formulas.clear()
            found = self._formulas[key] = Formula(entries, tier)
        return found

    def _narrow(self, known: Known, situation: Situation) -> Iterable[Entry]:
        for entry in self.entries:
            condition = entry.rule.condition
            rest = True if condition is None else narrowed(condition, known, situation)
            if rest is condition:
                yield entry
            elif rest is not False:
                yield Entry(entry.rule, None if rest is True else rest)


NOTHING = Plan(())


class Valid:
    """The versions that count at one time."""

    __slots__ = ("_activities", "_purchases", "rules")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        by_activity: defaultdict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            if rule.occasion != PURCHASE:
                by_activity[rule.activity].append(rule)
        self._purchases = Plan(rule for rule in rules if rule.occasion == PURCHASE)
        self._activities = {activity: Plan(found) for activity, found in by_activity.items()}

    def plan(self, occasion: Occasion) -> Plan:
        if occasion.kind == PURCHASE:
            return self._purchases
        return self._activities.get(occasion.activity, NOTHING)


class Book:
    """`needs`: which facts any of its rules asks for; what is not in it need not be loaded."""

    def __init__(self, rules: Iterable[Rule], retirements: Iterable[Retirement] = ()) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: (rule.key, rule.version)))
        self.retirements = tuple(retirements)
        self.needs = frozenset(_needs(self.rules))
        self._occurred = sorted(
            {rule.effective_from for rule in self.rules} | {end.retired_from for end in self.retirements}
        )
        self._recorded = sorted(
            {rule.published_at for rule in self.rules} | {end.recorded_at for end in self.retirements}
        )
        self._valid: dict[tuple[int, int], Valid] = {}

    def valid_at(self, occurred_at: datetime, recorded_at: datetime) -> Valid:
        """Of each rule the version with the greatest `effective_from` not after `occurred_at` (of several the newest),
        among those published by `recorded_at` and not retired by then.
        """
        place = (bisect_right(self._occurred, occurred_at), bisect_right(self._recorded, recorded_at))
        valid = self._valid.get(place)
        if valid is None:
            valid = self._valid[place] = Valid(self._counting(occurred_at, recorded_at))
        return valid

    def from_then_on(self, now: datetime) -> list[Rule]:
        """The versions that count now, or will by what is published now."""
        instants = [now, *(at for at in self._occurred if at > now)]
        found = {(rule.key, rule.version): rule for at in instants for rule in self.valid_at(at, now).rules}
        return list(found.values())

    def version(self, key: str, version: int) -> Rule | None:
        return next((rule for rule in self.rules if (rule.key, rule.version) == (key, version)), None)

    def _counting(self, occurred_at: datetime, recorded_at: datetime) -> list[Rule]:
        best: dict[str, Rule] = {}
        for rule in self.rules:
            if rule.published_at > recorded_at or rule.effective_from > occurred_at:
                continue
            if self.retirement_of(rule, occurred_at, recorded_at) is not None:
                continue
            known = best.get(rule.key)
            if known is None or known.effective_from <= rule.effective_from:
                best[rule.key] = rule
        return list(best.values())

    def retirement_of(self, rule: Rule, occurred_at: datetime, recorded_at: datetime) -> Retirement | None:
        """What ended this version for such an occasion, if anything did."""
        for end in self.retirements:
            known = rule.published_at <= end.recorded_at <= recorded_at
            if known and end.rule == rule.key and end.retired_from <= occurred_at:
                return end
        return None


def _needs(rules: Iterable[Rule]) -> Iterable[str]:
    for rule in rules:
        if rule.limits:
            yield LIMITS
        if isinstance(rule.effect, Rate | Multiplier) and rule.effect.lines:
            yield LINES
        for part in parts(rule.condition) if rule.condition else ():
            match part:
                case FirstPurchase():
                    yield FIRST_PURCHASE
                case BirthdayNear():
                    yield BIRTHDAY
                case Segment():
                    yield SEGMENTS
                case Registered():
                    yield REGISTERED
                case Lines():
                    yield LINES
