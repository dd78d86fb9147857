"""What a rule contradicts, what it overlaps with, and which version counts when."""

from datetime import UTC, date, datetime, time, timedelta
from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from points.evaluation.book import Book
from points.evaluation.conditions import (
    All,
    Amount,
    Any,
    BirthdayNear,
    Condition,
    DateRange,
    Not,
    OneOf,
    TimeWindow,
    Weekday,
)
from points.evaluation.matching import Situation, compiled
from points.evaluation.narrowing import narrowed
from points.evaluation.occasion import Expiry
from points.evaluation.rule import Coupon, Limit, Retirement, Waiting
from points.rules.domain import cautions, contradictions, disjoint, overlaps
from points.rules.findings import SENTENCES
from tests.points.evaluation.world import LONG_AGO, NOON, SHANGHAI, bought, fixed, rate, rule, someone, times

WORDS = ("web", "app", "till")
DAY = timedelta(days=1)

leaves = st.one_of(
    st.builds(lambda ones: OneOf(what="channel", values=frozenset(ones)), st.sets(st.sampled_from(WORDS), min_size=1)),
    st.builds(lambda ones: Weekday(days=frozenset(ones)), st.sets(st.integers(1, 7), min_size=1)),
    st.builds(lambda low, size: Amount(at_least=low, below=low + size), st.integers(0, 20), st.integers(1, 20)),
    st.builds(
        lambda first, size: DateRange(
            first=date(2025, 3, 1) + first * DAY, last=date(2025, 3, 1) + (first + size) * DAY
        ),
        st.integers(0, 20),
        st.integers(0, 5),
    ),
    st.builds(
        lambda hour, size: TimeWindow(start=time(hour), end=time(hour + size)), st.integers(0, 12), st.integers(1, 11)
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.builds(lambda one: Not(of=one), inner)
        | st.builds(lambda of: All(of=tuple(of)), st.lists(inner, min_size=1, max_size=3))
    ),
)
situations = st.builds(
    lambda channel, basis, hours: Situation(
        bought(basis, channel=channel, at=NOON + timedelta(hours=hours)), someone(), SHANGHAI
    ),
    st.sampled_from(WORDS),
    st.integers(0, 40),
    st.integers(-200, 600),
)


@settings(deadline=None)
@given(trees, trees, situations)
def test_conditions_that_exclude_each_other_never_hold_together(
    one: Condition, other: Condition, at: Situation
) -> None:
    if disjoint(one, other):
        assert not (compiled(one)(at) and compiled(other)(at))


@settings(deadline=None)
@given(trees, situations)
def test_what_is_left_of_a_condition_asks_the_same(condition: Condition, at: Situation) -> None:
    rest = narrowed(condition, {"channel": at.occasion.channel, "tier": None, "shop": None, "source": None}, at)
    assert (rest if isinstance(rest, bool) else compiled(rest)(at)) == compiled(condition)(at)


def test_contradictions_name_the_field() -> None:
    never = All(of=(OneOf(what="tier", values=frozenset({"gold"})), OneOf(what="tier", values=frozenset({"base"}))))
    (found,) = contradictions(rate(condition=never))
    assert (found.field, found.reason) == ("when", "never true: tier in gold and tier in base exclude each other")
    order = Limit(scope="order", period="ever", unit="uses", amount=1)
    assert [one.field for one in contradictions(fixed("a", 1, limits=(order, order)))] == [
        "limits.0.unit",
        "limits.1.unit",
        "limits.1",
    ]
    assert [one.field for one in contradictions(fixed("a", 1, exclusive=True, group="g"))] == ["stacking.group"]
    gift = rule("a", Coupon(template="gift"), group="g")
    assert [one.field for one in contradictions(gift)] == ["stacking.group"]
    assert contradictions(rate()) == []


def test_cautions_and_overlaps() -> None:
    assert [one.field for one in cautions(times("a", "1"), NOON, [])] == ["effect.factor"]
    assert [one.field for one in cautions(times("a", "2", by_tier={"jade": "3"}), NOON, ["gold"])] == [
        "effect.by_tier.jade"
    ]
    short = fixed("a", 1, waiting=Waiting(days=60), expiry=Expiry(kind="days", count=60))
    assert [one.field for one in cautions(short, NOON, [])] == ["expiry.count"]
    for life in (Expiry(kind="days", count=61), Expiry(kind="months", count=2), Expiry(kind="end_of_year"), None):
        assert cautions(fixed("a", 1, waiting=Waiting(days=60), expiry=life), NOON, []) == []
    web, app = (OneOf(what="channel", values=frozenset({word})) for word in ("web", "app"))
    assert overlaps(rate("a", condition=web), [rate("b", condition=app), rate("a"), fixed("c", 1)]) == []
    assert len(overlaps(rate("a", condition=web), [rate("b"), rate("d", group="g")])) == 2
    assert overlaps(rate("a", group="g"), [rate("d", group="g")]) == []


def test_days_around_a_birthday_with_a_limit_by_year_are_cautioned_in_both_languages() -> None:
    once = (Limit(scope="member", period="year", unit="uses", amount=1),)
    (found,) = cautions(fixed("a", 1, condition=BirthdayNear(before=3, after=3), limits=once), NOON, [])
    assert (found.field, found.code) == ("limits.0.period", "birthday_in_two_periods")
    assert found.texts()["zh-CN"].startswith("生日前后的日期可能跨越两个自然年")
    assert found.texts()["en"].startswith("the days around a birthday may lie in two years")
    for kept in (BirthdayNear(whole_month=True), BirthdayNear()):
        assert cautions(fixed("a", 1, condition=kept, limits=once), NOON, []) == []
    each = (Limit(scope="member", period="birthday", unit="uses", amount=1),)
    assert cautions(fixed("a", 1, condition=BirthdayNear(before=3), limits=each), NOON, []) == []
    ever = (Limit(scope="member", period="ever", unit="uses", amount=1),)
    assert cautions(fixed("a", 1, condition=BirthdayNear(before=3), limits=ever), NOON, []) == []


def test_limit_by_birthday_is_of_members_and_needs_the_condition() -> None:
    def codes(condition: Condition | None, scope: str = "member") -> list[str]:
        limits = (Limit(scope=scope, period="birthday", unit="uses", amount=1),)
        return [one.code for one in contradictions(fixed("a", 1, condition=condition, limits=limits))]

    web, near = OneOf(what="channel", values=frozenset({"web"})), BirthdayNear(before=3, after=3)
    assert codes(near) == codes(All(of=(web, near))) == []
    assert codes(None) == codes(web) == codes(Not(of=near)) == codes(Any(of=(web, near))) == ["birthday_not_asked"]
    assert codes(near, "budget") == ["birthday_of_members"]


def test_every_finding_has_a_sentence_in_both_languages_with_the_same_facts() -> None:
    for zh, en in SENTENCES.values():
        facts = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (zh, en)]
        assert facts[0] == facts[1]
        assert zh != en


def test_conditions_in_findings_are_named_in_the_language_of_the_sentence() -> None:
    never = All(of=(Amount(at_least=5, below=7), Amount(at_least=8), Weekday(days=frozenset({1, 7}))))
    (found,) = contradictions(rate(condition=never))
    assert found.texts() == {
        "zh-CN": "永不成立：金额从 5 起、不到 7 与金额从 8 起互斥",
        "en": "never true: amount from 5 below 7 and amount from 8 exclude each other",
    }


INSTANTS = [datetime(2025, 1, 1, tzinfo=UTC) + n * DAY for n in range(5)]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(INSTANTS), st.sampled_from(INSTANTS)), min_size=1, max_size=5),
    st.lists(st.tuples(st.sampled_from(INSTANTS), st.sampled_from(INSTANTS)), max_size=2),
    st.sampled_from(INSTANTS),
    st.sampled_from(INSTANTS),
)
def test_version_that_counts_is_the_latest_effective_of_those_known_and_not_retired(
    versions: list[tuple[datetime, datetime]],
    ends: list[tuple[datetime, datetime]],
    occurred_at: datetime,
    recorded_at: datetime,
) -> None:
    rules = [
        rate("a", number, version=number, effective_from=since, published_at=known)
        for number, (since, known) in enumerate(versions, start=1)
    ]
    retired = [Retirement(rule="a", retired_from=since, recorded_at=known) for since, known in ends]
    counting = [
        one
        for one in rules
        if one.published_at <= recorded_at
        and one.effective_from <= occurred_at
        and not any(
            one.published_at <= end.recorded_at <= recorded_at and end.retired_from <= occurred_at for end in retired
        )
    ]
    wanted = max(counting, key=lambda one: (one.effective_from, one.version), default=None)
    book = Book(rules, retired)
    assert list(book.valid_at(occurred_at, recorded_at).rules) == ([wanted] if wanted else [])


@pytest.mark.parametrize("moment", [LONG_AGO - DAY, LONG_AGO, NOON])
def test_book_without_rules_gives_nothing(moment: datetime) -> None:
    assert Book([]).valid_at(moment, moment).rules == ()
