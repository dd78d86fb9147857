"""What all figures have in common: a range of local days, one snapshot of the database, and what they mean."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field

from analytics.calendar import handlers
from analytics.calendar.domain import Calendar, Period, Range, range_of
from common.http import ResponseBody, Tx
from common.http.fields import Instant
from common.storage import Transaction

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)


def _iso(text: object) -> object:
    """Pydantic alone would also take a number for seconds since 1970."""
    if isinstance(text, str) and not _ISO.fullmatch(text):
        raise ValueError("must be a date like 2026-03-01")
    return text


_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

Day = Annotated[date, BeforeValidator(_iso), Field(ge=EARLIEST, le=LATEST)]
From = Annotated[Day, Query(alias="from", description="First local day, included.")]
To = Annotated[Day, Query(alias="to", description="Last local day, included.")]
By = Annotated[Period, Query(description="Periods of the programme's calendar.")]


class Answer(ResponseBody):
    """Every figure says what it means and when it was true. Money is in minor units of `currency`."""

    definition: str
    as_of: Instant
    time_zone: str
    currency: str
    rebuilding: bool = Field(description="True while facts move to the days of a new time zone.")


class Span(ResponseBody):
    """Local days, both included."""

    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The snapshot a request reads from."""

    tx: Transaction
    calendar: Calendar
    currency: str
    rebuilding: bool

    def answer(self, definition: str) -> dict[str, object]:
        """What every answer carries."""
        return {
            "definition": definition,
            "as_of": self.tx.now,
            "time_zone": self.calendar.zone,
            "currency": self.currency,
            "rebuilding": self.rebuilding,
        }


async def _view(tx: Tx) -> View:
    calendar, settings, rebuilding = await handlers.snapshot(tx)
    return View(tx=tx, calendar=calendar, currency=settings.currency, rebuilding=rebuilding)


Snapshot = Annotated[View, Depends(_view)]


def _over(first: From, last: To) -> Range:
    return range_of(first, last)


Over = Annotated[Range, Depends(_over)]
"""`?from=…&to=…`, both needed."""


def span_of(days: Range) -> Span:
    return Span(first=days.first, last=days.last)
