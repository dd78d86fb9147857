"""Two sets of rules over the same purchases: sums, winners and losers, and who pays twice."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from points.accruals.domain import Purchase
from points.evaluation.earned import Earned, Evaluation, Share
from points.simulation.domain import Change, Comparison, Overlap, Paid, Replayed, paid, sums

ANN, BEN, CLEO = (UUID(int=number) for number in (1, 2, 3))


def by(rule: str, points: int, *, wallet: str = "points", multiplies: bool = False) -> Paid:
    return Paid(wallet, rule, points, multiplies)


def replayed(
    member: UUID, before: list[Paid], after: list[Paid], *, tier: str = "base", month: str = "2026-03"
) -> Replayed:
    return Replayed(member, tier, month, before, after)


def compared(*found: Replayed) -> Comparison:
    comparison = Comparison()
    for one in found:
        comparison.add(one)
    return comparison


def test_both_sides_are_summed_by_wallet_tier_month_and_rule() -> None:
    found = compared(
        replayed(ANN, [by("rate", 10)], [by("rate", 10), by("bonus", 5)]),
        replayed(BEN, [by("rate", 20)], [by("rate", 20)], tier="gold", month="2026-04"),
    )
    assert found.by_wallet == {"points": Change(before=30, after=35)}
    assert found.by_tier == {("points", "base"): Change(10, 15), ("points", "gold"): Change(20, 20)}
    assert found.by_month == {("points", "2026-03"): Change(10, 15), ("points", "2026-04"): Change(20, 20)}
    assert found.by_rule == {("points", "rate"): Change(30, 30), ("points", "bonus"): Change(0, 5)}
    assert (found.purchases, found.better, found.worse) == (2, 1, 0)


def test_winners_and_losers_are_named_with_the_biggest_difference_first() -> None:
    found = compared(
        replayed(ANN, [by("rate", 10)], [by("rate", 15)]),
        replayed(BEN, [by("rate", 10)], [by("rate", 40)]),
        replayed(CLEO, [by("rate", 10)], []),
    )
    assert [member for member, _ in found.winners("points")] == [BEN, ANN]
    assert [(member, change.difference) for member, change in found.losers("points")] == [(CLEO, -10)]


def test_two_rules_that_both_pay_a_purchase_are_found_and_the_smaller_payment_is_counted() -> None:
    found = compared(
        replayed(ANN, [by("rate", 10)], [by("rate", 10), by("bonus", 4)]),
        replayed(BEN, [by("rate", 10)], [by("rate", 3), by("bonus", 4)]),
    )
    assert found.overlaps == {("points", "bonus", "rate"): Overlap(before=0, after=2, points=7)}


def test_two_multipliers_that_both_multiply_a_purchase_are_a_pair_too() -> None:
    found = compared(
        replayed(ANN, [], [by("rate", 10), by("double", 10, multiplies=True), by("triple", 40, multiplies=True)])
    )
    assert found.overlaps == {("points", "double", "triple"): Overlap(before=0, after=1, points=10)}


def test_a_multiplier_and_what_it_multiplies_are_no_pair_and_neither_does_another_wallet() -> None:
    found = compared(
        replayed(ANN, [], [by("rate", 10), by("double", 10, multiplies=True), by("growth", 10, wallet="growth")])
    )
    assert found.overlaps == {}


def earned(*points: int, wallet: str = "points") -> Evaluation:
    shares = tuple(Share(f"r{n}", 1, one, one, 1, 0, "", 0, "") for n, one in enumerate(points))
    return Evaluation((Earned(wallet, sum(points), shares, None, None, None, ""),), (), ())


def bought(basis: int, returned: int, rounding: str = "floor") -> Purchase:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    facts = ("//shop", "o1", ANN, "CNY", basis, basis, "", "", None, "base", False, rounding)
    return Purchase(*facts, returned, None, at, at, b"")


def test_what_came_back_is_taken_off_in_proportion() -> None:
    assert [one.points for one in paid(earned(60, 40), bought(100, 50))] == [30, 20]
    assert paid(earned(60, 40), bought(100, 100)) == []


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=5), st.integers(1, 10_000), st.data())
def test_shares_net_of_returns_add_up_to_the_net(points: list[int], basis: int, data: st.DataObject) -> None:
    returned = data.draw(st.integers(0, basis))
    total = sum(points)
    taken = total if returned == basis else total * returned // basis
    assert sums(paid(earned(*points), bought(basis, returned))).get("points", 0) == total - taken


payments = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 50)), max_size=3)


@given(st.lists(st.tuples(st.sampled_from([ANN, BEN, CLEO]), payments, payments), max_size=20))
def test_every_way_of_adding_up_gives_the_same_total(
    found: list[tuple[UUID, list[tuple[str, int]], list[tuple[str, int]]]],
) -> None:
    comparison = compared(
        *(
            replayed(member, [by(*one) for one in before], [by(*one) for one in after])
            for member, before, after in found
        )
    )
    total = comparison.by_wallet.get("points", Change())
    for parts in (comparison.by_tier, comparison.by_rule, comparison.by_month, comparison.by_member):
        assert sum(change.before for change in parts.values()) == total.before
        assert sum(change.after for change in parts.values()) == total.after
