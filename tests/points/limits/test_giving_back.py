"""What of a limit comes back with returns: cumulative, so that any split and any order comes to the same."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from points.limits.domain import Taking, give_back


@given(st.integers(0, 10_000), st.lists(st.integers(1, 5_000), min_size=1, max_size=8), st.data())
def test_any_split_of_returns_gives_back_the_same_and_all_of_it_in_the_end(
    points: int, parts: list[int], data: st.DataObject
) -> None:
    """Rules 14 and 15: never less than before, never more than was taken, the use with the last of it."""
    basis, ends = sum(parts) + data.draw(st.integers(0, 1_000)), set()
    for order in (parts, data.draw(st.permutations(parts))):
        taking = Taking("purchase", "//shop", "a", "rule", UUID(int=1), "ever", points, 1, 0, 0)
        returned = 0
        for part in order:
            returned += part
            after = give_back(taking, returned, basis)
            assert taking.points_back <= after.points_back <= points
            assert after.uses_back == (1 if returned == basis else 0)
            taking = after
        ends.add((taking.points_back, taking.uses_back))
    assert len(ends) == 1
    if sum(parts) == basis:
        assert ends == {(points, 1)}
