"""What if other rules had been published? Real purchases replayed, nothing written but the answer."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Body, Query
from pydantic import Field, model_validator

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
from common.http.fields import Instant, ShortText
from points.rules.definition import RuleKey
from points.simulation import handlers
from points.simulation.changes import MAX_RULES, Changes
from points.simulation.results import Result
from points.times import months_earlier

router = Router(tags=["what-if"])

ByTime = paged(datetime, UUID)
State = Literal["waiting", "running", "finished", "failed", "cancelled"]
_LATEST = (datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))


class NewWhatIf(RequestBody):
    """The purchases of the last `months`, or of a time of your choice, under other rules."""

    name: ShortText = ""
    changes: Changes = Field(default_factory=Changes)
    drafts: list[RuleKey] = Field(
        default=[],
        max_length=MAX_RULES,
        description="Saved drafts that come in for the published rules of their keys.",
    )
    months: int = Field(default=3, ge=1, le=120, strict=True, description="How far back; without from and until.")
    occurred_from: Instant | None = Field(default=None, description="Included.")
    occurred_until: Instant | None = Field(default=None, description="Not included. Default: now.")

    @model_validator(mode="after")
    def _name_each_rule_once(self) -> Self:
        names = [*self.drafts, *(one.rule for one in self.changes.rules), *self.changes.without]
        if len(set(names)) < len(names):
            raise ValueError("a rule is named twice")
        return self


class WhatIfResponse(ResponseBody):
    what_if_id: UUID
    name: str
    asked_by: str
    asked_at: datetime
    occurred_from: datetime
    occurred_until: datetime
    state: State
    purchases: int = Field(description="To be replayed; 0 while it waits.")
    done: int
    percent: float = Field(description="Of the purchases that have been replayed.")
    per_second: float | None = Field(description="Purchases replayed per second; null while nothing is done.")
    seconds_left: float | None = Field(description="At this pace; null when it does not run.")
    started_at: datetime | None
    finished_at: datetime | None
    problem: str = Field(description="Why it failed.")


class WhatIfWhole(WhatIfResponse):
    changes: Changes
    result: Result | None = Field(description="Null until it is finished.")


def _fields(row: Any) -> dict[str, Any]:
    running = (row.finished_at or row.seen_at) - row.started_at if row.started_at and row.seen_at else None
    pace = row.done / running.total_seconds() if running and row.done else None
    return {
        **{name: getattr(row, name) for name in WhatIfResponse.model_fields if hasattr(row, name)},
        "percent": 100.0 if row.state == "finished" else min(100.0, round(100 * row.done / max(1, row.purchases), 1)),
        "per_second": round(pace, 1) if pace else None,
        "seconds_left": round(max(0, row.purchases - row.done) / pace, 1) if pace and row.state == "running" else None,
    }


def _whole(row: Any) -> WhatIfWhole:
    return WhatIfWhole(
        **_fields(row),
        changes=Changes.model_validate_json(row.changes),
        result=Result.model_validate_json(row.result) if row.result else None,
    )


@router.post(
    "/v1/what-ifs",
    dependencies=[allow("rules:write")],
    responses=may_answer(404, 409, 422),
    status_code=202,
    summary="Replay stored purchases under other rules",
)
async def ask(body: Annotated[NewWhatIf, Body()], tx: Tx, caller: CurrentCaller) -> WhatIfWhole:
    """A worker replays in the background; ask again for progress and the result. Budgets and limits count from zero,
    member by member.
    """
    until = body.occurred_until or tx.now
    row = await handlers.ask(
        tx,
        caller,
        name=body.name,
        changes=body.changes,
        drafts=body.drafts,
        occurred_from=body.occurred_from or months_earlier(until, body.months),
        occurred_until=until,
    )
    return _whole(row)


@router.get(
    "/v1/what-ifs",
    dependencies=[allow("rules:read")],
    responses=may_answer(422),
    summary="What was asked, the newest first",
)
async def what_ifs(
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, UUID]], ByTime],
    state: Annotated[State | None, Query()] = None,
) -> Page[WhatIfResponse]:
    rows = await handlers.page(tx, state=state, before=paging.after or _LATEST, limit=paging.fetch)
    return page(
        rows, paging, key=lambda row: (row.asked_at, row.what_if_id), item=lambda row: WhatIfResponse(**_fields(row))
    )


@router.get(
    "/v1/what-ifs/{what_if_id}",
    dependencies=[allow("rules:read")],
    responses=may_answer(404, 422),
    summary="How far it is, and what came out",
)
async def what_if(what_if_id: UUID, tx: Tx) -> WhatIfWhole:
    return _whole(await handlers.get(tx, what_if_id))


@router.post(
    "/v1/what-ifs/{what_if_id}/cancel",
    dependencies=[allow("rules:write")],
    responses=may_answer(404, 409, 422),
    summary="Stop it",
)
async def cancel(what_if_id: UUID, tx: Tx, caller: CurrentCaller) -> WhatIfWhole:
    """Its result so far is not kept."""
    return _whole(await handlers.cancel(tx, caller, what_if_id))
