"""What a member has in hand at once: coupons and tickets, given out with an order and taken back with it."""

from dataclasses import replace

from common.storage import Transaction
from points.coupons import handlers as coupons
from points.coupons.domain import REWARD, Coupon, Grant
from points.coupons.refusals import CouponStateError
from points.merges import handlers as merges
from points.reward_orders.domain import ACCEPTED, FULFILLED, Order
from points.reward_orders.refusals import AlreadyUsedError
from points.reward_tickets import handlers as tickets
from points.rewards.domain import COUPON, TICKET

CANCELLED = "reward_cancelled"


async def issue(tx: Transaction, order: Order) -> Order:
    """Of an order that is kept and was just accepted. Raises CouponRefusedError."""
    if order.kind == COUPON and order.state == FULFILLED:
        return await _issue_coupons(tx, order)
    if order.kind == TICKET and order.state == ACCEPTED:
        await tickets.issue(tx, order.member_id, order.order_id, order.quantity)
    return order


async def _issue_coupons(tx: Transaction, order: Order) -> Order:
    member_id = await merges.survivor(tx, order.member_id)
    grants = [
        Grant(
            template=order.coupon_template,
            member_id=member_id,
            reason=REWARD,
            reference=f"{order.order_id}/{number}",
            occurred_at=tx.now,
        )
        for number in range(1, order.quantity + 1)
    ]
    issued: list[Coupon] = []
    for one in await coupons.issue_many(tx, grants):
        if not isinstance(one, Coupon):
            raise one
        issued.append(one)
    return replace(order, coupon_ids=tuple(coupon.coupon_id for coupon in issued))


async def take_back(tx: Transaction, order: Order) -> None:
    """Of an order that is being cancelled. Raises AlreadyUsedError."""
    for coupon_id in order.coupon_ids:
        try:
            await coupons.revoke(tx, coupon_id, CANCELLED)
        except CouponStateError as error:
            raise AlreadyUsedError(order.order_id, COUPON, coupon_id, error.state) from error
    if order.kind == TICKET and (used := await tickets.take_back(tx, order.order_id)):
        raise AlreadyUsedError(order.order_id, TICKET, used.ticket_id, used.state)
