"""Figures of frequency: purchases of each member, days between them, repeats."""

from typing import Annotated

from fastapi import Query
from pydantic import ConfigDict, Field

from analytics.calendar.api import EARLIEST, LATEST, Answer, Day, Snapshot, Span, span_of
from analytics.calendar.domain import range_of
from analytics.frequency import handlers
from common.http import ResponseBody, Router, allow, may_answer

router = Router(tags=["frequency"])

DEFINITION = (
    "Purchases from the first to the last local day, both included, before returns. A member's first purchase "
    "in the range is the first, all later ones are repeats; repeat_rate = repeat_customers / customers; "
    "mean_repeat_spend: the mean over members with a repeat of the mean of their repeat purchases; "
    "mean_repeat_order: the mean of all repeat purchases; both are gross - discount in minor units. Gaps are "
    "local days from a member's purchase to the next; a percentile is the smallest number of days that at "
    "least this share of them do not exceed. "
)
ONCE = "A member's purchases of one local day count as one."


class RepeatsBody(ResponseBody):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    customers: int
    purchases: int
    mean_purchases: float | None
    repeat_customers: int
    repeat_purchases: int
    repeat_rate: float | None
    mean_repeat_spend: float | None
    mean_repeat_order: float | None


class StepBody(ResponseBody):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    purchases: int
    or_more: bool
    members: int


class PercentileBody(ResponseBody):
    share: float
    days: int


class WaitBody(ResponseBody):
    first: int = Field(serialization_alias="from_days")
    last: int | None = Field(serialization_alias="to_days")
    purchases: int


class GapsBody(ResponseBody):
    mean_days: float | None
    percentiles: list[PercentileBody]
    distribution: list[WaitBody]


class FrequencyBody(Answer):
    range: Span
    same_day_once: bool
    repeats: RepeatsBody
    distribution: list[StepBody]
    gaps: GapsBody


@router.get("/v1/frequency", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def frequency(
    view: Snapshot,
    first: Annotated[Day, Query(alias="from", description="First local day, included.")] = EARLIEST,
    last: Annotated[Day, Query(alias="to", description="Last local day, included.")] = LATEST,
    same_day_once: Annotated[bool, Query(description="Purchases of one day count as one.")] = False,
) -> FrequencyBody:
    """How often members buy. Without a range: all purchases there are."""
    over = range_of(first, last)
    found = await handlers.frequency(view.tx, over, same_day_once=same_day_once)
    gaps = GapsBody(
        mean_days=found.gaps.mean,
        percentiles=[PercentileBody(share=share, days=days) for share, days in found.gaps.percentiles.items()],
        distribution=[
            WaitBody(first=wait.first, last=wait.last, purchases=wait.purchases) for wait in found.gaps.waits
        ],
    )
    return FrequencyBody.model_validate(
        {
            **view.answer(DEFINITION + (ONCE if same_day_once else "")),
            "range": span_of(over),
            "same_day_once": same_day_once,
            "repeats": RepeatsBody.model_validate(found.repeats),
            "distribution": [StepBody.model_validate(step) for step in found.distribution],
            "gaps": gaps,
        }
    )
