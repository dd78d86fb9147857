"""The tier history as a pure function of purchases, returns and rules."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from members.tiers.domain import (
    START,
    Bought,
    Returned,
    TierSince,
    needed_from,
    resume_at,
    standing,
    timeline,
)
from members.tiers.rules import Rules, Tier, direction, effective

TIERS = (
    Tier(key="base", name="普通", rank=0, threshold=0),
    Tier(key="silver", name="银牌", rank=1, threshold=10_000),
    Tier(key="gold", name="金牌", rank=2, threshold=30_000),
)
DAY = timedelta(days=1)
JOINED = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
YEARLY = Rules(tiers=TIERS, window=timedelta(days=365), falls=True)
LIFELONG = Rules(tiers=TIERS, window=None, falls=True)
NEVER_DOWN = Rules(tiers=TIERS, window=timedelta(days=365), falls=False)


def day(number: int) -> datetime:
    return JOINED + number * DAY


def bought(number: int, goods: int, order_id: str = "A-1", **more: int) -> Bought:
    return Bought(at=day(number), source="//shop", order_id=order_id, goods=goods, **more)


def returned(number: int, amount: int, order_id: str = "A-1", return_id: str = "R-1") -> Returned:
    return Returned(at=day(number), source="//shop", order_id=order_id, return_id=return_id, amount=amount)


def tiers_of(history: tuple[TierSince, ...]) -> list[tuple[str, datetime]]:
    return [(entry.tier, entry.since) for entry in history]


def held(
    purchases: list[Bought], returns: list[Returned], *rules: Rules, now: datetime = NOW
) -> list[tuple[str, datetime]]:
    return tiers_of(timeline(purchases, returns, rules, joined_at=JOINED, now=now))


def test_member_without_purchases_holds_the_first_tier_since_joining() -> None:
    assert held([], [], YEARLY) == [("base", JOINED)]


def test_purchase_that_crosses_the_threshold_counts_itself() -> None:
    history = timeline([bought(5, 9_999, "A"), bought(9, 1, "B")], [], [LIFELONG], joined_at=JOINED, now=NOW)
    assert tiers_of(history) == [("base", JOINED), ("silver", day(9))]
    assert history[-1].reason == "purchase B"


def test_one_cent_below_the_threshold_is_not_enough() -> None:
    assert held([bought(5, 9_999)], [], LIFELONG) == [("base", JOINED)]


def test_one_purchase_may_climb_several_tiers() -> None:
    assert held([bought(5, 30_000)], [], LIFELONG) == [("base", JOINED), ("gold", day(5))]


def test_tier_falls_exactly_when_the_purchase_leaves_the_window() -> None:
    purchases = [bought(5, 10_000)]
    leaves = day(5) + timedelta(days=365)
    before = leaves - timedelta(microseconds=1)
    assert held(purchases, [], YEARLY, now=before)[-1] == ("silver", day(5))
    history = timeline(purchases, [], [YEARLY], joined_at=JOINED, now=leaves)
    assert history[-1] == TierSince(tier="base", since=leaves, reason="window")


def test_purchase_at_the_instant_another_leaves_keeps_the_tier() -> None:
    assert held([bought(5, 10_000, "A"), bought(370, 10_000, "B")], [], YEARLY) == [
        ("base", JOINED),
        ("silver", day(5)),
    ]


def test_window_is_a_length_of_time_whatever_the_clocks_do() -> None:
    spring_forward = datetime(2024, 3, 31, 0, 30, tzinfo=UTC)  # half an hour before Europe changes its clocks
    rules = Rules(tiers=TIERS, window=timedelta(days=1), falls=True)
    purchase = Bought(at=spring_forward, source="//shop", order_id="A", goods=10_000)
    history = timeline([purchase], [], [rules], joined_at=JOINED, now=NOW)
    assert history[-1].since - history[-2].since == timedelta(hours=24)


def test_life_long_spend_never_leaves_the_window() -> None:
    far = datetime(2090, 1, 1, tzinfo=UTC)
    assert held([bought(5, 10_000)], [], LIFELONG, now=far)[-1] == ("silver", day(5))


def test_return_takes_the_tier_from_its_own_instant_on() -> None:
    assert held([bought(5, 10_000)], [returned(20, 1)], LIFELONG) == [
        ("base", JOINED),
        ("silver", day(5)),
        ("base", day(20)),
    ]


def test_return_of_more_than_was_bought_counts_as_the_whole() -> None:
    position = standing([bought(5, 10_000)], [returned(20, 99_999)], [LIFELONG], joined_at=JOINED, now=NOW)
    assert position.qualifying == 0


def test_return_after_the_purchase_left_the_window_changes_nothing() -> None:
    purchases = [bought(5, 10_000)]
    assert held(purchases, [returned(400, 10_000)], YEARLY) == held(purchases, [], YEARLY)


def test_return_dated_before_its_purchase_counts_from_the_purchase() -> None:
    assert held([bought(5, 10_000)], [returned(1, 10_000)], LIFELONG) == [("base", JOINED)]


def test_return_of_an_unknown_purchase_changes_nothing() -> None:
    assert held([bought(5, 10_000)], [returned(20, 10_000, "other")], LIFELONG)[-1] == ("silver", day(5))


def test_where_tiers_never_fall_the_end_of_the_window_takes_nothing() -> None:
    assert held([bought(5, 10_000)], [], NEVER_DOWN) == [("base", JOINED), ("silver", day(5))]


def test_where_tiers_never_fall_a_return_still_takes_what_it_gave() -> None:
    history = timeline([bought(5, 10_000)], [returned(20, 10_000)], [NEVER_DOWN], joined_at=JOINED, now=NOW)
    assert tiers_of(history) == [("base", JOINED), ("silver", day(5)), ("base", day(20))]
    assert history[-1].reason == "return R-1"


def test_where_tiers_never_fall_a_return_leaves_what_was_reached_without_it() -> None:
    purchases = [bought(5, 10_000, "A"), bought(500, 30_000, "B")]
    assert held(purchases, [returned(510, 30_000, "B")], NEVER_DOWN) == [
        ("base", JOINED),
        ("silver", day(5)),
        ("gold", day(500)),
        ("silver", day(510)),
    ]


def test_new_rules_do_not_rewrite_what_was_before() -> None:
    stricter = Rules(
        tiers=(TIERS[0], Tier(key="silver", name="银牌", rank=1, threshold=20_000)),
        window=None,
        falls=True,
        since=day(100),
    )
    assert held([bought(5, 10_000)], [], LIFELONG, stricter) == [
        ("base", JOINED),
        ("silver", day(5)),
        ("base", day(100)),
    ]


def test_where_tiers_never_fall_new_rules_take_nothing() -> None:
    stricter = Rules(
        tiers=(TIERS[0], Tier(key="silver", name="银牌", rank=1, threshold=20_000)),
        window=None,
        falls=False,
        since=day(100),
    )
    assert held([bought(5, 10_000)], [], LIFELONG, stricter)[-1] == ("silver", day(5))


def test_tier_that_is_no_more_is_left_when_the_rules_change() -> None:
    without_silver = Rules(tiers=(TIERS[0], TIERS[2]), window=None, falls=False, since=day(100))
    assert held([bought(5, 10_000)], [], LIFELONG, without_silver)[-1] == ("base", day(100))


def test_rules_that_hold_always_replace_all_earlier_ones() -> None:
    assert effective([YEARLY, LIFELONG]) == (LIFELONG,)


def test_rules_decided_later_replace_what_they_overlap() -> None:
    second = Rules(tiers=TIERS, window=None, falls=True, since=day(50))
    third = Rules(tiers=TIERS, window=None, falls=False, since=day(20))
    assert effective([YEARLY, second, third]) == (YEARLY, third)


def test_tax_and_delivery_count_where_the_rules_say_so() -> None:
    purchases = [bought(5, 9_000, tax=600, delivery=400)]
    assert held(purchases, [], LIFELONG)[-1] == ("base", JOINED)
    whole = Rules(tiers=TIERS, window=None, falls=True, with_tax=True, with_delivery=True)
    assert held(purchases, [], whole)[-1] == ("silver", day(5))
    position = standing(purchases, [returned(9, 9_000)], [whole], joined_at=JOINED, now=NOW)
    assert position.qualifying == 0


def test_partial_returns_take_the_same_however_they_are_split() -> None:
    whole = Rules(tiers=TIERS, window=None, falls=True, with_tax=True)
    purchases = [bought(5, 9_999, tax=777)]
    split = [returned(6, 3_333, return_id="R-1"), returned(7, 3_333, return_id="R-2"), returned(8, 1, return_id="R-3")]
    together = [returned(8, 6_667)]
    assert (
        standing(purchases, split, [whole], joined_at=JOINED, now=NOW).qualifying
        == standing(purchases, together, [whole], joined_at=JOINED, now=NOW).qualifying
    )


def test_standing_tells_what_time_alone_will_change_next() -> None:
    position = standing([bought(700, 10_000)], [], [YEARLY], joined_at=JOINED, now=NOW)
    assert position.tier.key == "silver"
    assert position.qualifying == 10_000
    assert position.coming == TierSince(tier="base", since=day(700) + timedelta(days=365), reason="window")


def test_purchase_of_tomorrow_changes_nothing_today() -> None:
    tomorrow = Bought(at=NOW + DAY, source="//shop", order_id="A", goods=10_000)
    position = standing([tomorrow], [], [LIFELONG], joined_at=JOINED, now=NOW)
    assert position.tier.key == "base"
    assert position.coming is not None
    assert position.coming.since == NOW + DAY


def test_purchase_before_joining_counts() -> None:
    early = Bought(at=JOINED - 10 * DAY, source="//shop", order_id="A", goods=500)
    assert held([early], [], LIFELONG) == [("base", JOINED)]
    large = Bought(at=JOINED - 5 * DAY, source="//shop", order_id="B", goods=9_500)
    assert held([early, large], [], LIFELONG) == [("silver", JOINED - 5 * DAY)]


def test_direction_follows_the_ranks() -> None:
    assert direction(YEARLY, "base", "gold") == "up"
    assert direction(YEARLY, "gold", "silver") == "down"
    assert direction(YEARLY, "gold", "gold") == "none"
    assert direction(YEARLY, "no more", "base") == "up"


# The whole against a definition that looks at every instant on its own, and against every order of arrival.

amounts = st.sampled_from([0, 1, 4_999, 5_000, 9_999, 10_000, 20_000, 30_000])
days = st.integers(0, 60)
windows = st.sampled_from([None, timedelta(days=1), timedelta(days=7), timedelta(days=30)])


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Bought], list[Returned]]:
    purchases = [bought(draw(days), draw(amounts), f"A-{number}") for number in range(draw(st.integers(0, 6)))]
    returns = []
    for number in range(draw(st.integers(0, 4)) if purchases else 0):
        purchase = draw(st.sampled_from(purchases))
        returns.append(returned(draw(days), draw(amounts), purchase.order_id, f"R-{number}"))
    return purchases, returns


@st.composite
def rule_sets(draw: st.DrawFn) -> tuple[Rules, ...]:
    versions = [Rules(tiers=TIERS, window=draw(windows), falls=draw(st.booleans()))]
    if draw(st.booleans()):
        lower = (TIERS[0], Tier(key="silver", name="", rank=1, threshold=5_000), TIERS[2])
        versions.append(Rules(tiers=lower, window=draw(windows), falls=draw(st.booleans()), since=day(draw(days))))
    return effective(versions)


def tier_by_definition(
    purchases: list[Bought], returns: list[Returned], rules: tuple[Rules, ...], instants: list[datetime], at: datetime
) -> str:
    """Live through all instants up to `at` and add up what counts; what was returned by `at` was never bought."""
    held_key = "base"
    for instant in [moment for moment in instants if moment <= at]:
        version = [v for v in rules if v.since is None or v.since <= instant][-1]
        amount = 0
        for purchase in purchases:
            if purchase.at <= instant and (version.window is None or instant < purchase.at + version.window):
                back = sum(
                    r.amount for r in returns if r.order_id == purchase.order_id and max(r.at, purchase.at) <= at
                )
                amount += max(0, purchase.goods - back)
        reached = version.tier_at(amount)
        current = version.tier_named(held_key)
        if version.falls or current is None or reached.rank > current.rank:
            held_key = reached.key
    return held_key


@given(lives(), rule_sets())
def test_history_is_what_the_definition_says_at_every_instant(
    life: tuple[list[Bought], list[Returned]], rules: tuple[Rules, ...]
) -> None:
    purchases, returns = life
    instants = {purchase.at for purchase in purchases} | {entry.at for entry in returns}
    instants |= {v.since for v in rules if v.since}
    instants |= {p.at + v.window for p in purchases for v in rules if v.window}
    ordered = sorted(instants)
    history = timeline(purchases, returns, rules, joined_at=JOINED, now=NOW)
    for at in ordered:
        in_history = [entry.tier for entry in history if entry.since <= at][-1] if history[0].since <= at else "base"
        assert in_history == tier_by_definition(purchases, returns, rules, ordered, at), at


@given(lives(), rule_sets(), st.randoms(use_true_random=False))
def test_history_does_not_depend_on_the_order_of_arrival(
    life: tuple[list[Bought], list[Returned]], rules: tuple[Rules, ...], chance: object
) -> None:
    purchases, returns = life
    before = standing(purchases, returns, rules, joined_at=JOINED, now=NOW)
    chance.shuffle(purchases)  # type: ignore[attr-defined]
    chance.shuffle(returns)  # type: ignore[attr-defined]
    assert standing(purchases, returns, rules, joined_at=JOINED, now=NOW) == before


@given(lives(), rule_sets(), days)
def test_what_is_foreseen_is_what_comes(
    life: tuple[list[Bought], list[Returned]], rules: tuple[Rules, ...], today: int
) -> None:
    """If nothing else happens, the next change is the one that was foreseen: reviews may sleep until then."""
    purchases, returns = life
    seen = standing(purchases, returns, rules, joined_at=JOINED, now=day(today))
    later = timeline(purchases, returns, rules, joined_at=JOINED, now=NOW)
    further = [entry for entry in later if entry.since > day(today)]
    assert seen.coming == (further[0] if further else None)


@given(lives(), rule_sets(), days, days, st.sets(st.integers(0, 5)))
def test_history_taken_up_where_something_new_begins_is_the_whole_history(
    life: tuple[list[Bought], list[Returned]], rules: tuple[Rules, ...], first: int, later: int, late: set[int]
) -> None:
    """Some purchases become known later than others; only what counts since the first of them is looked at again."""
    purchases, returns = life
    reviewed_at, now = sorted((day(first), day(later)))
    known = [purchase for n, purchase in enumerate(purchases) if n not in late]
    news = [purchase.at for n, purchase in enumerate(purchases) if n in late]
    if not news:
        return
    then = standing(known, returns, rules, joined_at=JOINED, now=reviewed_at)
    foreseen = then.coming.since if then.coming else now
    since = resume_at(rules, min(news), foreseen, now)
    needed = [purchase for purchase in purchases if purchase.at >= needed_from(rules, since)]
    taken_up = standing(
        needed, returns, rules, joined_at=JOINED, now=now, before=then.history if since != START else (), since=since
    )
    assert taken_up == standing(purchases, returns, rules, joined_at=JOINED, now=now)
