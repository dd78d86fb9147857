"""Rules, occasions and people for tests of the evaluation; and the same sums done with fractions, the slow way."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from points.evaluation.conditions import Amount, Condition, LineFilter, OneOf
from points.evaluation.domain import PURCHASE, Book, Evaluation, Line, Occasion, Person, Terms, evaluate
from points.evaluation.rule import Effect, Fixed, Limit, Multiplier, Rate, Room, Rule
from points.rules.definition import factor

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
NOON = datetime(2025, 3, 10, 4, 0, tzinfo=UTC)  # noon in Shanghai, a Monday
SHANGHAI = ZoneInfo("Asia/Shanghai")
SOMEONE = UUID(int=7)
TERMS = Terms(zone=SHANGHAI)


def rule(key: str, effect: Effect, condition: Condition | None = None, **facts: Any) -> Rule:
    return Rule(
        key=key,
        effect=effect,
        condition=condition,
        **{"version": 1, "effective_from": LONG_AGO, "published_at": LONG_AGO, **facts},
    )


def rate(key: str = "rate", points: int = 1, per: int = 100, condition: Condition | None = None, **facts: Any) -> Rule:
    lines = facts.pop("lines", None)
    return rule(key, Rate(points=points, per=per, lines=lines), condition, **facts)


def fixed(key: str, points: int, condition: Condition | None = None, **facts: Any) -> Rule:
    return rule(key, Fixed(points=points), condition, **facts)


def times(key: str, text: str, condition: Condition | None = None, **facts: Any) -> Rule:
    by_tier = {tier: factor(one) for tier, one in facts.pop("by_tier", {}).items()}
    lines = facts.pop("lines", None)
    return rule(key, Multiplier(factor=factor(text), by_tier=by_tier, lines=lines), condition, **facts)


def bought(basis: int = 100_00, *, at: datetime = NOON, **facts: Any) -> Occasion:
    return Occasion(PURCHASE, "//shop", "order", at, facts.pop("amount", basis), basis, **facts)


def someone(**facts: Any) -> Person:
    return Person(SOMEONE, facts.pop("tier", "base"), **facts)


def earned(
    rules: Sequence[Rule],
    occasion: Occasion | None = None,
    person: Person | None = None,
    *,
    terms: Terms = TERMS,
    usage: Any = None,
) -> Evaluation:
    found = occasion or bought()
    valid = Book(rules).valid_at(found.occurred_at, found.occurred_at)
    return evaluate(valid, found, person or someone(), terms, usage)


def points(evaluation: Evaluation) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in evaluation.earned:
        sums[one.wallet] = sums.get(one.wallet, 0) + one.points
    return sums


class Left:
    """A usage that leaves each rule so many points; rules not named have all they want, those with 0 nothing."""

    def __init__(self, left: Mapping[str, int]) -> None:
        self._left = left

    def room(self, rule: Rule, member_id: UUID, day: Any) -> Room:
        left = self._left.get(rule.key)
        if left is None:
            return Room()
        return Room(left, rule.limits[0] if left == 0 else None, rule.limits[0])


A_LIMIT = (Limit(scope="member", period="month", unit="points", amount=10**9),)


def exact(rules: Sequence[Rule], occasion: Occasion, person: Person, left: Mapping[str, int]) -> dict[str, Fraction]:
    """What plain rules (no stacking words) give each wallet, in fractions, before rounding."""
    sums: dict[str, Fraction] = {}
    for wallet in {rule.wallet for rule in rules}:
        own = sorted((one for one in rules if one.wallet == wallet), key=lambda one: (-one.priority, one.key))
        own = [one for one in own if met(one.condition, occasion, person) and left.get(one.key) != 0]
        shares: dict[str, Fraction] = {}
        nets = [line.net for line in occasion.lines]
        rest = Fraction(0)
        by_line = [Fraction(0)] * len(nets)
        for one in own:
            if isinstance(one.effect, Rate):
                per = Fraction(one.effect.points, one.effect.per)
                wanted = one.effect.lines
                matching = [
                    net if wanted is None or wanted.takes(line) else 0
                    for line, net in zip(occasion.lines, nets, strict=True)
                ]
                by_line = [have + per * net for have, net in zip(by_line, matching, strict=True)]
                beside = occasion.basis - sum(nets) if wanted is None else 0
                rest += per * beside
                shares[one.key] = per * (sum(matching) + beside)
        for one in own:
            if isinstance(one.effect, Multiplier):
                _, up, down = one.effect.by_tier.get(person.tier, one.effect.factor)
                by = Fraction(up, down)
                wanted = one.effect.lines
                before = rest + sum(by_line)
                by_line = [
                    have * by if wanted is None or wanted.takes(line) else have
                    for line, have in zip(occasion.lines, by_line, strict=True)
                ]
                rest *= by if wanted is None else 1
                shares[one.key] = rest + sum(by_line) - before
            elif isinstance(one.effect, Fixed):
                shares[one.key] = Fraction(one.effect.points)
        for key, share in shares.items():
            if left.get(key) is not None:
                shares[key] = min(share, Fraction(left[key]))
        sums[wallet] = max(Fraction(0), sum(shares.values(), Fraction(0)))
    return sums


def met(condition: Condition | None, occasion: Occasion, person: Person) -> bool:
    match condition:
        case None:
            return True
        case Amount(at_least=at_least, below=below):
            return occasion.basis >= at_least and (below is None or occasion.basis < below)
        case OneOf(what="tier", values=values):
            return person.tier in values
        case OneOf(what="channel", values=values):
            return occasion.channel in values
    raise AssertionError(condition)


FACTORS = ("0", "0.5", "1", "1.25", "1.5", "2", "3.3333")
TIERS = ("base", "silver", "gold")


@st.composite
def conditions(draw: st.DrawFn) -> Condition | None:
    return draw(
        st.one_of(
            st.none(),
            st.builds(lambda low: Amount(at_least=low), st.integers(0, 300_00)),
            st.builds(lambda one: OneOf(what="tier", values=frozenset({one})), st.sampled_from(TIERS)),
            st.builds(lambda one: OneOf(what="channel", values=frozenset({one})), st.sampled_from(("web", "app"))),
        )
    )


@st.composite
def filters(draw: st.DrawFn) -> LineFilter | None:
    kinds = draw(st.sets(st.sampled_from(("tea", "cup", "bag"))))
    return LineFilter(categories=frozenset(kinds)) if kinds else None


@st.composite
def rule_lists(draw: st.DrawFn, *, stacking: bool = False, limited: bool = False) -> list[Rule]:
    found: list[Rule] = []
    for number in range(draw(st.integers(1, 7))):
        effect: Effect = draw(
            st.one_of(
                st.builds(
                    lambda points, per, lines: Rate(points=points, per=per, lines=lines),
                    st.integers(0, 5),
                    st.sampled_from((1, 30, 100, 200)),
                    filters(),
                ),
                st.builds(lambda points: Fixed(points=points), st.integers(1, 50)),
                st.builds(
                    lambda text, gold, lines: Multiplier(
                        factor=factor(text), by_tier={"gold": factor(gold)}, lines=lines
                    ),
                    st.sampled_from(FACTORS),
                    st.sampled_from(FACTORS),
                    filters(),
                ),
            )
        )
        words: dict[str, Any] = {
            "priority": draw(st.integers(-2, 2)),
            "wallet": draw(st.sampled_from(("points", "growth"))),
        }
        if stacking:
            word = draw(st.sampled_from(("", "", "exclusive", "stop", "a", "a", "b")))
            if word in ("exclusive", "stop"):
                words[word] = True
            else:
                words["group"] = word
        if limited and draw(st.booleans()):
            words["limits"] = A_LIMIT
        found.append(rule(f"rule_{number}", effect, draw(conditions()), **words))
    return found


@st.composite
def occasions(draw: st.DrawFn) -> Occasion:
    lines = tuple(
        Line(f"sku{number}", draw(st.sampled_from(("tea", "cup", "bag"))), 1, draw(st.integers(0, 200_00)))
        for number in range(draw(st.integers(0, 5)))
    )
    beside = draw(st.integers(0, 100_00))
    basis = sum(line.net for line in lines) + beside
    return bought(basis, lines=lines, channel=draw(st.sampled_from(("web", "app", ""))))


people = st.builds(lambda tier: someone(tier=tier), st.sampled_from(TIERS))
roundings = st.sampled_from(("floor", "half_up", "ceil"))


@st.composite
def leavings(draw: st.DrawFn, rules: Sequence[Rule]) -> dict[str, int]:
    limited = [one.key for one in rules if one.limits]
    return {key: draw(st.integers(0, 300)) for key in limited if draw(st.booleans())}
