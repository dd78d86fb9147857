"""What a cell of a CSV file says, exactly: money in minor units and instants with a zone. Pure.

Nothing is guessed: what cannot be read without doubt is a `CellError` whose text is meant for who has the file.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

# ISO 4217, active codes by the number of decimals of their minor unit.
_TWO_DECIMALS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP
CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR
KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN
PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD
TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
DECIMALS: dict[str, int] = {
    **dict.fromkeys(_TWO_DECIMALS.split(), 2),
    **dict.fromkeys(_NO_DECIMALS.split(), 0),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
    "CLF": 4,
    "UYW": 4,
}

_GROUPED = {
    ".": re.compile(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?"),
    ",": re.compile(r"-?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?"),
}
_EPOCH = re.compile(r"-?\d{1,14}")
_LONGEST = 40


class CellError(ValueError):
    """A cell that cannot be taken; the text says why and, where there is one, the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyFormat:
    """How amounts are written: with `decimal_mark` "." (1,234.56) or "," (1.234,56), or in minor units already."""

    decimal_mark: str = "."
    minor_units: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFormat:
    """How times are written: `formats` are tried in order (`iso`, `epoch`, `epoch-ms` or strptime's signs).

    `zone` is what a time without an offset is meant in; None refuses such a time. `time_of_day` completes a bare date.
    """

    formats: tuple[str, ...] = ("iso",)
    zone: ZoneInfo | None = None
    time_of_day: time = time(12, 0)


def currency_of(text: str) -> str:
    """The ISO 4217 code, in capitals."""
    code = text.strip().upper()
    if code not in DECIMALS:
        raise CellError(f"{text.strip()!r} is not an ISO 4217 currency code")
    return code


def minor_units(text: str, currency: str, layout: MoneyFormat) -> int:
    """`"12.34"` in USD is 1234, in JPY an error: no rounding, ever. The currency is one that `currency_of` gave."""
    written = text.strip()
    if not written:
        raise CellError("is empty")
    if len(written) > _LONGEST or not _GROUPED[layout.decimal_mark].fullmatch(written):
        raise CellError(f"{written[:_LONGEST]!r} is not a number{_hint(written, layout)}")
    grouping = "," if layout.decimal_mark == "." else "."
    number = Decimal(written.replace(grouping, "").replace(layout.decimal_mark, "."))
    decimals = 0 if layout.minor_units else DECIMALS[currency]
    scaled = number.scaleb(decimals)
    if scaled != scaled.to_integral_value():
        unit = "minor units have none" if layout.minor_units else f"{currency} has {decimals}"
        raise CellError(f"{written!r} has too many decimals ({unit})")
    if scaled < 0:
        raise CellError(f"{written!r} is negative (returns are published with --kind returns)")
    return int(scaled)


def instant(text: str, layout: TimeFormat) -> datetime:
    """The instant in UTC. A local time the clocks skipped is an error; of one that came twice the earlier is meant."""
    written = text.strip()
    if not written:
        raise CellError("is empty")
    if len(written) > _LONGEST:
        raise CellError("is too long for a time")
    for pattern in layout.formats:
        parsed = _parsed(written, pattern, layout)
        if parsed is not None:
            return _located(written, parsed, layout.zone)
    raise CellError(f"{written!r} is not a time as {' or '.join(layout.formats)}")


def _hint(written: str, layout: MoneyFormat) -> str:
    other = "," if layout.decimal_mark == "." else "."
    if _GROUPED[other].fullmatch(written):
        return f" with the decimal mark {layout.decimal_mark!r} (see --decimal-mark)"
    return ""


def _parsed(written: str, pattern: str, layout: TimeFormat) -> datetime | None:
    try:
        if pattern in ("epoch", "epoch-ms"):
            if not _EPOCH.fullmatch(written):
                return None
            unit = timedelta(milliseconds=1) if pattern == "epoch-ms" else timedelta(seconds=1)
            return datetime(1970, 1, 1, tzinfo=UTC) + int(written) * unit
        if pattern == "iso":
            parsed = datetime.fromisoformat(written)
            bare = not re.search(r"[T ]", written) and parsed.time() == time(0)
        else:
            parsed = datetime.strptime(written, pattern)  # noqa: DTZ007 - the zone is added by _located
            bare = not re.search(r"%[HIMScXsf]", pattern)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(parsed.date(), layout.time_of_day, parsed.tzinfo) if bare else parsed


def _located(written: str, parsed: datetime, zone: ZoneInfo | None) -> datetime:
    try:
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
        if zone is None:
            raise CellError(f"{written!r} has no offset from UTC (say in which zone it is meant: --time-zone)")
        found = parsed.replace(tzinfo=zone).astimezone(UTC)
        if found.astimezone(zone).replace(tzinfo=None) != parsed:
            raise CellError(f"{written!r} did not exist in {zone.key}: the clocks were put forward")
        return found
    except OverflowError as error:
        raise CellError(f"{written!r} is outside the years that can be kept") from error
