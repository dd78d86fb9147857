"""The programme's settings, announced whole by members and kept by each service."""

from typing import ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from common.events.contract import Contract, Currency, Instant, Key, Part, Text


class TierStep(Part):
    """A tier and the qualifying amount (minor units) from which it is held. `rank` 0 is where everybody starts."""

    key: Key
    name: Text = ""
    rank: int = Field(ge=0, le=100)
    threshold: int = Field(ge=0)


class ProgrammeSettings(Part):
    """The policies of the programme; the defaults are those of the written semantics."""

    name: Text = "Members"
    currency: Currency = "CNY"
    time_zone: Key = "Asia/Shanghai"
    first_day_of_week: int = Field(default=1, ge=1, le=7, description="ISO 8601: 1 is Monday.")
    rounding: Key = Field(default="floor", pattern="^(floor|half_up|ceil)$")
    earn_on_tax: bool = False
    earn_on_delivery: bool = False
    negative_policy: Key = Field(
        default="allow_negative",
        pattern="^(allow_negative|clamp|within_balance|pending_only)$",
    )
    grace_days: int = Field(
        default=7,
        ge=0,
        le=3650,
        description="Life of points given back after they expired.",
    )
    expiry_months: int = Field(default=0, ge=0, le=1200, description="Life of earned points; 0 is for ever.")
    tier_window_days: int = Field(
        default=365,
        ge=0,
        le=36500,
        description="Rolling spend; 0 counts the whole life.",
    )
    tier_downgrade: Key = Field(default="when_window_falls", pattern="^(when_window_falls|never)$")
    latest_future_hours: int = Field(default=24, ge=0, le=8760, description="How far ahead an event may claim to be.")
    earliest_year: int = Field(default=1990, ge=1900, le=2100)
    tiers: tuple[TierStep, ...] = (TierStep(key="base", name="普通", rank=0, threshold=0),)

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is not an IANA time zone") from error
        return value


class ProgrammeUpdated(Contract):
    """The programme's settings changed; the highest revision holds."""

    TYPE: ClassVar[str] = "programme.updated.v1"

    revision: int = Field(ge=1)
    effective_at: Instant
    settings: ProgrammeSettings

    def subject(self) -> str:
        return "programme"
