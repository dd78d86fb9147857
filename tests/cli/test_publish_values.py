"""Cells of a CSV file: exact or refused, never guessed."""

from datetime import UTC, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.publish_values import DECIMALS, CellError, MoneyFormat, TimeFormat, currency_of, instant, minor_units

SHANGHAI = TimeFormat(zone=ZoneInfo("Asia/Shanghai"))
NEW_YORK = TimeFormat(formats=("%Y-%m-%d %H:%M", "%m/%d/%Y"), zone=ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.34", "USD", 1234),
        ("0.1", "USD", 10),
        ("12.3400", "USD", 1234),
        (" 1,234,567.89 ", "CNY", 123456789),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("0", "CNY", 0),
        ("90071992547409.93", "USD", 9007199254740993),
    ],
)
def test_amounts_become_minor_units_exactly(text: str, currency: str, minor: int) -> None:
    assert minor_units(text, currency, MoneyFormat()) == minor


@pytest.mark.parametrize(
    ("text", "currency", "reason"),
    [
        ("12.345", "USD", "too many decimals"),
        ("12.5", "JPY", "too many decimals"),
        ("-1.00", "USD", "negative"),
        ("12,50", "EUR", "--decimal-mark"),
        ("1,23,4.00", "USD", "not a number"),
        ("1e5", "USD", "not a number"),
        ("NaN", "USD", "not a number"),
        ("¥12.00", "CNY", "not a number"),
        ("9" * 50, "USD", "not a number"),
        ("", "USD", "empty"),
    ],
)
def test_amounts_in_doubt_are_refused_with_the_reason(text: str, currency: str, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        minor_units(text, currency, MoneyFormat())


def test_decimal_comma_and_minor_units_are_read_when_asked_for() -> None:
    assert minor_units("1.234,56", "EUR", MoneyFormat(decimal_mark=",")) == 123456
    assert minor_units("1234", "CNY", MoneyFormat(minor_units=True)) == 1234
    with pytest.raises(CellError, match="minor units have none"):
        minor_units("12.34", "CNY", MoneyFormat(minor_units=True))


@given(minor=st.integers(0, 10**15), currency=st.sampled_from(sorted(DECIMALS)))
def test_what_is_written_in_full_comes_back(minor: int, currency: str) -> None:
    written = f"{Decimal(minor).scaleb(-DECIMALS[currency]):,.{DECIMALS[currency]}f}"
    assert minor_units(written, currency, MoneyFormat()) == minor


def test_currencies_are_those_of_iso_4217() -> None:
    assert currency_of(" usd ") == "USD"
    with pytest.raises(CellError, match="ISO 4217"):
        currency_of("RMB")


def test_times_get_their_zone() -> None:
    assert instant("2024-03-01T08:00:00+08:00", TimeFormat()) == datetime(2024, 3, 1, tzinfo=UTC)
    assert instant("2024-03-01 08:00", SHANGHAI) == datetime(2024, 3, 1, tzinfo=UTC)
    assert instant("07/04/1997", NEW_YORK) == datetime(1997, 7, 4, 16, tzinfo=UTC), "a bare date means noon"
    assert instant("2024-03-01", TimeFormat(zone=ZoneInfo("UTC"), time_of_day=time(9))).hour == 9
    assert instant("1709251200", TimeFormat(formats=("epoch",))) == datetime(2024, 3, 1, tzinfo=UTC)
    assert instant("1709251200000", TimeFormat(formats=("epoch-ms",))) == datetime(2024, 3, 1, tzinfo=UTC)


def test_of_an_hour_that_came_twice_the_earlier_is_meant() -> None:
    assert instant("2024-11-03 01:30", NEW_YORK) == datetime(2024, 11, 3, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "layout", "reason"),
    [
        ("2024-03-01 08:00", TimeFormat(), "--time-zone"),
        ("2024-03-10 02:30", NEW_YORK, "did not exist"),
        ("2024-02-30", SHANGHAI, "not a time as iso"),
        ("0001-01-01 01:00", SHANGHAI, "outside the years"),
        ("x" * 100, SHANGHAI, "too long"),
        ("", SHANGHAI, "empty"),
    ],
)
def test_times_in_doubt_are_refused_with_the_reason(text: str, layout: TimeFormat, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        instant(text, layout)
