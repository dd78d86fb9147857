"""What of a condition is left to ask once tier, channel, shop and source are known: often nothing.

Most occasions share these words, so the rules that can never match them are found once and not asked again.
"""

from collections.abc import Iterable, Mapping

from points.evaluation.conditions import CHANNEL, SHOP, SOURCE, TIER, All, Any, Condition, Not, OneOf, parts

WORDS = (TIER, CHANNEL, SHOP, SOURCE)

Known = Mapping[str, str | None]
"""Each word as told, None for one that no rule names."""


def mentioned(conditions: Iterable[Condition | None]) -> tuple[frozenset[str], ...]:
    """What rules name of each of WORDS."""
    named: dict[str, set[str]] = {word: set() for word in WORDS}
    for condition in conditions:
        for part in parts(condition) if condition else ():
            if isinstance(part, OneOf):
                named[part.what] |= part.values
    return tuple(frozenset(named[word]) for word in WORDS)


def narrowed(condition: Condition, known: Known) -> Condition | bool:
    """The rest of the condition: True or False when the words decide it."""
    match condition:
        case OneOf(what=what, values=values):
            return known[what] in values
        case Not(of=inner):
            rest = narrowed(inner, known)
            return (not rest) if isinstance(rest, bool) else Not(of=rest)
        case All(of=of):
            left = [narrowed(one, known) for one in of]
            if any(one is False for one in left):
                return False
            asked = tuple(one for one in left if not isinstance(one, bool))
            return True if not asked else asked[0] if len(asked) == 1 else All(of=asked)
        case Any(of=of):
            left = [narrowed(one, known) for one in of]
            if any(one is True for one in left):
                return True
            asked = tuple(one for one in left if not isinstance(one, bool))
            return False if not asked else asked[0] if len(asked) == 1 else Any(of=asked)
        case _:
            return condition
