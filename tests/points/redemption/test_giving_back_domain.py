"""However a redemption is given back, it adds up: never more than was spent, line by line."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.redemption.domain import CONFIRMED, GIVEN_BACK, HELD, Line, Redemption, confirm, over_lines, to_give_back
from points.redemption.errors import HoldExpiredError, NotAllowedPointsError, RedemptionStateError, UnknownLineError
from points.redemption.money import Policy

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def redeemed(points: int, amounts: list[int], *, state: str = CONFIRMED) -> Redemption:
    lines = tuple(Line(number=number, sku="a", amount=amount) for number, amount in enumerate(amounts, start=1))
    return Redemption(
        redemption_id=UUID(int=1),
        member_id=UUID(int=2),
        wallet="points",
        source="",
        reference="",
        body_hash=b"",
        state=state,
        held=points,
        points=0 if state == HELD else points,
        given_back=0,
        order_id="o",
        currency="CNY",
        order_amount=sum(amounts) if amounts else None,
        value=points,
        policy_revision=0,
        debit_sequence=1,
        created_at=NOW,
        created_by="",
        expires_at=NOW if state == HELD else None,
        settled_at=NOW,
        lines=over_lines(lines, points, points),
    )


parts = st.one_of(st.integers(1, 400), st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True))


@given(st.integers(1, 1_000), st.lists(st.integers(0, 500), max_size=6), st.lists(parts, max_size=12))
def test_any_parts_add_up_and_the_rest_is_what_is_left(
    points: int, amounts: list[int], wanted: list[int | list[int]]
) -> None:
    now = redeemed(points, amounts)
    back = 0
    for part in wanted:
        try:
            if isinstance(part, int):
                after, lines = to_give_back(now, part, ())
            else:
                after, lines = to_give_back(now, None, [one for one in part if one <= len(amounts)] or [1])
        except (NotAllowedPointsError, RedemptionStateError, UnknownLineError):
            continue
        gone = after.given_back - now.given_back
        assert gone > 0
        if amounts:
            assert sum(lines.values()) == gone
            assert sum(line.given_back for line in after.lines) == after.given_back
            assert all(0 <= line.given_back <= line.points for line in after.lines)
        back, now = back + gone, after
    if now.state != GIVEN_BACK:
        now, _ = to_give_back(now, None, ())
    assert (now.state, now.given_back, now.left) == (GIVEN_BACK, points, 0)
    with pytest.raises(RedemptionStateError):
        to_give_back(now, None, ())


@given(st.integers(1, 1_000), st.lists(st.integers(0, 500), min_size=1, max_size=6), st.data())
def test_hold_confirmed_with_fewer_points_splits_these(points: int, amounts: list[int], data: st.DataObject) -> None:
    held = redeemed(points, amounts, state=HELD)
    wanted = data.draw(st.integers(1, points))
    before_end = NOW.replace(year=2025)
    done = confirm(held, wanted, before_end, Policy(points=3, minor_units=2))
    assert (done.state, done.points, sum(line.points for line in done.lines)) == (CONFIRMED, wanted, wanted)
    assert done.value == wanted * 2 // 3
    assert confirm(done, wanted, NOW, Policy()) is done
    with pytest.raises(HoldExpiredError):
        confirm(held, wanted, NOW, Policy())
    with pytest.raises(NotAllowedPointsError):
        confirm(held, points + 1, before_end, Policy())
