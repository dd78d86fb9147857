"""What every event contract is: an immutable record with a routing key of its own.

A contract only ever gains optional fields; anything else is a new class with a new routing key, published beside the
old one. Readers ignore fields they do not know. There are no enums: an older reader must survive a new word.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

MAX_BIGINT = 2**63 - 1
MAX_MONEY = 10**15


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    return text


def _utc(value: datetime) -> datetime:
    if value.tzinfo is UTC or not value.utcoffset():
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside the years that can be kept in UTC") from error


Key = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_no_nul)]
"""An identifier given by somebody: 1–200 characters."""
Text = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_no_nul)]
"""Free text of up to 2,000 characters."""
Money = Annotated[int, Field(ge=0, le=MAX_MONEY, strict=True)]
"""An amount in minor units (分, cents), never negative."""
Points = Annotated[int, Field(ge=0, le=MAX_BIGINT)]
"""A number of points, never negative."""
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217 alphabetic code."""
Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""An instant with its zone, kept in UTC."""


class Contract(BaseModel):
    """The payload of one kind of event."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    TYPE: ClassVar[str] = ""
    """Event type and routing key: `<noun>.<past participle>.v<N>`."""

    def subject(self) -> str:
        """What the event is about, for people who search (CloudEvents `subject`)."""
        return ""

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return cls.model_json_schema()


class Part(BaseModel):
    """A record inside a contract."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
