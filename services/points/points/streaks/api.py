"""Signing in, making up days, and how streaks stand."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Body, Path, Query, Request
from pydantic import Field

from common.http import RequestBody, ResponseBody, Router, Tx, allow, may_answer
from common.http.fields import Day, Key
from points.incentives import followers, sign_ins
from points.incentives.forms import Grant, Slug
from points.redemption.grants import grant_in
from points.streaks import handlers
from points.streaks.handlers import Shown

router = Router(tags=["streaks"])

Month = Annotated[str, Field(pattern=r"^(19[7-9][0-9]|20[0-9][0-9])-(0[1-9]|1[0-2])$", max_length=7)]


class StreakResponse(ResponseBody):
    """`run` 0: broken, or never begun. `next_reward_day` is the day in a row that is rewarded next."""

    plan: str
    name: dict[str, str]
    activity: str
    run: int
    longest: int
    came_today: bool
    last_day: date | None
    broken_on: date | None
    next_reward_day: int | None
    next_reward_points: int
    make_up_cost: int | None = Field(description="Points for a day; null where days cannot be made up.")
    make_ups_left: int
    make_ups_reset_at: datetime


def streak_of(shown: Shown) -> StreakResponse:
    plan, standing = shown.running.plan, shown.standing
    day, points = shown.next_reward or (None, 0)
    return StreakResponse(
        plan=plan.key,
        name=shown.running.incentive.definition["name"],
        activity=plan.activity,
        run=standing.run,
        longest=standing.longest,
        came_today=standing.came_today,
        last_day=standing.last_day,
        broken_on=standing.broken_on,
        next_reward_day=day,
        next_reward_points=points,
        make_up_cost=None if plan.make_up is None else plan.make_up.cost,
        make_ups_left=shown.make_ups_left,
        make_ups_reset_at=shown.make_ups_reset_at,
    )


class StreaksResponse(ResponseBody):
    member_id: UUID
    streaks: list[StreakResponse]


class NewSignIn(RequestBody):
    """Where the member signed in, for rules that ask for it."""

    channel: Key | None = None


class SignInResponse(StreaksResponse):
    new: bool = Field(description="False: the member had signed in today, nothing happened again.")


@router.post(
    "/v1/members/{member_id}/sign-ins",
    dependencies=[allow("incentives:play")],
    responses=may_answer(404, 409, 422),
    summary="Sign in for today (签到), once per local day of the programme",
)
async def sign_in(member_id: UUID, tx: Tx, body: Annotated[NewSignIn, Body()]) -> SignInResponse:
    """The activity `sign_in`: it also earns by rules for that activity."""
    new = await sign_ins.sign_in(tx, member_id, body.channel)
    shown = await handlers.of_member(tx, member_id)
    return SignInResponse(member_id=member_id, streaks=[streak_of(one) for one in shown], new=new)


@router.get(
    "/v1/members/{member_id}/streaks",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="How the member's streaks stand today",
)
async def streaks(member_id: UUID, tx: Tx) -> StreaksResponse:
    shown = await handlers.of_member(tx, member_id)
    return StreaksResponse(member_id=member_id, streaks=[streak_of(one) for one in shown])


class DayResponse(ResponseBody):
    """`state`: signed, made_up, missed, open (today or later), outside (the streak does not run)."""

    day: date
    state: str
    run: int
    points: int


class CalendarResponse(ResponseBody):
    streak: StreakResponse
    month: str
    days: list[DayResponse]


@router.get(
    "/v1/members/{member_id}/streaks/{plan}/calendar",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="One month, day by day",
)
async def calendar(
    member_id: UUID,
    plan: Annotated[Slug, Path()],
    tx: Tx,
    month: Annotated[Month | None, Query(description="Like 2026-03. Default: this month.")] = None,
) -> CalendarResponse:
    first = None if month is None else date.fromisoformat(f"{month}-01")
    shown, days = await handlers.calendar(tx, member_id, plan, first)
    return CalendarResponse(
        streak=streak_of(shown),
        month=days[0].day.isoformat()[:7],
        days=[DayResponse(**day._asdict()) for day in days],
    )


class NewMakeUp(RequestBody):
    day: Day
    grant: Grant | None = None


@router.post(
    "/v1/members/{member_id}/streaks/{plan}/make-ups",
    dependencies=[allow("incentives:play")],
    responses=may_answer(403, 404, 409, 422),
    summary="Make up a day that was missed (补签), for points",
)
async def make_up(
    member_id: UUID, plan: Annotated[Slug, Path()], body: Annotated[NewMakeUp, Body()], tx: Tx, request: Request
) -> DayResponse:
    """So many in one local month as the streak allows. If the member was there after all, points come back."""
    grant = await grant_in(request, body.grant)
    day = await followers.make_up(tx, member_id, plan, body.day, grant)
    return DayResponse(day=day.day, state="made_up", run=day.run, points=day.points)
