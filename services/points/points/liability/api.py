"""What the points that members hold will cost."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from common.http import ResponseBody, Router, Tx, allow, may_answer
from common.http.fields import Key
from points.ledger.handlers import FIRST_WALLET
from points.liability import handlers
from points.liability.domain import METHOD, worth

router = Router(tags=["reports"])

DEFINITION = (
    "Points are grouped by the local month they were earned in. From month to month it is seen how much of each group "
    "was spent (held points count as spent, what was given back does not); over all groups that gives the share that "
    "is usually spent by each age, and the rate that is spent in the end (Cape Cod method). Still expected of a group: "
    "its points × that rate × the share that usually comes later, at most what remains. The rest is breakage. Points "
    "that returns took back, and points that left by gifts, merges or corrections, are not in a group. The month that "
    "is not over counts for a group's first month by half. "
    "Until somebody has spent points, all of them are expected to be spent."
)


class CohortResponse(ResponseBody):
    month: str
    points: int = Field(description="Earned, less what returns and corrections took.")
    spent: int
    remaining: int
    developed: float = Field(description="Share of all spending that has usually happened by its age.")
    expected: int
    breakage: int


class LiabilityResponse(ResponseBody):
    as_of: datetime
    wallet: str
    method: str
    definition: str
    outstanding: int = Field(description="Points in members' wallets, those that wait included; holds are not.")
    expected: int = Field(description="Of these, points that are expected to be spent.")
    breakage: int = Field(description="Of these, points that are not.")
    ultimate_rate: float | None = Field(
        description="Share of points that is spent in the end; null until somebody has spent."
    )
    per_points: int
    minor_units: int = Field(description="What `per_points` points are worth by the redemption policy.")
    liability: int = Field(description="Minor units that the expected points cost, rounded up.")
    most: int = Field(description="Minor units that all outstanding points would cost.")
    cohorts: list[CohortResponse]


@router.get(
    "/v1/reports/liability",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="Liability and breakage, with how they are estimated",
)
async def liability(tx: Tx, wallet: Annotated[Key, Query()] = FIRST_WALLET) -> LiabilityResponse:
    found = await handlers.estimate(tx, wallet)
    points, minor_units = await handlers.value_of_points(tx)
    return LiabilityResponse(
        as_of=tx.now,
        wallet=wallet,
        method=METHOD,
        definition=DEFINITION,
        outstanding=found.outstanding,
        expected=found.expected,
        breakage=found.breakage,
        ultimate_rate=None if found.ultimate_rate is None else round(float(found.ultimate_rate), 6),
        per_points=points,
        minor_units=minor_units,
        liability=worth(found.expected, minor_units, points),
        most=worth(found.outstanding, minor_units, points),
        cohorts=[
            CohortResponse(
                month=one.month,
                points=one.base,
                spent=one.spent,
                remaining=one.remaining,
                developed=round(float(one.developed), 6),
                expected=one.expected,
                breakage=one.breakage,
            )
            for one in found.cohorts
        ],
    )
