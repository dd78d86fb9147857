"""The checkout's door: validate a cart's coupons, lock them for an order, use, release, return."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

from fastapi import Body, Query, Response

from common.http import CurrentCaller, ProblemError, ResponseBody, Router, Tx, allow, may_answer, problem
from common.http.fields import Key
from common.http.problems import problem_response
from common.security.audit import audit
from points.coupon_checkout import handlers
from points.coupon_checkout.forms import CartForm, GiftAnswer, LockForm, OrderForm, QuoteAnswer, ReturnForm, UseForm
from points.coupon_checkout.forms import quote_of as quote_answer
from points.coupon_checkout.handlers import Decision, OnOrder, Order, applied_of
from points.coupon_checkout.words import texts
from points.coupon_codes.domain import TooManyWrongCodesError, mistyped, normal
from points.coupons import desk
from points.coupons.api import CouponResponse, SearchForm, coupon_response

router = Router(tags=["coupons at the checkout"])

WRONG_CODES = problem(429, "too_many_wrong_codes", "Too many wrong coupon codes")
UNKNOWN_CODE = problem(404, "unknown_code", "No coupon has this code")
NOT_APPLICABLE = problem(409, "coupons_not_applicable", "Not every coupon applies, so none was taken")


class OnOrderAnswer(ResponseBody):
    """A coupon that is on an order, and its part of it."""

    coupon: CouponResponse
    discount: int
    lines: list[int]
    shipping: int
    gift: GiftAnswer | None


class OrderAnswer(ResponseBody):
    order_source: str
    order_id: str
    state: str
    locked_until: datetime | None
    discount: int
    coupons: list[OnOrderAnswer]


class TakenAnswer(ResponseBody):
    """What was locked or used."""

    order_source: str
    order_id: str
    state: str
    locked_until: datetime | None
    quote: QuoteAnswer


class LetGoAnswer(ResponseBody):
    order_source: str
    order_id: str
    coupons: list[CouponResponse]


@asynccontextmanager
async def tries_limited() -> AsyncIterator[None]:
    """429 that says how long to wait."""
    try:
        yield
    except TooManyWrongCodesError as error:
        raise ProblemError(
            WRONG_CODES,
            str(error),
            headers={"Retry-After": str(error.retry_after_seconds)},
            who=error.who,
            limit=error.limit,
            window_seconds=error.window_seconds,
            retry_after_seconds=error.retry_after_seconds,
        ) from None


@router.post(
    "/v1/coupons/validate",
    dependencies=[allow("coupons:use")],
    responses=may_answer(409, 422, 429),
    summary="Which coupons apply to a cart, what they take off, and why the others do not",
)
async def validate(body: Annotated[CartForm, Body()], tx: Tx, caller: CurrentCaller) -> QuoteAnswer:
    """Reserves nothing. Wrong codes are counted per member and device; those of strangers together, per caller."""
    cart = body.cart()
    async with tries_limited():
        decision = await handlers.validate(tx, caller, cart, body.asked(), body.currency)
        return quote_answer(cart, decision, body.currency)


@router.post(
    "/v1/coupons/lock",
    dependencies=[allow("coupons:use")],
    responses=may_answer(409, 422, 429),
    status_code=201,
    response_model=TakenAnswer,
    summary="Reserve coupons for an order: all of them or none",
)
async def lock(body: Annotated[LockForm, Body()], tx: Tx, caller: CurrentCaller) -> TakenAnswer | Response:
    """Locking again for the same order replaces what was locked for it."""
    async with tries_limited():
        decision = await handlers.lock(
            tx, caller, body.cart.cart(), body.cart.asked(), body.cart.currency, body.order(), body.minutes
        )
    return _taken(body.order(), body.cart, decision, "locked")


@router.post(
    "/v1/coupons/use",
    dependencies=[allow("coupons:use")],
    responses=may_answer(404, 409, 422, 429),
    response_model=TakenAnswer | OrderAnswer,
    summary="Use coupons on an order, finally: those that are locked for it, or those of a cart in one step",
)
async def use(body: Annotated[UseForm, Body()], tx: Tx, caller: CurrentCaller) -> TakenAnswer | OrderAnswer | Response:
    """The same order again gives the same answer."""
    if body.cart is None:
        return _order(body.order(), await handlers.use_locked(tx, body.order()))
    cart = body.cart
    async with tries_limited():
        decision = await handlers.use(tx, caller, cart.cart(), cart.asked(), cart.currency, body.order())
    return _taken(body.order(), cart, decision, "used")


@router.post(
    "/v1/coupons/release",
    dependencies=[allow("coupons:use")],
    responses=may_answer(409, 422),
    summary="Give up an order's lock",
)
async def release(body: Annotated[OrderForm, Body()], tx: Tx) -> LetGoAnswer:
    """Nothing is locked: nothing happens."""
    freed = await handlers.release(tx, body.order())
    return LetGoAnswer(
        order_source=body.order_source,
        order_id=body.order_id,
        coupons=[coupon_response(one, tx.now) for one in freed],
    )


@router.post(
    "/v1/coupons/return",
    dependencies=[allow("coupons:use")],
    responses=may_answer(422),
    summary="An order was cancelled or came back: its coupons can be used again",
)
async def give_back(body: Annotated[ReturnForm, Body()], tx: Tx, caller: CurrentCaller) -> LetGoAnswer:
    """Coupons that have ended meanwhile get the programme's grace. A purchase's whole return does this by itself."""
    back = await handlers.give_back(tx, body.order(), body.reason)
    for one in back:
        await audit(tx, caller, "coupon.returned", one.coupon_id, order_id=body.order_id, reason=body.reason)
    return LetGoAnswer(
        order_source=body.order_source,
        order_id=body.order_id,
        coupons=[coupon_response(one, tx.now) for one in back],
    )


@router.get(
    "/v1/coupon-orders/lookup",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="The coupons that are locked for an order or were used on it",
)
async def on_order(tx: Tx, order_source: Annotated[Key, Query()], order_id: Annotated[Key, Query()]) -> OrderAnswer:
    order = Order(source=order_source, order_id=order_id)
    return _order(order, await handlers.on_order(tx, order))


def _taken(order: Order, cart: CartForm, decision: Decision, state: str) -> TakenAnswer | Response:
    """Returned, not raised: wrong codes were counted, and that shall be committed."""
    answer = quote_answer(cart.cart(), decision, cart.currency)
    if not decision.done:
        facts = {"coupons": [one.model_dump(mode="json") for one in answer.coupons]}
        reasons = ", ".join(f"{one.place}: {one.reason}" for one in answer.coupons if not one.applies)
        return problem_response(NOT_APPLICABLE, reasons or "No coupon was handed in.", facts=facts)
    return TakenAnswer(
        order_source=order.source, order_id=order.order_id, state=state, locked_until=decision.until, quote=answer
    )


def _order(order: Order, held: list[OnOrder]) -> OrderAnswer:
    parts = []
    for one in held:
        applied = applied_of(one.coupon, one.answer)
        gift = GiftAnswer(sku=applied.gift_sku, quantity=applied.gift_quantity) if applied.gift_sku else None
        parts.append(
            OnOrderAnswer(
                coupon=coupon_response(one.coupon, None),
                discount=applied.discount,
                lines=list(applied.by_line),
                shipping=applied.shipping,
                gift=gift,
            )
        )
    return OrderAnswer(
        order_source=order.source,
        order_id=order.order_id,
        state=held[0].coupon.state,
        locked_until=held[0].coupon.locked_until,
        discount=sum(part.discount for part in parts),
        coupons=parts,
    )


@router.post(
    "/v1/coupons/search",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422, 429),
    response_model=CouponResponse,
    summary="The coupon with this code; wrong codes are counted",
)
async def search(body: Annotated[SearchForm, Body()], tx: Tx, caller: CurrentCaller) -> CouponResponse | Response:
    async with tries_limited():
        found = await desk.by_code(tx, caller, body.code)
    if found is None:
        reason = "code_mistyped" if mistyped(normal(body.code)) else "code_unknown"
        return problem_response(UNKNOWN_CODE, texts(reason, {}, "")[1], facts={"reason": reason})
    return coupon_response(found, tx.now)
