"""Windows, steps, what is missing: pure."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.cascade.domain import Bought, Done
from points.counters.domain import (
    Entry,
    Measure,
    entries_of_purchase,
    entry_of_activity,
    reached_at,
    value_of,
)
from points.incentives.domain import ACTIVE, TASK, Incentive, change_problem
from points.tasks.domain import Progress, Task, next_step
from tests.points.incentives.world import FORM, task

NOON = datetime(2025, 3, 12, 12, tzinfo=UTC)  # a Wednesday
SHANGHAI = ZoneInfo("Asia/Shanghai")


def measure(**facts: Any) -> Measure:
    form = FORM.validate_python(
        {"kind": "task", "name": {"en": "t"}, **task(goals=[{"measure": {"of": "purchases", **facts}, "target": 1}])}
    )
    return Measure.of_facts(form.model_dump(mode="json")["goals"][0]["measure"])


def made(**facts: Any) -> Task:
    definition = FORM.validate_python({"kind": "task", "name": {"en": "t"}, **task(**facts)}).model_dump(mode="json")
    incentive = Incentive(
        kind=TASK,
        key="t",
        revision=1,
        state=ACTIVE,
        definition=definition,
        active_from=datetime(1990, 1, 1, tzinfo=UTC),
        ended_at=None,
        created_at=NOON,
        changed_at=NOON,
        changed_by="test",
    )
    return Task.of(incentive)


@pytest.mark.parametrize(
    ("window", "first_day_of_week", "first", "last"),
    [
        ("daily", 1, date(2025, 3, 12), date(2025, 3, 12)),
        ("weekly", 1, date(2025, 3, 10), date(2025, 3, 16)),
        ("weekly", 7, date(2025, 3, 9), date(2025, 3, 15)),
        ("monthly", 1, date(2025, 3, 1), date(2025, 3, 31)),
        ("once", 1, date(1990, 1, 1), date(9000, 1, 1)),
    ],
)
def test_each_day_lies_in_one_window(window: str, first_day_of_week: int, first: date, last: date) -> None:
    found = made(window=window).window_of(date(2025, 3, 12), first_day_of_week)
    assert found is not None
    assert (found.first, found.last) == (first, last)


def test_a_campaign_counts_on_its_days_only() -> None:
    campaign = made(window="campaign", first_day="2025-03-10", last_day="2025-03-12")
    assert campaign.window_of(date(2025, 3, 12), 1) is not None
    assert campaign.window_of(date(2025, 3, 13), 1) is None


@given(st.dates(date(1995, 1, 1), date(2090, 1, 1)), st.sampled_from(["daily", "weekly", "monthly"]), st.integers(1, 7))
def test_windows_follow_one_another_without_a_gap(day: date, window: str, first_day_of_week: int) -> None:
    one = made(window=window)
    here = one.window_of(day, first_day_of_week)
    assert here is not None
    assert here.first <= day <= here.last
    following = one.window_of(here.last + timedelta(days=1), first_day_of_week)
    assert following is not None
    assert following.first == here.last + timedelta(days=1)
    assert one.span(here, SHANGHAI)[1] == one.span(following, SHANGHAI)[0]


@pytest.mark.parametrize(
    ("state", "fulfilled", "claim", "on_return", "step"),
    [
        (None, False, "automatic", "take_back", "nothing"),
        (None, True, "automatic", "take_back", "pay"),
        (None, True, "click", "take_back", "complete"),
        ("completed", True, "click", "take_back", "nothing"),
        ("completed", False, "click", "take_back", "reopen"),
        ("rewarded", True, "automatic", "take_back", "nothing"),
        ("rewarded", False, "automatic", "take_back", "revoke"),
        ("rewarded", False, "automatic", "keep", "nothing"),
        ("taken_back", True, "automatic", "take_back", "pay"),
        ("taken_back", True, "click", "take_back", "complete"),
        ("taken_back", False, "click", "take_back", "nothing"),
    ],
)
def test_next_step(state: str | None, fulfilled: bool, claim: str, on_return: str, step: str) -> None:
    assert next_step(state, fulfilled, claim=claim, on_return=on_return) == step


def bought(**facts: Any) -> Bought:
    plain: dict[str, Any] = {
        "member_id": UUID(int=1),
        "source": "s",
        "order_id": "o",
        "occurred_at": NOON,
        "basis": 500,
    }
    return Bought(**{**plain, **facts})


@pytest.mark.parametrize(
    ("facts", "order", "values"),
    [
        ({}, {}, [1]),
        ({"what": "amount"}, {}, [500]),
        ({"min_amount": 501}, {}, []),
        ({"channels": ["app"]}, {"channel": "shop"}, []),
        ({"channels": ["app"]}, {"channel": "app"}, [1]),
        ({"what": "quantity"}, {"quantities": {"a": 2, "b": 3}}, [5]),
        ({"what": "quantity", "skus": ["b", "c"]}, {"quantities": {"a": 2, "b": 3}}, [3]),
        ({"what": "distinct_products"}, {"quantities": {"a": 2, "b": 3}}, [1, 1]),
        ({"categories": ["tea"]}, {"categories": frozenset({"tea", "cup"})}, [1]),
        ({"categories": ["tea"]}, {"categories": frozenset({"cup"})}, []),
    ],
)
def test_what_a_purchase_adds(facts: dict[str, Any], order: dict[str, Any], values: list[int]) -> None:
    assert [entry.value for entry in entries_of_purchase(measure(**facts), bought(**order))] == values


@pytest.mark.parametrize(
    ("fields", "told", "counts"),
    [
        ({}, {}, True),
        ({"stars": 5}, {"stars": 5}, True),
        ({"stars": 5}, {"stars": 4}, False),
        ({"stars": 1}, {"stars": True}, False),
        ({"photo": True}, {"photo": True, "more": "x"}, True),
        ({"photo": True}, {}, False),
    ],
)
def test_an_activity_counts_when_it_has_all_the_fields(fields: Any, told: Any, counts: bool) -> None:
    asked = measure(of="activities", activity="review_written", fields=fields)
    done = Done(
        member_id=UUID(int=1), source="s", activity_id="a", activity="review_written", occurred_at=NOON, fields=told
    )
    assert (entry_of_activity(asked, done) is not None) == counts


def test_equal_measures_are_counted_once() -> None:
    assert measure(skus=["a", "b"]).key == measure(skus=["b", "a"]).key
    assert measure(skus=["a"]).key != measure(skus=["b"]).key


def entry(number: int, hours: int, value: int, gone: int, item: str) -> Entry:
    at = NOON + timedelta(hours=hours)
    return Entry(UUID(int=1), "m", "purchases", "s", str(number), item, at, value, min(gone, value), "", "")


ENTRIES = st.lists(
    st.builds(
        entry,
        st.integers(0, 10**6),
        st.integers(0, 50),
        st.integers(1, 9),
        st.integers(0, 9),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=20,
)  # fmt: skip


@given(ENTRIES, st.sampled_from(["count", "distinct_products", "run"]), st.integers(1, 12), st.randoms())
def test_a_goal_was_reached_exactly_when_its_value_is_there(
    entries: list[Entry], what: str, target: int, random: Any
) -> None:
    at = reached_at(entries, what, target)
    assert (at is not None) == (value_of(entries, what) >= target)
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert reached_at(shuffled, what, target) == at
    if at is not None:
        assert value_of([entry for entry in entries if entry.occurred_at <= at], what) >= target
        assert value_of([entry for entry in entries if entry.occurred_at < at], what) < target


def test_what_is_missing_is_said_in_chinese_and_english() -> None:
    assert Progress(measure=measure(what="amount"), value=5000, target=20050).texts == {
        "zh": "再消费 150.50 元",
        "en": "spend 150.50 more",
    }
    assert Progress(measure=measure(), value=1, target=3).texts["zh"] == "再消费 2 笔"
    assert Progress(measure=measure(), value=4, target=3).missing == 0


def test_of_what_is_active_only_the_words_can_be_changed() -> None:
    incentive = made().incentive
    assert change_problem(incentive, {**incentive.definition, "name": {"zh": "新", "en": ""}}) == ""
    assert "goals" in change_problem(incentive, {**incentive.definition, "goals": []})
