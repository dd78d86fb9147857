"""HTTP door: the way of an order, from its payment to the member's door."""

from typing import Annotated
from uuid import UUID

from fastapi import Body, Response

from common.http import CurrentCaller, IfMatch, Router, Tx, allow, etag, may_answer
from points.reward_fulfilment import handlers
from points.reward_fulfilment.models import (
    AddressCorrectionBody,
    CancelBody,
    CheckInBody,
    CheckInResponse,
    NoteBody,
    PaymentBody,
    ReturnBody,
    ShipBody,
    UndoneResponse,
)
from points.reward_orders.domain import CANCELLED, DELIVERED, FULFILLED, PICKING, RETURNED, SHIPPED, Order
from points.reward_orders.models import OrderSummary

router = Router(tags=["reward orders"])

ANSWERS = may_answer(404, 409, 412, 422)
Note = Annotated[NoteBody | None, Body()]
Cancellation = Annotated[CancelBody | None, Body()]
GoodsBack = Annotated[ReturnBody | None, Body()]


def _answer(order: Order, response: Response) -> OrderSummary:
    response.headers["ETag"] = etag(order.revision)
    return OrderSummary.of(order)


@router.post(
    "/v1/reward-orders/{order_id}/payment",
    dependencies=[allow("rewards:order")],
    responses=may_answer(404, 409, 422),
    summary="The money part was paid",
)
async def pay(order_id: UUID, body: PaymentBody, tx: Tx, caller: CurrentCaller, response: Response) -> OrderSummary:
    """The payment itself happens elsewhere; here its reference is kept. The same reference again changes nothing."""
    return _answer(await handlers.pay(tx, caller, order_id, body.payment_reference), response)


@router.post(
    "/v1/reward-orders/{order_id}/picking",
    dependencies=[allow("rewards:fulfil")],
    responses=ANSWERS,
    summary="The warehouse began: only operators can cancel it now",
)
async def pick(
    order_id: UUID, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response, body: Note = None
) -> OrderSummary:
    note = body.note if body else ""
    return _answer(await handlers.advance(tx, caller, order_id, PICKING, seen=seen, note=note), response)


@router.post(
    "/v1/reward-orders/{order_id}/shipment",
    dependencies=[allow("rewards:fulfil")],
    responses=ANSWERS,
    summary="The parcel went out",
)
async def ship(
    order_id: UUID, body: ShipBody, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> OrderSummary:
    after = await handlers.advance(
        tx,
        caller,
        order_id,
        SHIPPED,
        seen=seen,
        note=body.note,
        carrier=body.carrier,
        tracking=body.tracking,
    )
    return _answer(after, response)


@router.put(
    "/v1/reward-orders/{order_id}/shipment",
    dependencies=[allow("rewards:fulfil")],
    responses=ANSWERS,
    summary="Correct the carrier or tracking number of what went out",
)
async def correct_shipment(
    order_id: UUID, body: ShipBody, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> OrderSummary:
    """While it is shipped or delivered; the member is told as of the shipment. The same again changes nothing."""
    after = await handlers.correct_shipment(
        tx, caller, order_id, seen=seen, carrier=body.carrier, tracking=body.tracking, note=body.note
    )
    return _answer(after, response)


@router.put(
    "/v1/reward-orders/{order_id}/address",
    dependencies=[allow("rewards:fulfil")],
    responses=may_answer(404, 409, 412, 422, 503),
    summary="Correct where goods go, before they went out",
)
async def correct_address(
    order_id: UUID, body: AddressCorrectionBody, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> OrderSummary:
    """While it is awaiting payment, accepted or picked. The same again changes nothing."""
    after = await handlers.correct_address(tx, caller, order_id, body.address.model_dump(), seen=seen, note=body.note)
    return _answer(after, response)


@router.post(
    "/v1/reward-orders/{order_id}/delivery",
    dependencies=[allow("rewards:fulfil")],
    responses=ANSWERS,
    summary="The parcel has arrived",
)
async def deliver(
    order_id: UUID, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response, body: Note = None
) -> OrderSummary:
    note = body.note if body else ""
    return _answer(await handlers.advance(tx, caller, order_id, DELIVERED, seen=seen, note=note), response)


@router.post(
    "/v1/reward-orders/{order_id}/fulfilment",
    dependencies=[allow("rewards:fulfil")],
    responses=ANSWERS,
    summary="The service was done",
)
async def fulfil(
    order_id: UUID, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response, body: Note = None
) -> OrderSummary:
    note = body.note if body else ""
    return _answer(await handlers.advance(tx, caller, order_id, FULFILLED, seen=seen, note=note), response)


@router.post(
    "/v1/reward-orders/{order_id}/cancellation",
    dependencies=[allow("rewards:order")],
    responses=ANSWERS,
    summary="Cancel an order before it is sent",
)
async def cancel(
    order_id: UUID, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response, body: Cancellation = None
) -> UndoneResponse:
    """Points go back into the lots they came from; the answer says what had expired and how long it lives now."""
    reason = body.reason if body else ""
    undone = await handlers.undo(tx, caller, order_id, CANCELLED, reason=reason, restock=True, seen=seen)
    response.headers["ETag"] = etag(undone.order.revision)
    return UndoneResponse.of(undone.order, undone.back)


@router.post(
    "/v1/reward-orders/{order_id}/return",
    dependencies=[allow("rewards:fulfil")],
    responses=ANSWERS,
    summary="Goods came back",
)
async def take_back(
    order_id: UUID, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response, body: GoodsBack = None
) -> UndoneResponse:
    """As a cancellation; the pieces go into the stock again unless told otherwise."""
    given = body or ReturnBody()
    undone = await handlers.undo(tx, caller, order_id, RETURNED, reason=given.reason, restock=given.restock, seen=seen)
    response.headers["ETag"] = etag(undone.order.revision)
    return UndoneResponse.of(undone.order, undone.back)


@router.post(
    "/v1/reward-tickets/check-in",
    dependencies=[allow("rewards:fulfil")],
    responses=may_answer(404, 409, 422),
    summary="Let in who shows this ticket, once",
)
async def check_in(body: CheckInBody, tx: Tx, caller: CurrentCaller) -> CheckInResponse:
    order, ticket = await handlers.check_in(tx, caller, body.code, body.reward or "")
    assert ticket.used_at is not None
    return CheckInResponse(
        ticket_id=ticket.ticket_id,
        number=ticket.number,
        used_at=ticket.used_at,
        order_id=order.order_id,
        reward=order.reward,
        name_zh=order.name_zh,
        name_en=order.name_en,
        order_state=order.state,
    )
