"""The oracle by examples worked out by hand."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from loyalty.demo.oracle import Bought, Expected, Level, Returned, expected

YEAR = timedelta(days=365)
LEVELS = [
    Level(tier="base", threshold=0, points_per_minor_unit=Fraction(1, 100)),
    Level(tier="silver", threshold=100_00, points_per_minor_unit=Fraction(12, 1000)),
    Level(tier="gold", threshold=250_00, points_per_minor_unit=Fraction(15, 1000)),
]


def on(month: int, day: int, year: int = 1997) -> datetime:
    return datetime(year, month, day, 17, 0, tzinfo=UTC)


def buy(order_id: str, at: datetime, amount: int) -> Bought:
    return Bought(customer="c", order_id=order_id, at=at, amount=amount)


def give_back(order_id: str, at: datetime, *amounts: int) -> list[Returned]:
    return [Returned(return_id=f"{order_id}-{n}", order_id=order_id, at=at, amount=a) for n, a in enumerate(amounts)]


def one(bought: list[Bought], returned: list[Returned] = []) -> Expected:  # noqa: B006 - is not changed
    return expected(bought, returned, LEVELS, YEAR)["c"]


def test_the_purchase_that_crosses_still_earns_by_the_tier_before_it() -> None:
    found = one([buy("1", on(1, 1), 99_99), buy("2", on(2, 1), 10_00), buy("3", on(3, 1), 10_00)])
    assert found.earned == 99 + 10 + 12
    assert found.history == (("base", None), ("silver", on(2, 1)))


def test_fractions_are_cut_off_per_purchase() -> None:
    found = one([buy("1", on(1, 1), 100_00), buy("2", on(1, 2), 33_33)])
    assert found.earned == 100 + 39, "33.33 × 1.2 = 39.996"


def test_spend_older_than_the_window_does_not_count() -> None:
    first, last = on(1, 1), on(1, 1) + YEAR
    assert one([buy("1", first, 60_00), buy("2", last, 60_00)]).tier == "base"
    assert one([buy("1", first, 60_00), buy("2", last - timedelta(seconds=1), 60_00)]).tier == "silver"


def test_a_tier_once_reached_is_kept() -> None:
    found = one([buy("1", on(1, 1), 300_00), buy("2", on(1, 1, 1999), 10_00)])
    assert (found.tier, found.earned) == ("gold", 300 + 15)


def test_a_return_is_as_if_the_goods_had_not_been_bought_from_then_on() -> None:
    bought = [buy("1", on(1, 1), 120_00), buy("2", on(2, 1), 10_00), buy("3", on(4, 1), 10_00)]
    found = one(bought, give_back("1", on(3, 1), 120_00))
    assert found.earned == 120 + 12 + 10
    assert found.taken_back == 120
    assert found.history == (("base", None), ("silver", on(1, 1)), ("base", on(3, 1)))


def test_a_split_return_takes_the_same_as_one() -> None:
    bought = [buy("1", on(1, 1), 99_97)]
    assert one(bought, give_back("1", on(2, 1), 33_00, 33_00, 33_97)).taken_back == 99
    assert one(bought, give_back("1", on(2, 1), 50_00)).taken_back == 49, "99 × 50.00 ÷ 99.97 = 49.5…"


def test_a_free_order_earns_nothing_and_breaks_nothing() -> None:
    assert one([buy("1", on(1, 1), 0)]) == Expected(earned=0, taken_back=0, tier="base", history=(("base", None),))
