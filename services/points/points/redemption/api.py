"""Points at a checkout: what an order may use, hold, confirm, cancel, redeem at once."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Body, Query, Request, Response

from common.http import CurrentCaller, Page, Paging, Router, Tx, allow, may_answer, page, paged
from common.http.fields import Instant, Key
from common.http.revision import IfMatch
from points.policies import api as policy_doors
from points.policies.handlers import REDEMPTION
from points.redemption import giving_back, handlers, holds, quoting, store
from points.redemption.bodies import (
    CancelBody,
    CapResponse,
    ConfirmBody,
    HoldBody,
    PolicyBody,
    PolicyResponse,
    QuoteBody,
    QuoteLine,
    QuoteResponse,
    RedeemBody,
    RedemptionResponse,
    answer_of,
    cancellation_of,
    order_of,
    rounding_of,
    wish_of,
)
from points.redemption.domain import Redemption
from points.redemption.errors import RedemptionUnknownError
from points.redemption.grants import grant_in
from points.redemption.handlers import Wish

router = Router(tags=["redemption"])

ByCreated = paged(datetime, UUID)


@router.get(
    "/v1/redemption-policy",
    dependencies=[allow("points:read")],
    summary="What is allowed of redemptions",
)
async def read_policy(tx: Tx, response: Response) -> PolicyResponse:
    return PolicyResponse.of(await policy_doors.shown(tx, response, REDEMPTION))


@router.put(
    "/v1/redemption-policy",
    dependencies=[allow("programme:write")],
    responses=may_answer(409, 412, 422),
    summary="Change what is allowed of redemptions",
)
async def change_policy(
    body: Annotated[PolicyBody, Body()], tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> PolicyResponse:
    """Replaces the whole policy; `If-Match` names the revision that was seen."""
    settings = body.model_dump(mode="json")
    return PolicyResponse.of(await policy_doors.replaced(tx, caller, response, REDEMPTION, settings, seen))


@router.post(
    "/v1/redemptions/quote",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 409, 422),
    summary="How many points an order may use, and what they are worth",
)
async def quote(body: Annotated[QuoteBody, Body()], tx: Tx, caller: CurrentCaller) -> QuoteResponse:
    """Writes nothing. `binding` is the rule that allows no more; `caps` are all of them."""
    order = order_of(body.order)
    policy, offer, lines = await quoting.quote(
        tx, body.member_id, body.wallet, order, source=body.source or caller.subject
    )
    return QuoteResponse(
        member_id=body.member_id,
        wallet=body.wallet,
        points=offer.points,
        value=offer.value,
        currency=order.currency,
        binding=offer.binding,
        caps=[CapResponse(rule=cap.rule, points=cap.points) for cap in offer.caps],
        step=policy.step,
        minimum=policy.minimum,
        grant_needed=policy.pin_above_points is not None and offer.points > policy.pin_above_points,
        rounding=rounding_of(policy, offer.points),
        lines=[
            QuoteLine(number=line.number, sku=line.sku, amount=line.amount, points=line.points, value=line.value)
            for line in lines
        ],
    )


@router.post(
    "/v1/redemptions",
    dependencies=[allow("points:redeem")],
    responses=may_answer(403, 404, 409, 422, 503),
    status_code=201,
    summary="Redeem points in one step",
)
async def redeem(
    body: Annotated[RedeemBody, Body()], tx: Tx, caller: CurrentCaller, request: Request
) -> RedemptionResponse:
    """(`source`, `reference`) is the caller's own key: the same again gives the same redemption, another body 409."""
    return await _taken(tx, caller, wish_of(body, caller, hold_seconds=None, hold=False), request, body.grant)


@router.post(
    "/v1/redemptions/holds",
    dependencies=[allow("points:redeem")],
    responses=may_answer(403, 404, 409, 422, 503),
    status_code=201,
    summary="Reserve points until they are confirmed or cancelled",
)
async def hold(
    body: Annotated[HoldBody, Body()], tx: Tx, caller: CurrentCaller, request: Request
) -> RedemptionResponse:
    """Nobody else can spend what is held. A hold that is not confirmed in time ends by itself."""
    wish = wish_of(body, caller, hold_seconds=body.hold_seconds, hold=True)
    return await _taken(tx, caller, wish, request, body.grant)


async def _taken(tx: Tx, caller: CurrentCaller, wish: Wish, request: Request, token: str | None) -> RedemptionResponse:
    """What was asked for before is answered again, though its grant has ended since."""
    if (found := await handlers.asked_before(tx, wish)) is None:
        found = await handlers.redeem(tx, caller, replace(wish, grant=await grant_in(request, token)))
    return answer_of(found, [])


@router.post(
    "/v1/redemptions/{redemption_id}/confirm",
    dependencies=[allow("points:redeem")],
    responses=may_answer(404, 409, 422),
    summary="Spend what is held, or a part of it",
)
async def confirm(redemption_id: UUID, body: Annotated[ConfirmBody, Body()], tx: Tx) -> RedemptionResponse:
    """The rest of a hold that is confirmed with fewer points goes back into its lots."""
    return answer_of(await holds.confirm(tx, redemption_id, body.points), [])


@router.post(
    "/v1/redemptions/{redemption_id}/cancel",
    dependencies=[allow("points:redeem")],
    responses=may_answer(404, 409, 422),
    summary="Cancel a hold, or give back a redemption, whole or in part",
)
async def cancel(
    redemption_id: UUID, body: Annotated[CancelBody, Body()], tx: Tx, caller: CurrentCaller
) -> RedemptionResponse:
    """Each giving back says how many points are in their lots again (`restored`), and how many had expired and live
    until `grace_until` (`renewed`).
    """
    return answer_of(*await giving_back.cancel(tx, caller, redemption_id, cancellation_of(body)))


@router.get(
    "/v1/redemptions/lookup",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="A redemption by the caller's own key",
)
async def lookup(
    reference: Annotated[Key, Query()],
    tx: Tx,
    caller: CurrentCaller,
    source: Annotated[Key | None, Query(description="Default: you.")] = None,
) -> RedemptionResponse:
    found = await store.by_reference(tx, source or caller.subject, reference)
    if found is None:
        raise RedemptionUnknownError(reference)
    return await _answer(tx, found)


@router.get(
    "/v1/redemptions/{redemption_id}",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="One hold or redemption, with what was given back",
)
async def read(redemption_id: UUID, tx: Tx) -> RedemptionResponse:
    return await _answer(tx, await handlers.get(tx, redemption_id))


async def _answer(tx: Tx, found: Redemption) -> RedemptionResponse:
    return answer_of(found, await giving_back.returns_of(tx, found.redemption_id))


@router.get(
    "/v1/members/{member_id}/redemptions",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="Holds and redemptions of a member and of those merged into it, the latest first",
)
async def of_member(
    member_id: UUID,
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, UUID]], ByCreated],
    state: Annotated[
        Literal["held", "cancelled", "expired", "confirmed", "given_back"] | None, Query(description="Default: any.")
    ] = None,
    wallet: Annotated[Key | None, Query()] = None,
    since: Annotated[Instant | None, Query(alias="from", description="Created then or later.")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="Created before.")] = None,
) -> Page[RedemptionResponse]:
    rows = await store.page(
        tx,
        await handlers.persons(tx, member_id),
        state=state or "",
        wallet=wallet or "",
        since=since or handlers.EARLIEST,
        until=until or handlers.LATEST,
        before=paging.after or (handlers.LATEST, handlers.LAST_ID),
        limit=paging.fetch,
    )
    return page(rows, paging, key=lambda row: (row.created_at, row.redemption_id), item=lambda row: answer_of(row, []))
