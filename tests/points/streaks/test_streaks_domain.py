"""Runs, rewards, months: pure."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.streaks.domain import (
    Day,
    MakeUp,
    Plan,
    calendar,
    in_runs,
    make_up_problem,
    standing,
)
from points.times import first_of_next_month, local_day, midnight

SOMEBODY = UUID(int=1)
FIRST = date(2025, 3, 1)
PLAN = Plan(
    key="daily", activity="sign_in", rewards={1: 1, 3: 5, 7: 20}, make_up=MakeUp(per_month=2, cost=10, days_back=5)
)


def came(number: int, made_up_on: date | None = None) -> Day:
    at = datetime(2025, 3, 1, 4, tzinfo=UTC) + timedelta(days=number)
    return Day(SOMEBODY, "daily", FIRST + timedelta(days=number), 0, 0, at, made_up_on, 0, 0)


def test_days_in_a_row_count_up_and_begin_again_after_a_gap() -> None:
    assert [one.run for one in in_runs([came(0), came(1), came(3), came(4)])] == [1, 2, 1, 2]


def test_a_run_goes_on_from_the_day_before() -> None:
    before = came(0)._replace(run=41)
    assert [one.run for one in in_runs([came(1), came(2)], before)] == [42, 43]
    assert [one.run for one in in_runs([came(2)], before)] == [1]


@given(st.sets(st.integers(0, 60), max_size=40), st.randoms(use_true_random=False))
def test_runs_do_not_depend_on_the_order_of_days(numbers: set[int], random: object) -> None:
    days = [came(number) for number in sorted(numbers)]
    shuffled = list(days)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_runs(shuffled) == in_runs(days)
    for one in in_runs(days):
        number = (one.day - FIRST).days
        assert all(number - back in numbers for back in range(one.run))
        assert number - one.run not in numbers


@given(st.sets(st.integers(0, 40), min_size=1, max_size=30), st.integers(0, 40))
def test_putting_right_from_a_day_on_gives_what_putting_everything_right_gives(numbers: set[int], at: int) -> None:
    whole = in_runs([came(number) for number in numbers])
    before = [one for one in whole if one.day < FIRST + timedelta(days=at)]
    later = [one for one in whole if one.day >= FIRST + timedelta(days=at)]
    assert before + in_runs(later, before[-1] if before else None) == whole


def test_rewards_are_of_milestones_or_of_rounds() -> None:
    assert [PLAN.reward(run) for run in range(1, 9)] == [1, 0, 5, 0, 0, 0, 20, 0]
    rounds = Plan(key="week", activity="sign_in", rewards={1: 1, 7: 10}, cycle_days=7)
    assert [rounds.reward(run) for run in (1, 7, 8, 14, 15)] == [1, 10, 1, 10, 1]
    assert PLAN.next_reward(3) == (7, 20)
    assert PLAN.next_reward(7) is None
    assert rounds.next_reward(7) == (8, 1)


def test_a_streak_is_alive_until_the_end_of_the_day_after() -> None:
    last = came(3)._replace(run=4)
    alive, broken = standing(last, 9, last.day + timedelta(days=1)), standing(last, 9, last.day + timedelta(days=2))
    assert (alive.run, alive.came_today, alive.broken_on) == (4, False, None)
    assert (broken.run, broken.longest, broken.broken_on) == (0, 9, last.day + timedelta(days=1))
    assert standing(None, 0, FIRST).run == 0


@pytest.mark.parametrize(
    ("back", "there", "reason"),
    [(0, False, "not_past"), (-1, False, "not_past"), (1, True, "already_there"), (6, False, "too_long_ago"),
     (5, False, ""), (1, False, "")],
)  # fmt: skip
def test_only_days_that_were_missed_lately_can_be_made_up(back: int, there: bool, reason: str) -> None:
    today = FIRST + timedelta(days=20)
    day = today - timedelta(days=back)
    assert make_up_problem(PLAN, day, today, there=there, runs_from=FIRST, runs_until=None) == reason


def test_days_before_the_plan_began_cannot_be_made_up() -> None:
    today = FIRST + timedelta(days=2)
    day = FIRST - timedelta(days=1)
    assert make_up_problem(PLAN, day, today, there=False, runs_from=FIRST, runs_until=None) == "outside"


def test_a_month_shows_every_day_once() -> None:
    today = date(2025, 3, 10)
    days = [came(1), came(2, made_up_on=date(2025, 3, 5))]
    shown = calendar(FIRST, in_runs(days), today, runs_from=date(2025, 3, 2), runs_until=None)
    assert len(shown) == 31
    assert [one.state for one in shown[:5]] == ["outside", "signed", "made_up", "missed", "missed"]
    assert [one.state for one in shown[8:11]] == ["missed", "open", "open"]


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 1, 1)))
@pytest.mark.parametrize(
    "zone", ["Asia/Shanghai", "America/Havana", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut"]
)
def test_every_local_day_begins_where_the_one_before_ends_whatever_clocks_do(zone: str, day: date) -> None:
    here = ZoneInfo(zone)
    start = midnight(day, here).astimezone(UTC)
    assert local_day(start, here) == day
    assert local_day(start - timedelta(microseconds=1), here) < day


def test_months_follow_one_another_over_the_end_of_the_year() -> None:
    assert first_of_next_month(date(2025, 12, 31)) == date(2026, 1, 1)
    assert first_of_next_month(date(2025, 1, 31)) == date(2025, 2, 1)
