"""What of a condition is left to ask once tier, channel, shop, source and the local day are known: often nothing.

Most occasions share these, so the rules that can never match them are found once and not asked again.
"""

from collections.abc import Iterable, Mapping

from points.evaluation.conditions import (
    CHANNEL,
    SHOP,
    SOURCE,
    TIER,
    All,
    Any,
    Condition,
    DateRange,
    LunarDay,
    MemberDay,
    Not,
    OneOf,
    Weekday,
    parts,
)
from points.evaluation.matching import Situation, compiled

WORDS = (TIER, CHANNEL, SHOP, SOURCE)

OfTheDay = Weekday | MemberDay | LunarDay | DateRange
"""What the local day alone decides."""

Known = Mapping[str, str | None]
"""Each word as told, None for one that no rule names."""


def asks_the_day(conditions: Iterable[Condition | None]) -> bool:
    return any(isinstance(part, OfTheDay) for condition in conditions if condition for part in parts(condition))


def mentioned(conditions: Iterable[Condition | None]) -> tuple[frozenset[str], ...]:
    """What rules name of each of WORDS."""
    named: dict[str, set[str]] = {word: set() for word in WORDS}
    for condition in conditions:
        for part in parts(condition) if condition else ():
            if isinstance(part, OneOf):
                named[part.what] |= part.values
    return tuple(frozenset(named[word]) for word in WORDS)


def narrowed(condition: Condition, known: Known, situation: Situation) -> Condition | bool:
    """The rest of the condition: True or False when the words and the day of the situation decide it."""
    match condition:
        case OneOf(what=what, values=values):
            return known[what] in values
        case Weekday() | MemberDay() | LunarDay() | DateRange():
            return compiled(condition)(situation)
        case Not(of=inner):
            rest = narrowed(inner, known, situation)
            return (not rest) if isinstance(rest, bool) else Not(of=rest)
        case All(of=of):
            left = [narrowed(one, known, situation) for one in of]
            if any(one is False for one in left):
                return False
            asked = tuple(one for one in left if not isinstance(one, bool))
            return True if not asked else asked[0] if len(asked) == 1 else All(of=asked)
        case Any(of=of):
            left = [narrowed(one, known, situation) for one in of]
            if any(one is True for one in left):
                return True
            asked = tuple(one for one in left if not isinstance(one, bool))
            return False if not asked else asked[0] if len(asked) == 1 else Any(of=asked)
        case _:
            return condition
