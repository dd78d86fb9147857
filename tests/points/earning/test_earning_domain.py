"""What is earned on, and how lines bear the discount."""

from hypothesis import given
from hypothesis import strategies as st

from points.earning.domain import accruals_of, basis_of, greatest, nets_of
from points.evaluation.earned import Earned, Share


def test_goods_less_ten_percent_paid_partly_by_gift_card_are_earned_on_in_full() -> None:
    """200.00, 10 % off, 30.00 paid by gift card: 180.00."""
    assert basis_of(200_00, 20_00, 0, 0, on_tax=False, on_delivery=False) == 180_00


def test_tax_and_delivery_count_by_their_switches() -> None:
    switches = [(tax, delivery) for tax in (False, True) for delivery in (False, True)]
    found = [basis_of(100_00, 10_00, 6_00, 8_00, on_tax=tax, on_delivery=delivery) for tax, delivery in switches]
    assert found == [90_00, 98_00, 96_00, 104_00]


def test_discount_told_per_line_stays_with_its_line() -> None:
    assert nets_of([(100_00, 30_00), (100_00, 0)], 30_00) == [70_00, 100_00]


def test_discount_not_told_per_line_is_spread_by_largest_remainder() -> None:
    assert nets_of([(1_00, 0), (1_00, 0), (1_00, 0)], 1_00) == [66, 67, 67]
    assert nets_of([(50_00, 10_00), (60_00, 0)], 20_00) == [36_00, 54_00]


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(0, 1)), min_size=1, max_size=8), st.floats(0, 1))
def test_nets_add_up_to_the_goods_less_the_discount_and_none_is_negative(
    lines: list[tuple[int, float]], share: float
) -> None:
    told = [(amount, int(amount * part)) for amount, part in lines]
    own = sum(discount for _, discount in told)
    discount = own + int((sum(amount for amount, _ in told) - own) * share)
    nets = nets_of(told, discount)
    assert sum(nets) == sum(amount for amount, _ in told) - discount
    assert min(nets) >= 0


def test_credits_of_one_wallet_are_numbered() -> None:
    share = Share("r", 1, 5, 5, 1, 500, "", 0, "")
    earned = [Earned(name, 5, (share,), None, None, None, "") for name in ("points", "growth", "points")]
    found = accruals_of("purchase", "//shop", "a", earned)
    assert [(one.wallet, one.part) for one in found] == [("points", 1), ("growth", 1), ("points", 2)]
    assert found[0].shares == (share,)


def test_the_share_that_gave_most_names_the_credit() -> None:
    three, nine = (Share(rule, 1, points, points, 1, 0, "", 0, "") for rule, points in (("a", 3), ("b", 9)))
    assert greatest([three, nine, nine._replace(rule="c")]).rule == "b"
