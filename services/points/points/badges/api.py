"""A member's badges and how they came and went."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from common.http import Page, Paging, ResponseBody, Router, Tx, allow, may_answer, page, paged
from points.badges import handlers
from points.badges.domain import Badge, Change, Held
from points.incentives.domain import ACTIVE

router = Router(tags=["badges"])

ByChange = paged(datetime, str, int, int, UUID)


class LevelResponse(ResponseBody):
    level: int
    name: dict[str, str]
    threshold: int
    held: bool
    since: datetime | None


class BadgeResponse(ResponseBody):
    """`value` is how far the member's counter got; null for a badge that tasks give."""

    badge: str
    name: dict[str, str]
    level: int
    value: int | None
    next_threshold: int | None
    missing: int
    levels: list[LevelResponse]


class BadgesResponse(ResponseBody):
    member_id: UUID
    badges: list[BadgeResponse]


def badge_of(badge: Badge, value: int | None, held: dict[int, Held]) -> BadgeResponse:
    following = None if value is None else next((one for one in badge.levels if one.threshold > value), None)
    return BadgeResponse(
        badge=badge.key,
        name=badge.incentive.definition["name"],
        level=max(held, default=0),
        value=value,
        next_threshold=None if following is None else following.threshold,
        missing=0 if following is None or value is None else following.threshold - value,
        levels=[
            LevelResponse(
                level=number,
                name=dict(level.name),
                threshold=level.threshold,
                held=number in held,
                since=held[number].occurred_at if number in held else None,
            )
            for number, level in enumerate(badge.levels, start=1)
        ],
    )


@router.get(
    "/v1/members/{member_id}/badges",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="Badges, held and to be reached, with progress",
)
async def badges(member_id: UUID, tx: Tx) -> BadgesResponse:
    """Active ones, and those that have ended if the member holds them."""
    all_badges, values, rows = await handlers.of_member(tx, member_id)
    held: dict[str, dict[int, Held]] = {}
    for row in rows:
        if row.held:
            held.setdefault(row.badge, {})[row.level] = row
    shown = [one for one in all_badges if one.incentive.state == ACTIVE or one.key in held]
    return BadgesResponse(
        member_id=member_id,
        badges=[badge_of(one, values.get(one.key), held.get(one.key, {})) for one in shown],
    )


class ChangeResponse(ResponseBody):
    badge: str
    level: int
    change: str
    reason: str
    points: int
    occurred_at: datetime
    recorded_at: datetime


def change_of(one: Change) -> ChangeResponse:
    return ChangeResponse(
        badge=one.badge,
        level=one.level,
        change=one.change,
        reason=one.reason,
        points=one.points,
        occurred_at=one.occurred_at,
        recorded_at=one.recorded_at,
    )


@router.get(
    "/v1/members/{member_id}/badge-changes",
    dependencies=[allow("incentives:read")],
    responses=may_answer(404, 422),
    summary="How badges came and went, the oldest first",
)
async def history(
    member_id: UUID, tx: Tx, paging: Annotated[Paging[tuple[datetime, str, int, int, UUID]], ByChange]
) -> Page[ChangeResponse]:
    rows = await handlers.history(tx, member_id, after=paging.after, limit=paging.fetch)
    return page(
        rows,
        paging,
        key=lambda one: (one.recorded_at, one.badge, one.level, one.number, one.member_id),
        item=change_of,
    )
