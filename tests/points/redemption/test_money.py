"""Points as money: caps, rounding, and splits that always add up."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.redemption.domain import UsedToday, check, check_grant
from points.redemption.errors import (
    GrantRefusedError,
    GrantRequiredError,
    LimitReachedError,
    NotAllowedPointsError,
)
from points.redemption.money import Policy, offer, points_for_share, share_of, worth
from points.times import day_of

NOW = datetime(2026, 3, 8, 12, tzinfo=UTC)


def used(points: int = 0, times: int = 0) -> UsedToday:
    return UsedToday(points=points, times=times, resets_at=NOW)


def test_worth_is_rounded_down_to_whole_minor_units() -> None:
    policy = Policy(points=30, minor_units=100)
    assert [worth(policy, points) for points in (0, 1, 2, 10, 29, 30)] == [0, 3, 6, 33, 96, 100]


def test_share_of_the_order_and_step_and_minimum_bind_in_turn() -> None:
    policy = Policy(points=100, minor_units=100, step=50, minimum=200, max_share_percent=30)
    by_share = offer(policy, amount=1_999, spendable=10_000, left_today=None)
    assert (by_share.points, by_share.value, by_share.binding) == (550, 550, "step")
    assert [(cap.rule, cap.points) for cap in by_share.caps] == [("balance", 10_000), ("share_of_order", 599)]
    exact = offer(policy, amount=2_000, spendable=10_000, left_today=None)
    assert (exact.points, exact.binding) == (600, "share_of_order")
    few = offer(policy, amount=2_000, spendable=199, left_today=None)
    assert (few.points, few.binding) == (0, "minimum")
    assert offer(policy, amount=2_000, spendable=0, left_today=None).binding == "balance"
    assert offer(policy, amount=9_000, spendable=10_000, left_today=250).points == 250


policies = st.builds(
    Policy,
    points=st.integers(1, 10_000),
    minor_units=st.integers(1, 10_000),
    step=st.integers(1, 500),
    minimum=st.integers(1, 1_000),
    max_share_percent=st.integers(1, 100),
)


@given(policies, st.integers(1, 10**9), st.integers(0, 10**9), st.none() | st.integers(0, 10**6))
def test_what_is_offered_is_allowed_and_the_next_step_is_not(
    policy: Policy, amount: int, spendable: int, left: int | None
) -> None:
    found = offer(policy, amount=amount, spendable=spendable, left_today=left)
    assert found.value == worth(policy, found.points) <= share_of(policy, amount)
    if found.points:
        check(policy, found.points, amount=amount, used=used())
        assert found.points <= spendable
        assert found.points <= (left if left is not None else found.points)
    more = found.points + policy.step if found.points else policy.minimum + -policy.minimum % policy.step
    caps = [cap.points for cap in found.caps]
    assert more > min(caps)


@given(policies, st.integers(1, 10**9))
def test_points_for_a_share_are_never_worth_more_than_it(policy: Policy, amount: int) -> None:
    assert worth(policy, points_for_share(policy, amount)) <= share_of(policy, amount)


@pytest.mark.parametrize(
    ("points", "rule", "allowed"), [(40, "minimum", 50), (55, "step", 10), (310, "share_of_order", 300)]
)
def test_refused_points_name_the_rule_and_its_figure(points: int, rule: str, allowed: int) -> None:
    policy = Policy(step=10, minimum=50, max_share_percent=30)
    with pytest.raises(NotAllowedPointsError) as caught:
        check(policy, points, amount=1_000, used=used())
    assert (caught.value.rule, caught.value.points, caught.value.allowed) == (rule, points, allowed)


def test_daily_limits_say_what_was_used_and_when_they_begin_anew() -> None:
    with pytest.raises(LimitReachedError) as caught:
        check(Policy(daily_points=100), 60, amount=None, used=used(points=50))
    error = caught.value
    assert (error.limit, error.allowed, error.used, error.need, error.resets_at) == ("points_per_day", 100, 50, 60, NOW)
    with pytest.raises(LimitReachedError, match="redemptions per day"):
        check(Policy(daily_times=2), 1, amount=None, used=used(times=2))
    check(Policy(daily_points=100, daily_times=2), 50, amount=None, used=used(points=50, times=1))


def test_local_days_are_as_long_as_the_clock_makes_them() -> None:
    begin, end = day_of(NOW, ZoneInfo("America/New_York"))  # the clock goes forward that night
    assert (end.astimezone(UTC) - begin.astimezone(UTC)).total_seconds() == 23 * 3600
    begin, end = day_of(datetime(2026, 1, 1, 16, tzinfo=UTC), ZoneInfo("Asia/Shanghai"))
    assert (begin.astimezone(UTC), end.astimezone(UTC)) == (
        datetime(2026, 1, 1, 16, tzinfo=UTC),
        datetime(2026, 1, 2, 16, tzinfo=UTC),
    )


def test_a_grant_is_needed_above_the_limit_only() -> None:
    policy = Policy(pin_above_points=100)
    check_grant(policy, 100, given=False, members=[], of=None, purpose="", most=0)
    with pytest.raises(GrantRequiredError) as caught:
        check_grant(policy, 101, given=False, members=[], of=None, purpose="", most=0)
    assert (caught.value.points, caught.value.pin_above_points) == (101, 100)
    with pytest.raises(GrantRefusedError) as refused:
        check_grant(policy, 101, given=True, members=[], of=None, purpose="unbind", most=500)
    assert refused.value.reason == "wrong_purpose"
