"""Publishing and reading earning rules."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Body
from pydantic import Field

from common.http import (
    CurrentCaller,
    Page,
    Paging,
    RequestBody,
    ResponseBody,
    Router,
    Tx,
    allow,
    may_answer,
    page,
    paged,
)
from common.http.fields import Instant, Key
from points.rules import handlers
from points.rules.domain import MAX_MINOR_UNITS, MAX_POINTS, MAX_TIERS

router = Router(tags=["earning rules"])

ByVersion = paged(int)

Multiplier = Annotated[
    str, Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$", max_length=8, description="A decimal number as text: 1.5")
]


class NewVersion(RequestBody):
    """The next version of the purchase rate: a purchase earns basis × points ÷ per_minor_units × multiplier."""

    points: int = Field(ge=0, le=MAX_POINTS, strict=True)
    per_minor_units: int = Field(gt=0, le=MAX_MINOR_UNITS, strict=True)
    multipliers: dict[Key, Multiplier] = Field(default={}, max_length=MAX_TIERS, description="By tier; others have 1.")
    wallet: str = Field(default="points", pattern="^[a-z][a-z_]{0,30}$", max_length=31)
    effective_from: Instant | None = Field(
        default=None, description="Purchases that occurred from then on earn by it. Default: now."
    )


class RuleVersionResponse(ResponseBody):
    rule: str
    version: int
    wallet: str
    points: int
    per_minor_units: int
    multipliers: dict[str, str]
    effective_from: datetime
    published_at: datetime
    published_by: str


def version_of(row: Any) -> RuleVersionResponse:
    return RuleVersionResponse(
        rule=row.rule,
        version=row.version,
        wallet=row.wallet,
        points=row.points,
        per_minor_units=row.per_minor_units,
        multipliers=handlers.multipliers_of(row),
        effective_from=row.effective_from,
        published_at=row.published_at,
        published_by=row.published_by,
    )


@router.get(
    "/v1/earning-rules",
    dependencies=[allow("rules:read")],
    responses=may_answer(422),
    summary="All published versions, the newest first",
)
async def versions(tx: Tx, paging: Annotated[Paging[tuple[int]], ByVersion]) -> Page[RuleVersionResponse]:
    """For a purchase the version with the greatest `effective_from` not after it counts; of several the newest."""
    rows = await handlers.latest(tx, before=paging.after[0] if paging.after else None, limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.version,), item=version_of)


@router.post(
    "/v1/earning-rules",
    dependencies=[allow("rules:write")],
    responses=may_answer(422),
    status_code=201,
    summary="Publish a new version; published versions never change",
)
async def publish(body: Annotated[NewVersion, Body()], tx: Tx, caller: CurrentCaller) -> RuleVersionResponse:
    """Purchases recorded before keep the version they were credited by, and so do their returns."""
    row = await handlers.publish(
        tx,
        caller,
        wallet=body.wallet,
        points=body.points,
        per_minor_units=body.per_minor_units,
        multipliers=body.multipliers,
        effective_from=body.effective_from,
    )
    return version_of(row)
