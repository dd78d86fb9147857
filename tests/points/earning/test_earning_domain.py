"""What a purchase earns, without a database."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.accruals.domain import rounded, taken_in_total
from points.earning.domain import basis_of, earned_by, expiry
from points.rules.domain import fraction
from points.times import bounds

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_basis_is_net_of_discount_and_gift_cards_do_not_lower_it() -> None:
    """Goods 200.00, 10 % off, 30.00 of it paid by gift card: the card is not even told to us."""
    assert basis_of(200_00, 20_00, 0, 0, on_tax=False, on_delivery=False) == 180_00


def test_tax_and_delivery_count_by_switch() -> None:
    assert basis_of(100_00, 0, 13_00, 8_00, on_tax=False, on_delivery=False) == 100_00
    assert basis_of(100_00, 0, 13_00, 8_00, on_tax=True, on_delivery=False) == 113_00
    assert basis_of(100_00, 0, 13_00, 8_00, on_tax=False, on_delivery=True) == 108_00


@pytest.mark.parametrize(("mode", "points"), [("floor", 24), ("half_up", 25), ("ceil", 25)])
def test_rounding_happens_once_after_rate_and_multiplier(mode: str, points: int) -> None:
    """33.00 at 1 per 2.00, × 1.5 is 24.75."""
    assert earned_by(33_00, 1, 2_00, fraction("gold", "1.5"), mode) == points


def test_half_is_rounded_up_and_less_is_not() -> None:
    assert [rounded(number, 4, "half_up") for number in (1, 2, 3, 4)] == [0, 1, 1, 1]


def test_unknown_rounding_is_an_error_not_a_guess() -> None:
    with pytest.raises(ValueError, match="bankers"):
        rounded(1, 2, "bankers")


@given(
    earned=st.integers(0, 10_000),
    parts=st.lists(st.integers(1, 5_000), min_size=1, max_size=8),
    rest=st.integers(0, 5_000),
    mode=st.sampled_from(["floor", "half_up", "ceil"]),
)
def test_any_split_of_a_return_takes_what_the_whole_takes(earned: int, parts: list[int], rest: int, mode: str) -> None:
    basis = sum(parts) + rest
    taken, returned = 0, 0
    for part in parts:
        returned += part
        total = taken_in_total(earned, returned, basis, mode)
        assert taken <= total <= earned
        taken = total
    assert taken == taken_in_total(earned, sum(parts), basis, mode)
    if rest == 0:
        assert taken == earned


@pytest.mark.parametrize(
    ("occurred_at", "months", "expires_at"),
    [
        (datetime(2025, 1, 31, 4, 0, tzinfo=UTC), 1, datetime(2025, 2, 28, 4, 0, tzinfo=UTC)),
        (datetime(2024, 1, 31, 4, 0, tzinfo=UTC), 1, datetime(2024, 2, 29, 4, 0, tzinfo=UTC)),
        (datetime(2025, 11, 30, 4, 0, tzinfo=UTC), 3, datetime(2026, 2, 28, 4, 0, tzinfo=UTC)),
        # 31 January 17:00 UTC is already 1 February in Shanghai.
        (datetime(2025, 1, 31, 17, 0, tzinfo=UTC), 1, datetime(2025, 2, 28, 17, 0, tzinfo=UTC)),
        (datetime(2025, 3, 10, 4, 0, tzinfo=UTC), 24, datetime(2027, 3, 10, 4, 0, tzinfo=UTC)),
    ],
)
def test_expiry_in_months_is_clamped_in_the_programmes_zone(
    occurred_at: datetime, months: int, expires_at: datetime
) -> None:
    assert expiry(occurred_at, months, SHANGHAI) == expires_at


def test_expiry_keeps_the_local_time_over_a_change_of_the_clock() -> None:
    found = expiry(datetime(2025, 3, 9, 11, 0, tzinfo=UTC), 1, ZoneInfo("Europe/Berlin"))
    assert found == datetime(2025, 4, 9, 10, 0, tzinfo=UTC)


def test_zero_months_is_for_ever() -> None:
    assert expiry(datetime(2025, 1, 1, tzinfo=UTC), 0, SHANGHAI) is None


def test_absurd_times_are_told_with_the_bound() -> None:
    now = datetime(2025, 3, 10, tzinfo=UTC)
    limits = bounds(now, 1990, 24)
    assert "before 1990-01-01" in limits.problem(datetime(1989, 12, 31, 23, 59, tzinfo=UTC))
    assert "too far ahead" in limits.problem(datetime(2025, 3, 11, 0, 1, tzinfo=UTC))
    assert limits.problem(datetime(1990, 1, 1, tzinfo=UTC)) == ""
    assert limits.problem(datetime(2025, 3, 11, tzinfo=UTC)) == ""
