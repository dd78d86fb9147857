"""HTTP door: ordering, and looking at orders."""

import json
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Request, Response

from common.http import (
    CurrentCaller,
    Page,
    Paging,
    Router,
    Tx,
    allow,
    etag,
    invalid,
    may_answer,
    page,
    paged,
)
from common.http.fields import Instant
from common.security.audit import audit
from common.security.callers import Caller
from common.security.permissions import PermissionMissingError
from common.storage import Transaction
from points.redemption.grants import grant_in
from points.reward_orders import export, handlers, store
from points.reward_orders.domain import Order
from points.reward_orders.models import (
    ChangeResponse,
    OrderBody,
    OrderResponse,
    OrderState,
    OrderSummary,
)
from points.reward_tickets import handlers as tickets
from points.rewards.domain import TICKET
from points.rewards.models import RewardKey

router = Router(tags=["reward orders"])

BySort = paged(int, str)
ByTime = paged(datetime, UUID)
ByNumber = paged(int)
FIRST = (-(2**31), "")

REVEAL = "members:reveal"
ORDER = "rewards:order"
KeyInPath = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Reveal = Annotated[bool, Query(description=f"Show address and ticket codes: needs {REVEAL}, and is written down.")]
States = Annotated[list[OrderState] | None, Query(max_length=8, description="One or more states.")]
Since = Annotated[Instant | None, Query(description="Ordered from then on.")]
Until = Annotated[Instant | None, Query(description="Ordered before then.")]


@router.post(
    "/v1/reward-orders",
    status_code=201,
    dependencies=[allow(ORDER)],
    responses={
        200: {"model": OrderResponse, "description": "The order of this request_id, placed before"},
        **may_answer(403, 404, 409, 422, 503),
    },
    summary="Order a reward with points",
)
async def order(body: OrderBody, request: Request, tx: Tx, caller: CurrentCaller, response: Response) -> OrderResponse:
    """Stock, limits, points and everything else are checked and taken in one step: all or nothing. What was ordered
    before is answered again, though its grant has ended since.
    """
    wanted = body.wanted()
    is_known = await store.of_request(tx, caller.subject, wanted.request_id) is not None
    grant = None if is_known else await grant_in(request, body.grant)
    placed = await handlers.order(tx, caller, wanted, grant)
    if not placed.is_new:
        response.status_code = 200
    response.headers["Location"] = f"/v1/reward-orders/{placed.order.order_id}"
    return await _whole(tx, caller, placed.order, response)


@router.get(
    "/v1/reward-orders",
    dependencies=[allow("rewards:read")],
    responses=may_answer(422),
    summary="Orders, the newest first",
)
async def orders(
    tx: Tx,
    paging: Annotated[Paging[tuple[datetime, UUID]], ByTime],
    state: States = None,
    member_id: UUID | None = None,
    reward: Annotated[RewardKey | None, Query()] = None,
    ordered_from: Since = None,
    ordered_until: Until = None,
) -> Page[OrderSummary]:
    rows = await handlers.orders(
        tx,
        states=state or None,
        member_id=member_id,
        reward=reward,
        since=ordered_from,
        until=ordered_until,
        before=paging.after,
        limit=paging.fetch,
    )
    return page(rows, paging, key=lambda one: (one.ordered_at, one.order_id), item=OrderSummary.of)


@router.get(
    "/v1/reward-orders/export.csv",
    dependencies=[allow("rewards:fulfil")],
    response_class=export.CsvResponse,
    responses={200: {"content": {export.MEDIA_TYPE: {"schema": {"type": "string"}}}}, **may_answer(422)},
    summary="Orders for the warehouse as CSV, the oldest first",
)
async def export_csv(
    tx: Tx,
    caller: CurrentCaller,
    state: States = None,
    reward: Annotated[RewardKey | None, Query()] = None,
    ordered_from: Since = None,
    ordered_until: Until = None,
    reveal: Reveal = False,
) -> Response:
    """Up to 5,000 orders. With `reveal` the addresses are readable, and the audit log names each order they are of."""
    if reveal and not caller.may(REVEAL):
        raise PermissionMissingError(REVEAL)
    found = await handlers.orders(
        tx,
        states=state or None,
        reward=reward,
        since=ordered_from,
        until=ordered_until,
        limit=export.MAX_ORDERS + 1,
    )
    if len(found) > export.MAX_ORDERS:
        raise invalid("query.ordered_from", f"chooses more than {export.MAX_ORDERS} orders: take a shorter time")
    addresses = await handlers.addresses_of(tx, found)
    if reveal:
        seen = sorted(str(order_id) for order_id in addresses)
        await audit(
            tx, caller, "reward_orders.exported", reward or "*", orders=len(found), fields=["address"], order_ids=seen
        )
    return export.CsvResponse(export.text_of(list(reversed(found)), addresses, reveal=reveal))


@router.get(
    "/v1/reward-orders/{order_id}",
    dependencies=[allow("rewards:read")],
    responses=may_answer(404, 422),
    summary="One order with its address and tickets",
)
async def read(
    order_id: UUID, tx: Tx, caller: CurrentCaller, response: Response, reveal: Reveal = False
) -> OrderResponse:
    if reveal and not caller.may(REVEAL):
        raise PermissionMissingError(REVEAL)
    found = await handlers.of_id(tx, order_id)
    if reveal:
        fields = ["reward_address", "ticket_codes"] if found.kind == TICKET else ["reward_address"]
        await audit(tx, caller, "member.revealed", found.member_id, fields=fields, order_id=order_id)
    return await _whole(tx, caller, found, response, reveal=reveal)


@router.get(
    "/v1/reward-orders/{order_id}/history",
    dependencies=[allow("rewards:read")],
    responses=may_answer(404, 422),
    summary="Every change of an order",
)
async def history(order_id: UUID, tx: Tx, paging: Annotated[Paging[tuple[int]], ByNumber]) -> Page[ChangeResponse]:
    rows = await handlers.history(tx, order_id, after=paging.after[0] if paging.after else 0, limit=paging.fetch)
    return page(
        rows,
        paging,
        key=lambda row: (row.number,),
        item=lambda row: ChangeResponse(**{**row._asdict(), "facts": json.loads(row.facts)}),
    )


async def _whole(
    tx: Transaction, caller: Caller, found: Order, response: Response, *, reveal: bool = False
) -> OrderResponse:
    response.headers["ETag"] = etag(found.revision)
    address = await handlers.address_of(tx, found)
    held = await tickets.of_order(tx, found.member_id, found.order_id) if found.kind == TICKET else []
    # Who sells shows a member the codes; staff see them as they see an address: revealed, and written down.
    codes = reveal or (caller.kind != "staff" and caller.may(ORDER))
    return OrderResponse.whole(found, address, held, reveal=reveal, codes=codes)
