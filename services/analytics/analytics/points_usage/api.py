"""Figures of points."""

from typing import Annotated

from fastapi import Query
from pydantic import ConfigDict

from analytics.calendar.api import Answer, By, Over, Snapshot, Span, span_of
from analytics.points_usage import handlers
from common.http import ResponseBody, Router, allow, may_answer
from common.http.fields import Key

router = Router(tags=["points"])

DEFINITION = (
    "Points of one wallet type by the local day they are about (a purchase's, a return's). earned: credited "
    "for purchases; clawed_back: asked back for returns, whether or not they were still there; repriced: what "
    "corrections of earlier credits added or (below 0) took; written_off: of what clawbacks and corrections "
    "were to take, what was not there and nobody owes; outstanding: members' balances less their debts = earned "
    "+ repriced - clawed_back + written_off since the beginning. A period has figures only when it is over and "
    "lies wholly in the range; else they are null."
)


class PointsBody(ResponseBody):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    movements: int
    earned: int
    clawed_back: int
    repriced: int
    written_off: int


class PointsPeriodBody(ResponseBody):
    span: Span
    finished: bool
    points: PointsBody | None
    outstanding: int | None


class UsageBody(Answer):
    range: Span
    wallet: str
    total: PointsBody
    outstanding_before: int
    outstanding_after: int
    periods: list[PointsPeriodBody]


@router.get("/v1/points", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def points(
    over: Over, view: Snapshot, period: By = "month", wallet: Annotated[Key, Query()] = "points"
) -> UsageBody:
    """What was earned and taken back, and what members had at the end of each period."""
    found = await handlers.usage(view.tx, wallet, over, view.calendar, period)
    return UsageBody.model_validate(
        {
            **view.answer(DEFINITION),
            "range": span_of(over),
            "wallet": wallet,
            "total": PointsBody.model_validate(found.total),
            "outstanding_before": found.outstanding_before,
            "outstanding_after": found.outstanding_after,
            "periods": [
                PointsPeriodBody(
                    span=span_of(one.span),
                    finished=one.finished,
                    points=None if one.sums is None else PointsBody.model_validate(one.sums),
                    outstanding=one.outstanding,
                )
                for one in found.periods
            ],
        }
    )
