"""Facts as words in the member's language: numbers, money, dates. Pure."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from types import MappingProxyType

from notify.templates.domain import Template
from notify.templates.placeholders import OCCASIONS

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SYMBOLS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "JP¥", "HKD": "HK$", "TWD": "NT$"}
_DECIMALS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
"""ISO 4217 currencies whose minor unit is not a hundredth."""


def words(
    template: Template, facts: Mapping[str, object], *, zone: tzinfo, personal: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """The words for the placeholders this template uses. A fact that is absent becomes "".

    `facts` as kept with a notice (times as ISO 8601 with zone, money in minor units); `personal` is what was unsealed.
    """
    spoken: dict[str, str] = {}
    known, locale = OCCASIONS[template.place.key], template.place.locale
    for name in template.names:
        placeholder = known[name]
        value = personal.get(name, "") if placeholder.personal else facts.get(placeholder.fact)
        if value is None or value == "":
            spoken[name] = ""
        elif placeholder.kind == "number":
            spoken[name] = f"{value:,}" if isinstance(value, int) else str(value)
        elif placeholder.kind == "money":
            spoken[name] = money(value, str(facts.get("currency") or "")) if isinstance(value, int) else str(value)
        elif placeholder.kind == "date":
            spoken[name] = _day(str(value), locale, zone)
        else:
            spoken[name] = str(value)
    return spoken


def money(minor: int, currency: str) -> str:
    """`¥1,234.50`: the symbol where it is common, else the ISO code before the number."""
    decimals = _DECIMALS.get(currency, 2)
    sign = "-" if minor < 0 else ""
    whole, part = divmod(abs(minor), 10**decimals)
    number = f"{whole:,}.{part:0{decimals}d}" if decimals else f"{whole:,}"
    symbol = _SYMBOLS.get(currency)
    if symbol:
        return f"{sign}{symbol}{number}"
    return f"{currency} {sign}{number}" if currency else f"{sign}{number}"


@lru_cache(maxsize=4096)
def _day(instant: str, locale: str, zone: tzinfo) -> str:
    try:
        parsed = datetime.fromisoformat(instant)
    except ValueError:
        return instant  # facts that somebody typed for a preview
    return day(parsed, locale, zone) if parsed.tzinfo else instant


def day(instant: datetime, locale: str, zone: tzinfo) -> str:
    """`1 March 2026` or `2026年3月1日`, as the calendar in `zone` shows it."""
    try:
        local = instant.astimezone(zone)
    except OverflowError:  # the first or last day a calendar can hold
        local = instant
    if locale.startswith("zh"):
        return f"{local.year}年{local.month}月{local.day}日"
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"
