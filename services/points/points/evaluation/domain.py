"""What an occasion earns, by the rules that count: pure, exact, whole numbers only, rounded once for each wallet."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from points.evaluation.book import Book, Plan, Valid
from points.evaluation.choosing import best_of_groups, counting
from points.evaluation.earned import CouponGrant, Earned, Evaluation, Share, Used, earned_in, simply_earned
from points.evaluation.entry import Entry
from points.evaluation.matching import Situation
from points.evaluation.occasion import ACTIVITY, PURCHASE, Birthday, Expiry, Line, Occasion, Person, Terms
from points.evaluation.rule import Limit, Retirement, Room, Rule, Usage
from points.evaluation.summing import Sum
from points.evaluation.sums import rounded, spread

__all__ = [
    "ACTIVITY",
    "PURCHASE",
    "Birthday",
    "Book",
    "CouponGrant",
    "Earned",
    "Evaluation",
    "Expiry",
    "Limit",
    "Line",
    "Occasion",
    "Person",
    "Retirement",
    "Room",
    "Rule",
    "Share",
    "Terms",
    "Usage",
    "Used",
    "Valid",
    "evaluate",
    "rounded",
    "spread",
]

NOTHING = Evaluation((), (), ())


def evaluate(valid: Valid, occasion: Occasion, person: Person, terms: Terms, usage: Usage | None = None) -> Evaluation:
    """What the occasion earns by the rules of `valid` (`book.valid_at(occurred_at, recorded_at)`).

    Without `usage` limits are not looked at. Nothing is changed: `Usage.take` counts what was used.
    """
    plan = valid.plan(occasion)
    if not plan.entries:
        return NOTHING
    situation = Situation(occasion, person, terms.zone)
    rooms: dict[str, Room] = {}
    chosen = counting(plan, situation, usage, rooms)
    if not chosen:
        return NOTHING
    return settled(plan, chosen, situation, terms, rooms).evaluation


class Settled(NamedTuple):
    """How an evaluation came about: the wallets' sums, and who was beaten by whom within a group."""

    evaluation: Evaluation
    sums: Mapping[str, Sum]
    beaten: Mapping[str, Entry]


def settled(
    plan: Plan,
    chosen: Sequence[Entry],
    situation: Situation,
    terms: Terms,
    rooms: Mapping[str, Room],
    *,
    keep_sums: bool = False,
) -> Settled:
    """Sum up the rules that count, wallet by wallet; `keep_sums` for all of them, the simple ones too."""
    occasion, tier = situation.occasion, situation.person.tier
    beaten: dict[str, Entry] = {}
    sums: dict[str, Sum] = {}
    earned: list[Earned] = []
    used: list[Used] = []
    grants: list[CouponGrant] = []
    for team in plan.teams(chosen, tier):
        wallet, formula, _, lost = team
        if not wallet:
            grants = [CouponGrant(one.template, one.rule.key, one.rule.version) for one in formula.entries]
            used += [Used(one.rule, 0) for one in formula.entries if one.limited]
            continue
        if team.contested:
            entries, lost = best_of_groups(plan, team, situation, rooms)
            formula = plan.formula(entries, tier)
        beaten |= lost
        if formula.simple and not (formula.filters and occasion.lines) and not keep_sums:
            one = simply_earned(formula, wallet, occasion, terms)
            if one:
                earned.append(one)
            continue
        sums[wallet] = found = Sum(formula, occasion, rooms)
        credits, taken = earned_in(found, wallet, occasion, terms)
        earned += credits
        used += taken
    return Settled(Evaluation(tuple(earned), tuple(grants), tuple(used)), sums, beaten)
