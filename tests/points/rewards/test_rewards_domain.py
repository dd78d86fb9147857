"""What a reward costs whom, when it can be had, and how often."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.rewards import domain
from points.rewards.domain import Customer, Limit, Price, Reward, Terms
from points.rewards.refusals import BadTransitionError, RewardInvalidError
from tests.points.rewards.world import reward

SHANGHAI = Terms(zone=ZoneInfo("Asia/Shanghai"))
NOON = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)  # a Wednesday, 12:00 in Shanghai


def local(text: str) -> datetime:
    """A time without a zone."""
    return datetime.fromisoformat(text)


def customer(tier: str = "base", *segments: str, spendable: int = 1_000) -> Customer:
    return Customer(member_id=uuid4(), tier=tier, segments=frozenset(segments), spendable=spendable)


def codes(
    one: Reward, who: Customer, *, now: datetime = NOON, quantity: int = 1, option: str = "", **used: int
) -> list[str]:
    published = domain.moved(one, "published") if one.state == "hidden" else one
    against = domain.objections(published, who, quantity=quantity, option=option, used={}, now=now, terms=SHANGHAI)
    assert all(objection.chinese() and str(objection) for objection in against)
    return [objection.code for objection in against]


def test_published_reward_that_the_member_can_pay_has_no_objections() -> None:
    assert codes(reward(points=1_000), customer()) == []


def test_hidden_and_archived_rewards_are_not_on_offer() -> None:
    for state in ("hidden", "archived"):
        one = reward(state=state)
        against = domain.objections(one, customer(), quantity=1, option="", used={}, now=NOON, terms=SHANGHAI)
        assert [objection.code for objection in against] == ["reward_not_published"]


def test_validity_is_local_time_and_its_end_exclusive() -> None:
    one = reward(valid_from=local("2026-03-18T12:00"), valid_until=local("2026-03-18T13:00"))
    assert codes(one, customer(), now=NOON) == []
    assert codes(one, customer(), now=NOON - timedelta(microseconds=1)) == ["not_yet_valid"]
    assert codes(one, customer(), now=NOON + timedelta(hours=1)) == ["no_longer_valid"]


def test_local_time_that_the_clock_skips_or_repeats() -> None:
    paris = ZoneInfo("Europe/Paris")
    assert domain.instant_of(local("2026-03-29T02:30"), paris) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert domain.instant_of(local("2026-10-25T02:30"), paris) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_audience_by_tier_and_segment() -> None:
    one = reward(tiers=("gold", "platinum"))
    assert codes(one, customer("gold")) == []
    assert codes(one, customer("silver")) == ["not_for_this_tier"]
    chosen = reward(segments=("loyal",))
    assert codes(chosen, customer("base", "loyal")) == []
    assert codes(chosen, customer("base", "new")) == ["not_for_this_segment"]


def test_prices_by_tier_and_segment_the_cheapest_for_the_member() -> None:
    one = reward(
        prices=(
            Price(option="points", points=500),
            Price(option="points", points=400, tiers=("gold",)),
            Price(option="points", points=300, segments=("loyal",)),
            Price(option="mixed", points=100, money=29_00),
        )
    )

    def points(who: Customer) -> dict[str, int]:
        return {option: price.points for option, price in domain.prices_for(one, who).items()}

    assert points(customer()) == {"points": 500, "mixed": 100}
    assert points(customer("gold")) == {"points": 400, "mixed": 100}
    assert points(customer("gold", "loyal")) == {"points": 300, "mixed": 100}
    assert codes(one, customer(), option="barter") == ["unknown_price_option"]


def test_reward_that_is_priced_for_one_tier_only_is_for_that_tier() -> None:
    one = reward(prices=(Price(option="points", points=1, tiers=("gold",)),))
    assert codes(one, customer("base")) == ["not_for_this_tier"]
    other = reward(prices=(Price(option="points", points=1, segments=("loyal",)),))
    assert codes(other, customer("base")) == ["not_for_this_segment"]


def test_points_are_counted_for_all_pieces_and_by_the_option() -> None:
    one = reward(prices=(Price(option="points", points=500), Price(option="mixed", points=100, money=1)))
    assert codes(one, customer(spendable=999), option="points", quantity=2) == ["insufficient_points"]
    assert codes(one, customer(spendable=200), option="mixed", quantity=2) == []
    assert codes(one, customer(spendable=-5), option="mixed") == ["insufficient_points"]


def test_free_reward_can_be_had_in_debt() -> None:
    assert codes(reward(points=0), customer(spendable=-10)) == []


def test_limits_say_which_one_and_when_it_resets() -> None:
    one = reward(limits=(Limit(quantity=2, per="month"), Limit(quantity=3, per="ever")))
    published = domain.moved(one, "published")

    def against(quantity: int, **used: int) -> list[tuple[object, ...]]:
        found = domain.objections(
            published, customer(), quantity=quantity, option="", used=used, now=NOON, terms=SHANGHAI
        )
        return [(vars(each)["per"], vars(each)["used"], vars(each)["resets_at"]) for each in found]

    april = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)
    assert against(2) == []
    assert against(2, month=1, ever=1) == [("month", 1, april)]
    assert against(1, month=0, ever=3) == [("ever", 3, None)]
    assert against(1, month=2, ever=3) == [("month", 2, april), ("ever", 3, None)]


@pytest.mark.parametrize(
    ("per", "first_day", "since", "resets"),
    [
        ("day", 1, "2026-03-18", "2026-03-19"),
        ("week", 1, "2026-03-16", "2026-03-23"),
        ("week", 7, "2026-03-15", "2026-03-22"),
        ("month", 1, "2026-03-01", "2026-04-01"),
        ("year", 1, "2026-01-01", "2027-01-01"),
    ],
)
def test_periods_are_the_programmes_calendar(per: str, first_day: int, since: str, resets: str) -> None:
    terms = Terms(zone=ZoneInfo("Asia/Shanghai"), first_day_of_week=first_day)
    local = [datetime.fromisoformat(day).replace(tzinfo=terms.zone) for day in (since, resets)]
    assert domain.period(per, NOON, terms) == tuple(local)


@given(
    st.datetimes(local("2000-01-02T00:00"), local("2100-01-01T00:00"), timezones=st.just(UTC)),
    st.sampled_from(["day", "week", "month", "year"]),
    st.sampled_from(["Asia/Shanghai", "Europe/Paris", "America/Sao_Paulo", "Pacific/Apia"]),
    st.integers(1, 7),
)
def test_every_instant_lies_in_its_period_and_the_next_begins_where_it_ends(
    now: datetime, per: str, zone: str, first_day: int
) -> None:
    terms = Terms(zone=ZoneInfo(zone), first_day_of_week=first_day)
    since, resets = domain.period(per, now, terms)
    assert resets is not None
    assert since <= now < resets
    assert domain.period(per, resets, terms)[0] == resets


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name_zh": "", "name_en": ""}, "name"),
        ({"kind": "coupon"}, "coupon_template"),
        ({"coupon_template": "ten-off"}, "coupon_template"),
        ({"valid_from": local("2026-02-01T00:00"), "valid_until": local("2026-02-01T00:00")}, "valid_until"),
        ({"limits": (Limit(quantity=1, per="day"), Limit(quantity=2, per="day"))}, "limits"),
        ({"prices": (Price(option="cash", points=0, money=100),)}, "prices"),
        ({"prices": (Price(option="a", points=1), Price(option="a", points=2))}, "prices"),
        ({"prices": ()}, "prices"),
        ({"limited_edition": True, "stock": 5}, "limited_edition"),
        ({"limited_edition": True, "limits": (Limit(quantity=1, per="ever"),)}, "limited_edition"),
    ],
)
def test_reward_that_contradicts_itself_names_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(RewardInvalidError) as refused:
        domain.check(reward(**change))
    assert refused.value.field == field


def test_states_of_the_catalogue() -> None:
    one = domain.moved(domain.moved(reward(), "published"), "archived")
    with pytest.raises(BadTransitionError) as refused:
        domain.moved(one, "published")
    assert vars(refused.value) == {"from": "archived", "to": "published", "allowed": ["hidden"]}
