"""Merging two members' points, and parting them again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

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
from points.merges import handlers, store
from points.merges.domain import Merge, Move
from points.redemption.handlers import LAST_ID, LATEST

router = Router(tags=["merges"])

ByTime = paged(datetime, UUID)


class NewMerge(RequestBody):
    """`member_id` stays. `merge_id` is yours to choose, so that the same merge can be sent again."""

    member_id: UUID
    absorbed_member_id: UUID
    merge_id: UUID | None = None


class MoveResponse(ResponseBody):
    wallet: str
    kind: str = Field(description="lot, pending, debt")
    points: int
    gave_back: int = Field(description="When the merge was undone.")
    earned_at: datetime | None
    expires_at: datetime | None
    order_source: str | None
    order_id: str | None


class MergeSummary(ResponseBody):
    merge_id: UUID
    member_id: UUID
    absorbed_member_id: UUID
    state: str = Field(description="merged, undone")
    occurred_at: datetime
    merged_at: datetime
    merged_by: str
    undone_at: datetime | None
    undone_by: str | None


class MergeResponse(MergeSummary):
    """`missing` is what could not go back: it was spent, had expired, or was repaid."""

    moves: list[MoveResponse]
    missing: int


def summary_of(found: Merge) -> MergeSummary:
    return MergeSummary(
        merge_id=found.merge_id,
        member_id=found.member_id,
        absorbed_member_id=found.absorbed_member_id,
        state=found.state,
        occurred_at=found.occurred_at,
        merged_at=found.merged_at,
        merged_by=found.merged_by,
        undone_at=found.undone_at,
        undone_by=found.undone_by or None,
    )


def answer_of(found: Merge, moves: Sequence[Move]) -> MergeResponse:
    undone = found.undone_at is not None
    return MergeResponse(
        **summary_of(found).model_dump(),
        missing=sum(one.points - one.gave_back for one in moves) if undone else 0,
        moves=[
            MoveResponse(
                wallet=one.wallet,
                kind=one.kind,
                points=one.points,
                gave_back=one.gave_back,
                earned_at=one.earned_at,
                expires_at=one.expires_at,
                order_source=one.order_source or None,
                order_id=one.order_id or None,
            )
            for one in moves
        ],
    )


@router.post(
    "/v1/merges",
    dependencies=[allow("points:merge")],
    responses=may_answer(404, 409, 422),
    status_code=201,
    summary="Let one member's points be another's from now on",
)
async def merge(body: Annotated[NewMerge, Body()], tx: Tx, caller: CurrentCaller) -> MergeResponse:
    """Lots keep their expiry, pending points go on waiting, debt goes too. Holds stay where they are until they end;
    what comes back of them goes on to `member_id`, as does what the absorbed member earns or returns later.
    """
    found = await handlers.merge(tx, caller, body.merge_id or uuid4(), body.member_id, body.absorbed_member_id, tx.now)
    return answer_of(found, await store.moves(tx, found.merge_id))


@router.post(
    "/v1/merges/{merge_id}/undo",
    dependencies=[allow("points:merge")],
    responses=may_answer(404, 409, 422),
    summary="Part two merged members again",
)
async def undo(merge_id: UUID, tx: Tx, caller: CurrentCaller) -> MergeResponse:
    """What came with the merge goes back as far as it is still there; each move says how much went back."""
    return answer_of(*await handlers.undo(tx, caller, merge_id))


@router.get(
    "/v1/merges/{merge_id}",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="One merge, with every lot and debt that moved",
)
async def read(merge_id: UUID, tx: Tx) -> MergeResponse:
    return answer_of(await handlers.get(tx, merge_id), await store.moves(tx, merge_id))


@router.get(
    "/v1/members/{member_id}/merges",
    dependencies=[allow("points:read")],
    responses=may_answer(422),
    summary="Merges in which a member stayed or was absorbed, the latest first",
)
async def of_member(
    member_id: UUID, tx: Tx, paging: Annotated[Paging[tuple[datetime, UUID]], ByTime]
) -> Page[MergeSummary]:
    rows = await store.page(tx, member_id, before=paging.after or (LATEST, LAST_ID), limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.merged_at, row.merge_id), item=summary_of)
