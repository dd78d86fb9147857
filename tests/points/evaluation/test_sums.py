"""Rates add, multipliers multiply rates, fixed points come on top; limits cut last; lines sum to the whole."""

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from points.evaluation.book import Book
from points.evaluation.conditions import Amount, LineFilter
from points.evaluation.domain import ACTIVITY, Expiry, Line, Occasion, Terms, rounded, spread
from points.evaluation.explaining import explain
from points.evaluation.rule import Coupon, Rule, Waiting
from points.evaluation.texts import texts_of
from tests.points.evaluation.world import (
    A_LIMIT,
    NOON,
    SHANGHAI,
    TERMS,
    Left,
    bought,
    earned,
    exact,
    fixed,
    leavings,
    met,
    occasions,
    people,
    points,
    rate,
    roundings,
    rule,
    rule_lists,
    someone,
    times,
)

UNHURRIED = settings(deadline=None)


@pytest.mark.parametrize(("rounding", "whole"), [("floor", 24), ("half_up", 25), ("ceil", 25)])
def test_33_at_1_per_2_times_1_5_is_24_or_25(rounding: str, whole: int) -> None:
    rules = [rate(per=200), times("gold", "1.5")]
    found = earned(rules, bought(33_00), terms=replace(TERMS, rounding=rounding))
    assert points(found) == {"points": whole}
    (credit,) = found.earned
    assert sum(share.points for share in credit.shares) == whole
    assert Fraction(credit.shares[0].numerator + credit.shares[1].numerator, credit.shares[0].denominator) == Fraction(
        "24.75"
    )


def test_rates_are_rounded_together_once() -> None:
    assert points(earned([rate("a", per=200), rate("b", per=200)], bought(1_00))) == {"points": 1}


def test_multipliers_leave_fixed_points_alone_and_multiply_each_other() -> None:
    rules = [rate(), fixed("bonus", 50), times("double", "2"), times("gold", "1", by_tier={"gold": "1.5"})]
    assert points(earned(rules, person=someone(tier="gold"))) == {"points": 350}
    assert points(earned(rules)) == {"points": 250}


def test_rate_on_matching_lines_only_and_multiplier_on_matching_lines_only() -> None:
    tea = LineFilter(categories=frozenset({"tea"}))
    lines = (Line("a", "tea", 1, 30_00), Line("b", "cup", 1, 60_00))
    order = bought(100_00, lines=lines)  # 10.00 of tax beside
    assert points(earned([rate(lines=tea)], order)) == {"points": 30}
    assert points(earned([rate(), times("tea", "3", lines=tea)], order)) == {"points": 160}
    (credit,) = earned([rate(), times("tea", "3", lines=tea)], order).earned
    assert credit.by_line == (93, 67)  # 10 points of the tax are spread by net
    assert points(earned([rate(lines=tea)], bought(100_00))) == {}


def test_wallets_are_apart() -> None:
    rules = [rate(), rate("growth", 2, wallet="growth"), times("double", "2")]
    assert points(earned(rules)) == {"points": 200, "growth": 200}


def test_higher_exclusive_rule_ends_it_for_its_wallet() -> None:
    rules = [
        rate(),
        rate("grow", wallet="growth"),
        fixed("only", 7, priority=1, exclusive=True),
        times("double", "2", priority=2),
    ]
    assert points(earned(rules)) == {"points": 7, "growth": 100}
    assert points(earned([rate(), fixed("only", 7, exclusive=True)])) == {"points": 7}
    assert points(earned([rate(priority=5), fixed("only", 7, exclusive=True)])) == {"points": 107}


def test_exclusive_rule_that_does_not_match_ends_nothing() -> None:
    assert points(earned([rate(), fixed("only", 7, Amount(at_least=10**9), exclusive=True, priority=1)])) == {
        "points": 100
    }


def test_stop_leaves_its_own_priority_and_ends_what_is_below() -> None:
    rules = [rate(), fixed("stop", 5, priority=1, stop=True), fixed("beside", 3, priority=1)]
    assert points(earned(rules)) == {"points": 8}


def test_of_a_group_the_best_for_the_member_pays() -> None:
    group = [fixed("fifty", 50, group="g"), rate("rate", group="g")]
    assert points(earned(group, bought(40_00))) == {"points": 50}
    assert points(earned([*group, times("double", "2")], bought(40_00))) == {"points": 80}
    assert points(earned(group, bought(60_00))) == {"points": 60}


def test_group_of_one_that_matches_pays_though_its_factor_is_below_one() -> None:
    group = [times("half", "0.5", group="g"), fixed("much", 50, Amount(at_least=10**9), group="g")]
    assert points(earned([rate(), *group])) == {"points": 50}
    assert points(earned([rate(), *group], bought(10**9))) == {"points": 10**7 + 50}


def test_group_considers_what_limits_leave() -> None:
    group = [fixed("hundred", 100, group="g", limits=A_LIMIT), fixed("fifty", 50, group="g")]
    assert points(earned(group, usage=Left({"hundred": 10}))) == {"points": 50}
    assert points(earned(group, usage=Left({}))) == {"points": 100}


def test_limit_cuts_last_and_the_cut_is_told() -> None:
    found = earned([rate(limits=A_LIMIT), times("double", "2")], usage=Left({"rate": 30}))
    assert points(found) == {"points": 130}
    (credit,) = found.earned
    assert [(one.rule, one.points, one.cut, one.limit) for one in credit.shares] == [
        ("double", 100, 0, ""),
        ("rate", 30, 70, "member:month:points"),
    ]
    assert [(one.rule.key, one.points) for one in found.used] == [("rate", 30)]


def test_rule_whose_limit_leaves_nothing_displaces_nobody() -> None:
    rules = [rate(), fixed("only", 7, priority=1, exclusive=True, limits=A_LIMIT)]
    assert points(earned(rules, usage=Left({"only": 0}))) == {"points": 100}


def test_factor_below_one_takes_no_more_than_limits_leave() -> None:
    assert points(earned([rate(limits=A_LIMIT), times("half", "0.5")], usage=Left({"rate": 10}))) == {}


def test_coupons_are_granted_once_each_and_counted() -> None:
    found = earned([rule("gift", Coupon(template="tea"), limits=A_LIMIT), rate()])
    assert [(one.template, one.rule) for one in found.grants] == [("tea", "gift")]
    assert [(one.rule.key, one.points) for one in found.used] == [("gift", 0)]


def test_activities_earn_by_their_own_rules() -> None:
    rules = [rate(), fixed("login", 5, occasion=ACTIVITY, activity="sign_in")]
    act = Occasion(ACTIVITY, "//app", "1", NOON, activity="sign_in")
    assert points(earned(rules, act)) == {"points": 5}
    assert points(earned(rules, act._replace(activity="other"))) == {}
    assert points(earned(rules)) == {"points": 100}


def test_rules_that_wait_or_expire_differently_give_credits_of_their_own() -> None:
    rules = [
        rate(waiting=Waiting(days=14)),
        times("double", "2"),
        fixed("bonus", 5, expiry=Expiry(kind="days", count=30)),
        fixed("later", 6, waiting=Waiting(until="return_window_closed")),
    ]
    found = earned(rules, terms=Terms(zone=SHANGHAI, expiry_months=12)).earned
    told = [
        (
            one.points,
            one.available_at and (one.available_at - NOON).days,
            one.waits,
            one.expires_at and (one.expires_at - NOON).days,
        )
        for one in found
    ]
    assert sorted(told, key=str) == sorted(
        [(200, 14, "", 365), (5, None, "", 30), (6, None, "return_window_closed", 365)], key=str
    )


@UNHURRIED
@given(rule_lists(limited=True), occasions(), people, roundings, st.data())
def test_evaluation_is_what_fractions_say(
    rules: list[Rule], occasion: Occasion, person: object, rounding: str, data: st.DataObject
) -> None:
    left = data.draw(leavings(rules))
    terms = replace(TERMS, rounding=rounding)
    found = points(earned(rules, occasion, person, terms=terms, usage=Left(left)))  # type: ignore[arg-type]
    wanted = {
        wallet: rounded(sum_.numerator, sum_.denominator, rounding)
        for wallet, sum_ in exact(rules, occasion, person, left).items()  # type: ignore[arg-type]
    }
    assert found == {wallet: whole for wallet, whole in wanted.items() if whole}


@UNHURRIED
@given(rule_lists(stacking=True, limited=True), occasions(), people, roundings, st.data())
def test_explaining_agrees_with_evaluating_and_has_words_for_every_rule(
    rules: list[Rule], occasion: Occasion, person: object, rounding: str, data: st.DataObject
) -> None:
    usage, terms = Left(data.draw(leavings(rules))), replace(TERMS, rounding=rounding)
    evaluation = earned(rules, occasion, person, terms=terms, usage=usage)  # type: ignore[arg-type]
    explained = explain(Book(rules), occasion, person, terms, usage, recorded_at=NOON)  # type: ignore[arg-type]
    assert explained.evaluation == evaluation
    assert {one.rule.key for one in explained.outcomes} == {one.key for one in rules}
    shares = {share.rule: share.points for one in evaluation.earned for share in one.shares}
    for outcome in explained.outcomes:
        # a credit that comes to nothing in whole points is none
        assert shares.get(outcome.rule.key, outcome.points) == outcome.points
        assert all(text and "{" not in text for text in texts_of(outcome, "CNY").values())


@UNHURRIED
@given(rule_lists(stacking=True), occasions(), people, st.randoms(use_true_random=False))
def test_order_of_rules_in_the_book_does_not_matter(
    rules: list[Rule], occasion: Occasion, person: object, shuffler: random.Random
) -> None:
    other = list(rules)
    shuffler.shuffle(other)
    assert earned(other, occasion, person) == earned(rules, occasion, person)  # type: ignore[arg-type]


@UNHURRIED
@given(rule_lists(stacking=True), occasions(), people)
def test_group_never_gives_less_than_its_best_rule_alone(rules: list[Rule], occasion: Occasion, person: object) -> None:
    plain = [replace(one, exclusive=False, stop=False) for one in rules]
    found = points(earned(plain, occasion, person))  # type: ignore[arg-type]
    # A rule that is not met competes with nobody: without it a factor below 1 may be the best its group has.
    for winner in (one for one in plain if one.group and met(one.condition, occasion, person)):  # type: ignore[arg-type]
        alone = [one for one in plain if (one.group, one.wallet) != (winner.group, winner.wallet) or one is winner]
        other = points(earned(alone, occasion, person))  # type: ignore[arg-type]
        assert found.get(winner.wallet, 0) >= other.get(winner.wallet, 0)


@UNHURRIED
@given(rule_lists(limited=True, stacking=True), occasions(), people, roundings, st.data())
def test_no_rule_gives_more_than_its_limit_leaves(
    rules: list[Rule], occasion: Occasion, person: object, rounding: str, data: st.DataObject
) -> None:
    left = data.draw(leavings(rules))
    found = earned(rules, occasion, person, terms=replace(TERMS, rounding=rounding), usage=Left(left))  # type: ignore[arg-type]
    for used in found.used:
        assert used.points <= left.get(used.rule.key, used.points)


@UNHURRIED
@given(rule_lists(stacking=True), occasions(), people, roundings)
def test_lines_and_shares_sum_to_the_whole(
    rules: list[Rule], occasion: Occasion, person: object, rounding: str
) -> None:
    for one in earned(rules, occasion, person, terms=replace(TERMS, rounding=rounding)).earned:  # type: ignore[arg-type]
        assert sum(share.points for share in one.shares) == one.points
        if occasion.lines:
            assert one.by_line is not None
            assert sum(one.by_line) == one.points
            assert min(one.by_line) >= 0
        else:
            assert one.by_line is None


@UNHURRIED
@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_spread_sums_to_the_whole_and_is_never_off_by_one(total: int, weights: Sequence[int]) -> None:
    parts = spread(total, weights)
    assert sum(parts) == total
    if whole := sum(weights):
        assert all(abs(part - Fraction(total * weight, whole)) < 1 for part, weight in zip(parts, weights, strict=True))


def test_spread_gives_ties_to_the_earlier_part() -> None:
    assert spread(10, (1, 1, 1)) == (4, 3, 3)
    assert spread(5, (0, 0)) == (5, 0)
    assert spread(0, ()) == ()
