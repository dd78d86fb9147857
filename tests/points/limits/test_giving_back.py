"""What of a limit comes back with returns: cumulative, so that any split and any order comes to the same."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from points.accruals.domain import Purchase, taken_in_total
from points.evaluation.sums import spread
from points.limits.domain import Taking, give_back

NOW = datetime(2025, 3, 10, tzinfo=UTC)


def bought(nets: Sequence[int], returned: Sequence[int], *, rounding: str = "floor") -> Purchase:
    """A purchase of a piece for each net, of which so much has come back by line; lines that are whole are named."""
    lines = [[str(place), "", 1, net] for place, net in enumerate(nets)]
    whole_lines = [place for place, net in enumerate(nets) if returned[place] == net]
    named = {str(place): [1, nets[place]] for place in whole_lines}
    whole = sum(nets)
    facts = ("//shop", "a", UUID(int=1), "CNY", whole, whole, "", "", lines, "base", False, rounding)
    return Purchase(*facts, sum(returned), named or None, NOW, NOW, b"")


def taken(points: int, by_line: Sequence[int] | None = None) -> Taking:
    return Taking("purchase", "//shop", "a", "rule", UUID(int=1), "ever", points, 1, 0, 0, by_line)


@given(st.integers(0, 10_000), st.lists(st.integers(1, 5_000), min_size=1, max_size=8), st.data())
def test_any_split_of_returns_gives_back_the_same_and_all_of_it_in_the_end(
    points: int, parts: list[int], data: st.DataObject
) -> None:
    """Rules 14 and 15: never less than before, never more than was taken, the use with the last of it."""
    kept = data.draw(st.integers(0, 1_000))
    basis, ends = sum(parts) + kept, set()
    for order in (parts, data.draw(st.permutations(parts))):
        taking, returned = taken(points), 0
        for part in order:
            returned += part
            after = give_back(taking, bought([basis], [returned])._replace(returned_lines=None))
            assert taking.points_back <= after.points_back <= points
            assert after.uses_back == (1 if returned == basis else 0)
            taking = after
        ends.add((taking.points_back, taking.uses_back))
    assert len(ends) == 1
    if not kept:
        assert ends == {(points, 1)}


@given(
    st.lists(st.integers(1, 9_999), min_size=1, max_size=5),
    st.integers(0, 10_000),
    st.sampled_from(["floor", "half_up", "ceil"]),
    st.data(),
)
def test_what_comes_back_of_the_only_rule_is_what_comes_back_of_its_points(
    nets: list[int], points: int, rounding: str, data: st.DataObject
) -> None:
    back = [data.draw(st.sampled_from([0, net])) for net in nets]
    purchase = bought(nets, back, rounding=rounding)
    assert give_back(taken(points), purchase).points_back == taken_in_total(purchase, points, spread(points, nets))


def test_line_gives_back_what_the_rule_gave_for_it() -> None:
    """60 points for the first line alone: the second one gives nothing back, the first one all."""
    second, first = bought([60_00, 40_00], [0, 40_00]), bought([60_00, 40_00], [60_00, 0])
    assert give_back(taken(60, (60, 0)), second).points_back == 0
    assert (give_back(taken(60, (60, 0)), first).points_back, give_back(taken(60), first).points_back) == (60, 36)
