"""The cohort table."""

from typing import Annotated

from fastapi import Query
from pydantic import ConfigDict

from analytics.calendar.api import Answer, By, Over, Snapshot, Span, span_of
from analytics.calendar.domain import Period
from analytics.retention import handlers
from analytics.retention.domain import MAX_LATER
from common.http import ResponseBody, Router, allow, may_answer

router = Router(tags=["retention"])

DEFINITION = (
    "A cohort is all members whose first purchase ever fell into the period (whole local {period}s that the "
    "range touches); a cell counts those of them with at least one purchase in the {period} that many "
    "{period}s later, and its share of the cohort. Returns do not undo a purchase here. Cells of {period}s "
    "that are not over are null, and so is the size of a cohort whose {period} is not over."
)


class CellBody(ResponseBody):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    later: int
    members: int | None
    share: float | None


class CohortBody(ResponseBody):
    span: Span
    size: int | None
    cells: list[CellBody]


class RetentionBody(Answer):
    period: Period
    cohorts: list[CohortBody]


@router.get("/v1/retention", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def retention(
    over: Over,
    view: Snapshot,
    period: By = "month",
    later: Annotated[int, Query(ge=0, le=MAX_LATER, description="The last period after the first purchase.")] = 12,
) -> RetentionBody:
    """Of those who began in a period, how many bought again 1, 2, 3 … periods later."""
    cohorts = await handlers.retention(view.tx, over, view.calendar, period, later=later)
    return RetentionBody.model_validate(
        {
            **view.answer(DEFINITION.format(period=period)),
            "period": period,
            "cohorts": [
                CohortBody(
                    span=span_of(cohort.span),
                    size=cohort.size,
                    cells=[CellBody.model_validate(cell) for cell in cohort.cells],
                )
                for cohort in cohorts
            ],
        }
    )
