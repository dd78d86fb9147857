"""What returns take back: cumulative, line by line, never more than was earned, however they are split."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from points.accruals.domain import Accrual, Purchase, take_back, taken_in_total
from points.returns.domain import WAITING, Return, with_return

NOON = datetime(2025, 3, 10, 12, 0, tzinfo=UTC)


def bought(basis: int, *lines: tuple[str, int, int], rounding: str = "floor") -> Purchase:
    """Lines: (sku, pieces, net)."""
    kept = [[sku, "", pieces, net] for sku, pieces, net in lines] or None
    return Purchase(
        "//shop", "a", UUID(int=1), "CNY", basis, basis, "", "", kept, "base", False, rounding, 0, None, NOON, NOON, b""
    )


def back(amount: int, *lines: tuple[str, int, int]) -> Return:
    return Return(
        "//shop", "r", "//shop", "a", None, "CNY", amount, list(lines) or None, 0, 0, WAITING, "", NOON, NOON, None, b""
    )


def credit(earned: int, *, part: int = 1, waits: str = "", by_line: tuple[int, ...] | None = None) -> Accrual:
    return Accrual("purchase", "//shop", "a", "points", part, earned, 0, None, None, waits, [], by_line)


def test_a_returned_line_takes_what_it_earned() -> None:
    """Tea earned threefold: of 100 points for two lines of 50.00, 75 are the tea's."""
    purchase = with_return(bought(100_00, ("tea", 1, 50_00), ("cup", 1, 50_00)), back(50_00, ("tea", 1, 50_00)))
    assert taken_in_total(purchase, 100, (75, 25)) == 75


def test_what_comes_back_without_a_name_takes_its_share_of_the_rest() -> None:
    purchase = bought(100_00, ("tea", 1, 50_00), ("cup", 1, 50_00))
    purchase = with_return(with_return(purchase, back(50_00, ("tea", 1, 50_00))), back(25_00))
    assert taken_in_total(purchase, 100, (75, 25)) == 75 + 12


def test_pieces_of_a_line_take_their_part() -> None:
    purchase = with_return(bought(90_00, ("tea", 3, 90_00)), back(60_00, ("tea", 2, 60_00)))
    assert taken_in_total(purchase, 100, (100,)) == 66


def test_all_came_back_takes_all_whatever_the_lines_say() -> None:
    purchase = with_return(bought(100_00, ("tea", 1, 50_00), ("cup", 1, 50_00)), back(100_00))
    assert taken_in_total(purchase, 7, (7, 0)) == 7


def test_what_waits_is_taken_first() -> None:
    purchase = with_return(bought(100_00), back(50_00))
    found = take_back(purchase, [credit(60), credit(40, part=2, waits="return_window_closed")])
    assert [(one.part, one.taken_back) for one in found] == [(1, 10), (2, 40)]


@st.composite
def returned(draw: st.DrawFn) -> tuple[Purchase, tuple[int, ...], list[Return]]:
    lines = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 5_000)), min_size=1, max_size=4))
    named = [(f"s{place}", pieces, pieces * price) for place, (pieces, price) in enumerate(lines)]
    basis = sum(net for _, _, net in named)
    by_line = tuple(draw(st.lists(st.integers(0, 500), min_size=len(lines), max_size=len(lines))))
    backs, left = [], basis
    for place, (pieces, price) in enumerate(lines):
        for _ in range(draw(st.integers(0, pieces))):
            backs.append(back(price, (f"s{place}", 1, price)))
            left -= price
    while left and draw(st.booleans()):
        part = draw(st.integers(1, left))
        backs.append(back(part))
        left -= part
    return bought(basis, *named, rounding=draw(st.sampled_from(["floor", "half_up", "ceil"]))), by_line, backs


@settings(deadline=None)
@given(found=returned(), data=st.data())
def test_any_order_of_returns_takes_the_same_and_never_gives_back(
    found: tuple[Purchase, tuple[int, ...], list[Return]], data: st.DataObject
) -> None:
    purchase, by_line, backs = found
    earned, ends = sum(by_line), set()
    for order in (backs, data.draw(st.permutations(backs))):
        now, before = purchase, 0
        for one in order:
            now = with_return(now, one)
            taken = taken_in_total(now, earned, by_line)
            assert before <= taken <= earned
            before = taken
        assert before == earned if now.returned == now.basis else before <= earned
        ends.add(before)
    assert len(ends) == 1


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 100_000), st.lists(st.integers(1, 100_000), max_size=6))
def test_any_split_without_lines_sums_to_the_share_of_the_whole(earned: int, basis: int, cuts: list[int]) -> None:
    purchase = bought(basis)
    for cut in cuts:
        part = min(cut, basis - purchase.returned)
        if part:
            purchase = with_return(purchase, back(part))
    assert taken_in_total(purchase, earned, None) == earned * purchase.returned // basis
