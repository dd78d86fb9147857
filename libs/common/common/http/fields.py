"""Types of fields for requests: with limits, so that what passes can be stored.

PostgreSQL's text holds no NUL character and its bigint ends at 2^63 − 1; pydantic refuses lone surrogates by itself. A
shorter text: `Annotated[Text, Field(max_length=50)]`.
"""

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from common.events import contract
from common.events.contract import MAX_BIGINT, MAX_MONEY

MAX_PAGE = 200
FIRST_YEAR, LAST_YEAR = 2, 9998


def storable(text: str) -> str:
    """The text, if PostgreSQL can hold it. Raises ValueError."""
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("must be Unicode text without lone surrogates") from None
    return text


def _day_written_out(value: object) -> object:
    # pydantic would take whole days since 1970 as a number, and times at midnight
    if not isinstance(value, str) or not _DAY.match(value):
        raise ValueError("must be a day, like 1990-02-28")
    return value


def _written_out(value: object) -> object:
    # pydantic would take 0 and "0.5" for seconds since 1970
    if isinstance(value, str) and not _DATE_AND_TIME.match(value):
        raise ValueError("must be a date and a time with its zone, like 2026-01-31T12:00:00+08:00")
    if isinstance(value, (int, float)):
        raise ValueError("must be text, like 2026-01-31T12:00:00+08:00")
    return value


def _within_all_zones(value: datetime) -> datetime:
    # The first instant of year 1 and the last of 9999 are stored as infinities and come back without a zone, and near
    # them no other zone's local time can be told.
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
    return value


_DAY = re.compile(r"\d{4}-\d\d-\d\d$", re.ASCII)
_DATE_AND_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:")
_Storable = AfterValidator(storable)
_NO_NUL: dict[str, Any] = {"pattern": "^[^\\u0000]*$"}

Key = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=_NO_NUL), _Storable]
"""An identifier given by somebody: 1–200 characters."""
ShortText = Annotated[str, Field(max_length=200, json_schema_extra=_NO_NUL), _Storable]
"""A name or a title: up to 200 characters."""
Text = Annotated[str, Field(max_length=2_000, json_schema_extra=_NO_NUL), _Storable]
"""Free text: up to 2,000 characters."""
LongText = Annotated[str, Field(max_length=20_000, json_schema_extra=_NO_NUL), _Storable]
"""A letter or a template: up to 20,000 characters."""

BigInt = Annotated[int, Field(ge=-MAX_BIGINT, le=MAX_BIGINT)]
"""Any whole number that can be stored."""
Money = Annotated[int, Field(ge=0, le=MAX_MONEY, strict=True, description="Minor units (分, cents).")]
"""An amount in minor units, never negative."""
PositiveMoney = Annotated[int, Field(gt=0, le=MAX_MONEY, strict=True, description="Minor units (分, cents).")]
SignedMoney = Annotated[int, Field(ge=-MAX_MONEY, le=MAX_MONEY, strict=True, description="Minor units (分, cents).")]
Points = Annotated[int, Field(ge=0, le=MAX_MONEY, strict=True)]
"""A number of points, never negative."""
PositivePoints = Annotated[int, Field(gt=0, le=MAX_MONEY, strict=True)]
Quantity = Annotated[int, Field(gt=0, le=1_000_000, strict=True)]
Revision = Annotated[int, Field(ge=0, le=MAX_BIGINT)]
"""Which version of a thing somebody has seen."""
Currency = Annotated[
    str,
    Field(pattern=r"^[A-Z]{3}$", max_length=3),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["CNY"]}),
]
"""ISO 4217 alphabetic code."""


Day = Annotated[date, BeforeValidator(_day_written_out), WithJsonSchema({"type": "string", "format": "date"})]
"""A calendar day, written out: 1990-02-28."""
Instant = Annotated[
    contract.Instant,
    BeforeValidator(_written_out),
    AfterValidator(_within_all_zones),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 date and time with its zone, of the years 2 to 9998, kept in UTC."""


class RequestBody(BaseModel):
    """A body that is sent to us: unknown fields are refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ResponseBody(BaseModel):
    """A body that we send."""

    model_config = ConfigDict(frozen=True)
