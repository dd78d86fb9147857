"""Activities over HTTP: one, or many at once, and what a member did."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field, ValidationError

from common.events import Event, event_of
from common.events.activities import ActivityCompleted, FieldValue
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
from common.security.callers import Caller
from common.trace_context import current
from points.accruals.domain import Accrual
from points.activities import handlers
from points.activities.domain import Activity
from points.errors import ActivityRefusedError, MemberUnknownError

router = Router(tags=["activities"])

ByTime = paged(datetime, str, str)
LATEST = (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "", "")
MAX_BATCH = 500


class ActivityBody(RequestBody):
    """Something a member did. (`source`, `activity_id`) is its identity: the same again has no further effect."""

    source: Key | None = Field(default=None, description="Whose activity ids these are; default: the caller's.")
    activity_id: Key
    member_id: UUID
    activity: Key = Field(description="The kind: sign_in, profile_completed, review_written …")
    occurred_at: Instant
    fields: dict[Key, FieldValue] = Field(default={}, max_length=50)
    order_source: Key | None = Field(default=None, description="Default: the activity's source.")
    order_id: Key | None = Field(default=None, description="The purchase it follows: taken back when that comes back.")


class ActivityEarned(ResponseBody):
    wallet: str
    earned: int
    taken_back: int
    expires_at: datetime | None
    available_at: datetime | None
    waits: str | None


class ActivityAnswer(ResponseBody):
    source: str | None
    activity_id: str | None
    outcome: Literal["accepted", "duplicate", "refused"]
    reason: str | None = Field(default=None, description="A code, where it was refused.")
    detail: str | None = None


class ActivitiesBody(RequestBody):
    activities: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_BATCH)


class ActivitiesAnswer(ResponseBody):
    items: list[ActivityAnswer]


class ActivityResponse(ResponseBody):
    source: str
    activity_id: str
    member_id: UUID
    activity: str
    fields: dict[str, FieldValue]
    order_source: str | None
    order_id: str | None
    tier: str
    taken_back: bool = Field(description="Its order came back wholly.")
    occurred_at: datetime
    recorded_at: datetime
    earned: list[ActivityEarned]


@router.post(
    "/v1/activities",
    dependencies=[allow("activities:write")],
    responses=may_answer(404, 409, 422),
    summary="Tell of something a member did",
)
async def tell(body: ActivityBody, tx: Tx, caller: CurrentCaller) -> ActivityAnswer:
    """It earns at once by the rules for activities. The same activity again answers `duplicate`."""
    (answer,) = await _take(tx, caller, [body])
    if answer.outcome == "refused":
        if answer.reason == "unknown_member":
            raise MemberUnknownError(body.member_id)
        raise ActivityRefusedError(answer.source or "", body.activity_id, answer.reason or "", answer.detail or "")
    return answer


@router.post(
    "/v1/activities/batch",
    dependencies=[allow("activities:write")],
    responses=may_answer(422),
    summary="Tell of many activities at once",
)
async def tell_many(body: ActivitiesBody, tx: Tx, caller: CurrentCaller) -> ActivitiesAnswer:
    """Each stands for itself: one that is refused says why and holds up no other."""
    read: dict[int, ActivityBody] = {}
    items: dict[int, ActivityAnswer] = {}
    for place, one in enumerate(body.activities):
        try:
            read[place] = ActivityBody.model_validate(one)
        except ValidationError as error:
            first = error.errors()[0]
            detail = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            items[place] = ActivityAnswer(
                source=None, activity_id=None, outcome="refused", reason="invalid_request", detail=detail
            )
    if read:
        items |= dict(zip(read, await _take(tx, caller, list(read.values())), strict=True))
    return ActivitiesAnswer(items=[items[place] for place in sorted(items)])


async def _take(tx: Tx, caller: Caller, bodies: list[ActivityBody]) -> list[ActivityAnswer]:
    """In the order of the bodies. Two of one key in a batch: the second is compared with the first."""
    events = [_event(body, caller) for body in bodies]
    outcomes = {outcome.event.id: outcome for outcome in await handlers.tell(tx, events)}
    answers = []
    for event in events:
        outcome = outcomes.get(event.id)
        refused = outcome is not None and outcome.word != "duplicate"
        answers.append(
            ActivityAnswer(
                source=event.source,
                activity_id=event.data.activity_id,
                outcome="accepted" if outcome is None else "refused" if refused else "duplicate",
                reason=outcome.reason if outcome is not None and refused else None,
                detail=outcome.message if outcome is not None and refused else None,
            )
        )
    return answers


def _event(body: ActivityBody, caller: Caller) -> Event[ActivityCompleted]:
    data = ActivityCompleted.model_validate(body.model_dump(exclude={"source"}))
    event: Any = event_of(data, source=body.source or f"//loyalty/callers/{caller.subject}", traceparent=current.get())
    told: Event[ActivityCompleted] = event
    return told


@router.get(
    "/v1/activities",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="What a member did besides buying, the latest first",
)
async def activities(
    member_id: Annotated[UUID, Query()],
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, str, str]], ByTime],
    activity: Annotated[Key | None, Query(description="Only of this kind.")] = None,
) -> Page[ActivityResponse]:
    rows = await handlers.page(
        tx, member_id, activity=activity or "", before=paging.after or LATEST, limit=paging.fetch
    )
    credits = await handlers.credits_of(tx, rows)
    return page(
        rows,
        paging,
        key=lambda row: (row.occurred_at, row.source, row.activity_id),
        item=lambda row: _shown(row, credits.get(row.key, [])),
    )


def _shown(row: Activity, credits: list[Accrual]) -> ActivityResponse:
    return ActivityResponse.model_validate(
        {
            **row._asdict(),
            "order_source": row.order_source or None,
            "order_id": row.order_id or None,
            "earned": [{**one._asdict(), "waits": one.waits or None} for one in credits],
        }
    )
