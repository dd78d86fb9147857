"""Corrections by people, and the second person's word."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Body, Query, Response
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
from common.http.fields import Instant, Key, PositivePoints, Text
from common.http.revision import IfMatch
from points.adjustments import handlers, store
from points.adjustments.domain import Adjustment
from points.adjustments.handlers import Wish
from points.ledger.handlers import FIRST_WALLET
from points.policies import api as policy_doors
from points.policies.handlers import ADJUSTMENT, Kept
from points.redemption.handlers import LAST_ID, LATEST

router = Router(tags=["adjustments"])

ByAsked = paged(datetime, UUID)


class PolicyBody(RequestBody):
    approve_above_points: int | None = Field(
        default=1000, ge=0, le=10**15, strict=True, description="More points need a second person; null: never."
    )
    reasons: list[Key] = Field(default=[], max_length=100, description="Codes that may be given; none: any.")


class PolicyResponse(PolicyBody):
    revision: int = Field(description="0: nobody has set one, these are the defaults.")
    set_at: datetime | None
    set_by: str

    @classmethod
    def of(cls, kept: Kept) -> "PolicyResponse":
        return cls(**kept.settings, revision=kept.revision, set_at=kept.set_at, set_by=kept.set_by)


class NewAdjustment(RequestBody):
    """`expiry` of a credit: `programme` (as points earned now), `never`, or `at` with `expires_at`."""

    member_id: UUID
    kind: Literal["credit", "debit", "write_off"]
    points: PositivePoints
    reason: Key = Field(description="A code.")
    note: Text = ""
    wallet: Key = FIRST_WALLET
    expiry: Literal["programme", "never", "at"] = "programme"
    expires_at: Instant | None = None
    allow_debt: bool = Field(default=False, strict=True, description="What a debit does not find becomes debt.")

    @model_validator(mode="after")
    def _whole(self) -> "NewAdjustment":
        if (self.expiry == "at") != (self.expires_at is not None):
            raise ValueError("expires_at goes with expiry `at`, and only with it")
        if self.kind != "credit" and self.expiry != "programme":
            raise ValueError("only a credit has an expiry")
        if self.kind != "debit" and self.allow_debt:
            raise ValueError("only a debit can leave debt")
        return self


class Decision(RequestBody):
    note: Text = ""


class Reversal(RequestBody):
    note: Text = ""
    allow_debt: bool = Field(default=False, strict=True, description="Points that were spent since become debt.")


class AdjustmentResponse(ResponseBody):
    adjustment_id: UUID
    member_id: UUID
    wallet: str
    kind: str = Field(description="credit, debit, write_off, reversal")
    points: int
    reason: str
    note: str
    expires_at: datetime | None
    allow_debt: bool
    reverses: UUID | None
    reversed_by: UUID | None = Field(description="The adjustment that reversed it, or waits to.")
    state: str = Field(description="pending, posted, rejected")
    sequence: int | None = Field(description="Its first movement in the ledger.")
    shortfall: int = Field(description="What of a debit became debt.")
    asked_at: datetime
    asked_by: str
    decided_at: datetime | None
    decided_by: str | None
    decision_note: str


def answer_of(one: Adjustment) -> AdjustmentResponse:
    return AdjustmentResponse(
        adjustment_id=one.adjustment_id,
        member_id=one.member_id,
        wallet=one.wallet,
        kind=one.kind,
        points=one.points,
        reason=one.reason,
        note=one.note,
        expires_at=one.expires_at,
        allow_debt=one.allow_debt,
        reverses=one.reverses,
        reversed_by=one.reversed_by,
        state=one.state,
        sequence=one.sequence or None,
        shortfall=one.shortfall,
        asked_at=one.asked_at,
        asked_by=one.asked_by,
        decided_at=one.decided_at,
        decided_by=one.decided_by or None,
        decision_note=one.decision_note,
    )


@router.get("/v1/adjustment-policy", dependencies=[allow("points:read")], summary="Who must agree to corrections")
async def read_policy(tx: Tx, response: Response) -> PolicyResponse:
    return PolicyResponse.of(await policy_doors.shown(tx, response, ADJUSTMENT))


@router.put(
    "/v1/adjustment-policy",
    dependencies=[allow("programme:write")],
    responses=may_answer(409, 412, 422),
    summary="Change who must agree to corrections",
)
async def change_policy(
    body: Annotated[PolicyBody, Body()], tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> PolicyResponse:
    settings = body.model_dump(mode="json")
    return PolicyResponse.of(await policy_doors.replaced(tx, caller, response, ADJUSTMENT, settings, seen))


@router.post(
    "/v1/adjustments",
    dependencies=[allow("points:adjust")],
    responses=may_answer(404, 409, 422),
    status_code=201,
    summary="Credit, debit, or write off debt, with a reason",
)
async def adjust(body: Annotated[NewAdjustment, Body()], tx: Tx, caller: CurrentCaller) -> AdjustmentResponse:
    """Above the policy's limit it stays `pending` until somebody else approves it."""
    wish = Wish(
        member_id=body.member_id,
        wallet=body.wallet,
        kind=body.kind,
        points=body.points,
        reason=body.reason,
        note=body.note,
        expiry=body.expiry,
        expires_at=body.expires_at,
        allow_debt=body.allow_debt,
    )
    return answer_of(await handlers.adjust(tx, caller, wish))


@router.post(
    "/v1/adjustments/{adjustment_id}/approve",
    dependencies=[allow("points:approve")],
    responses=may_answer(403, 404, 409, 422),
    summary="Agree to a pending correction and post it",
)
async def approve(
    adjustment_id: UUID, body: Annotated[Decision, Body()], tx: Tx, caller: CurrentCaller
) -> AdjustmentResponse:
    """Whoever asked for it cannot."""
    return answer_of(await handlers.decide(tx, caller, adjustment_id, approve=True, note=body.note))


@router.post(
    "/v1/adjustments/{adjustment_id}/reject",
    dependencies=[allow("points:approve")],
    responses=may_answer(404, 409, 422),
    summary="Refuse a pending correction",
)
async def reject(
    adjustment_id: UUID, body: Annotated[Decision, Body()], tx: Tx, caller: CurrentCaller
) -> AdjustmentResponse:
    return answer_of(await handlers.decide(tx, caller, adjustment_id, approve=False, note=body.note))


@router.post(
    "/v1/adjustments/{adjustment_id}/reverse",
    dependencies=[allow("points:adjust")],
    responses=may_answer(404, 409, 422),
    status_code=201,
    summary="Undo a correction by new entries",
)
async def reverse(
    adjustment_id: UUID, body: Annotated[Reversal, Body()], tx: Tx, caller: CurrentCaller
) -> AdjustmentResponse:
    """Answers the reversal, an adjustment of its own; above the limit it needs a second person, too."""
    return answer_of(await handlers.reverse(tx, caller, adjustment_id, note=body.note, allow_debt=body.allow_debt))


@router.get(
    "/v1/adjustments/{adjustment_id}",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="One correction",
)
async def read(adjustment_id: UUID, tx: Tx) -> AdjustmentResponse:
    return answer_of(await handlers.get(tx, adjustment_id))


@router.get(
    "/v1/adjustments",
    dependencies=[allow("points:read")],
    responses=may_answer(422),
    summary="Corrections, the latest first; `state=pending` are those that wait for a second person",
)
async def adjustments(
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, UUID]], ByAsked],
    member_id: Annotated[UUID | None, Query()] = None,
    state: Annotated[Literal["pending", "posted", "rejected"] | None, Query()] = None,
    reason: Annotated[Key | None, Query()] = None,
    asked_by: Annotated[Key | None, Query()] = None,
) -> Page[AdjustmentResponse]:
    rows = await store.page(
        tx,
        member_id=member_id,
        state=state or "",
        reason=reason or "",
        asked_by=asked_by or "",
        before=paging.after or (LATEST, LAST_ID),
        limit=paging.fetch,
    )
    return page(rows, paging, key=lambda row: (row.asked_at, row.adjustment_id), item=answer_of)
