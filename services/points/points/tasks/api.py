"""Tasks as members see them, and claiming their rewards."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Path

from common.http import Page, Paging, RequestBody, ResponseBody, Router, Tx, allow, may_answer, page, paged
from common.http.fields import Day
from points.incentives.forms import Slug
from points.tasks import handlers
from points.tasks.domain import COMPLETED, Completion
from points.tasks.handlers import Shown

router = Router(tags=["tasks"])

ByTaskAndWindow = paged(str, date, UUID)


class GoalResponse(ResponseBody):
    """`texts`: what is missing, in zh and en."""

    value: int
    target: int
    missing: int
    texts: dict[str, str]


class TaskResponse(ResponseBody):
    """A task in its window of today. `state`: open, completed (to be claimed), rewarded, taken_back."""

    task: str
    name: dict[str, str]
    window: str
    counts_from: datetime
    counts_until: datetime
    goals: list[GoalResponse]
    state: str
    claimable: bool
    claimable_until: datetime | None
    reward: dict[str, Any]
    rewarded_at: datetime | None


class TasksResponse(ResponseBody):
    member_id: UUID
    tasks: list[TaskResponse]


def task_of(shown: Shown) -> TaskResponse:
    task, completion = shown.case.task, shown.completion
    return TaskResponse(
        task=task.key,
        name=task.incentive.definition["name"],
        window=task.window,
        counts_from=shown.since,
        counts_until=shown.until,
        goals=[
            GoalResponse(value=goal.value, target=goal.target, missing=goal.missing, texts=dict(goal.texts))
            for goal in shown.goals
        ],
        state="open" if completion is None else completion.state,
        claimable=completion is not None and completion.state == COMPLETED,
        claimable_until=shown.claimable_until,
        reward=task.incentive.definition["reward"],
        rewarded_at=None if completion is None else completion.rewarded_at,
    )


@router.get(
    "/v1/members/{member_id}/tasks",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="The tasks that are for the member now, and what is missing",
)
async def tasks(member_id: UUID, tx: Tx) -> TasksResponse:
    shown = await handlers.of_member(tx, member_id)
    return TasksResponse(member_id=member_id, tasks=[task_of(one) for one in shown])


class CompletionResponse(ResponseBody):
    task: str
    window_start: date
    state: str
    reached_at: datetime
    rewarded_at: datetime | None
    taken_back_at: datetime | None
    rewards: int
    points: int
    coupon_id: UUID | None


def completion_of(one: Completion) -> CompletionResponse:
    facts = one._asdict()
    return CompletionResponse(**{name: facts[name] for name in CompletionResponse.model_fields})


@router.get(
    "/v1/members/{member_id}/task-completions",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="What the member completed, by task and window",
)
async def completions(
    member_id: UUID, tx: Tx, paging: Annotated[Paging[tuple[str, date, UUID]], ByTaskAndWindow]
) -> Page[CompletionResponse]:
    rows = await handlers.history(tx, member_id, after=paging.after, limit=paging.fetch)
    return page(rows, paging, key=lambda one: (one.task, one.window_start, one.member_id), item=completion_of)


class NewClaim(RequestBody):
    """Of the window that `day` lies in; default: today's."""

    day: Day | None = None


@router.post(
    "/v1/members/{member_id}/tasks/{task}/claims",
    dependencies=[allow("incentives:play")],
    responses=may_answer(404, 409, 422),
    summary="Claim the reward of a completed task",
)
async def claim(
    member_id: UUID, task: Annotated[Slug, Path()], body: Annotated[NewClaim, Body()], tx: Tx
) -> CompletionResponse:
    return completion_of(await handlers.claim(tx, member_id, task, body.day))
