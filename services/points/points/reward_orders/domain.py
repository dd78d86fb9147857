"""What becomes of an order: its states, what a cancellation gives back, and which payments are open."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from points.reward_orders.refusals import (
    AddressNeededError,
    AddressNotNeededError,
    NotCorrectableError,
    PaymentTooLateError,
)
from points.rewards.domain import COUPON, DONATION, GOODS, SERVICE, TICKET, Price, Reward
from points.rewards.refusals import BadTransitionError

AWAITING_PAYMENT, ACCEPTED, PICKING, SHIPPED = "awaiting_payment", "accepted", "picking", "shipped"
DELIVERED, FULFILLED, CANCELLED, RETURNED = "delivered", "fulfilled", "cancelled", "returned"
STATES = (AWAITING_PAYMENT, ACCEPTED, PICKING, SHIPPED, DELIVERED, FULFILLED, CANCELLED, RETURNED)
GIVEN_BACK = (CANCELLED, RETURNED)
"""In these states the points are back, and neither limits nor figures count the order."""

AFTER_PAYMENT: Mapping[str, str] = {
    GOODS: ACCEPTED,
    SERVICE: ACCEPTED,
    TICKET: ACCEPTED,
    COUPON: FULFILLED,
    DONATION: FULFILLED,
}
_NEXT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    GOODS: {
        ACCEPTED: (PICKING, SHIPPED, CANCELLED),
        PICKING: (SHIPPED, CANCELLED),
        SHIPPED: (DELIVERED, RETURNED),
        DELIVERED: (RETURNED,),
    },
    SERVICE: {ACCEPTED: (FULFILLED, CANCELLED)},
    TICKET: {ACCEPTED: (FULFILLED, CANCELLED)},
    COUPON: {FULFILLED: (CANCELLED,)},
    DONATION: {},
}
MEMBERS_MAY_CANCEL = (AWAITING_PAYMENT, ACCEPTED, FULFILLED)
"""What is being picked only the operators can stop."""

CORRECTABLE: Mapping[str, tuple[str, ...]] = {
    "address": (AWAITING_PAYMENT, ACCEPTED, PICKING),
    "shipment": (SHIPPED, DELIVERED),
}
"""What of an order can be put right, and in which states: the address until the parcel goes out, the carrier and the
tracking number since then.
"""

NO_PAYMENT, DUE, PAID, NOT_NEEDED, TO_REFUND = "none", "due", "paid", "not_needed_any_more", "to_refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order. Points and money (minor units) are of the whole; `sequence` is the debit's in the wallet, 0 for none.

    `given_back` of the points are back, `renewed` of them had expired and live until `grace_until`.
    """

    order_id: UUID
    revision: int
    member_id: UUID
    reward: str
    kind: str
    name_zh: str
    name_en: str
    price_option: str
    quantity: int
    points: int
    money: int
    currency: str
    sequence: int
    state: str
    address: str | None
    carrier: str
    tracking: str
    pay_until: datetime | None
    paid_at: datetime | None
    payment_reference: str
    coupon_template: str
    coupon_ids: tuple[UUID, ...]
    given_back: int
    renewed: int
    grace_until: datetime | None
    ordered_by: str
    request_id: str
    ordered_at: datetime
    changed_at: datetime

    @property
    def name(self) -> str:
        return self.name_zh or self.name_en


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a caller asks for. `request_id` is the caller's own id of the order, "" for none."""

    member_id: UUID
    reward: str
    quantity: int = 1
    option: str = ""
    address: Mapping[str, str] | None = None
    payment_reference: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of an order's history."""

    number: int
    previous_state: str
    state: str
    actor: str
    actor_kind: str
    reason: str
    facts: Mapping[str, object]
    at: datetime


def check_address(reward: Reward, given: bool) -> None:
    """Raises AddressNeededError, AddressNotNeededError."""
    if reward.kind == GOODS and not given:
        raise AddressNeededError(reward.reward)
    if reward.kind != GOODS and given:
        raise AddressNotNeededError(reward.reward)


def placed(
    wanted: Wanted, reward: Reward, price: Price, *, order_id: UUID, currency: str, actor: str, now: datetime
) -> Order:
    """The order as it begins: with money to pay it waits for that, else it is accepted."""
    money = price.money * wanted.quantity
    paid = bool(money and wanted.payment_reference)
    waits = bool(money) and not paid
    return Order(
        order_id=order_id,
        revision=1,
        member_id=wanted.member_id,
        reward=reward.reward,
        kind=reward.kind,
        name_zh=reward.name_zh,
        name_en=reward.name_en,
        price_option=price.option,
        quantity=wanted.quantity,
        points=price.points * wanted.quantity,
        money=money,
        currency=currency if money else "",
        sequence=0,
        state=AWAITING_PAYMENT if waits else AFTER_PAYMENT[reward.kind],
        address=None,
        carrier="",
        tracking="",
        pay_until=now + timedelta(minutes=reward.pay_within_minutes) if waits else None,
        paid_at=now if paid else None,
        payment_reference=wanted.payment_reference if paid else "",
        coupon_template=reward.coupon_template,
        coupon_ids=(),
        given_back=0,
        renewed=0,
        grace_until=None,
        ordered_by=actor,
        request_id=wanted.request_id,
        ordered_at=now,
        changed_at=now,
    )


def is_same(order: Order, wanted: Wanted, asked: UUID) -> bool:
    """Whether the order is the one that is wanted again, by the member or (`asked`) by whom was merged into it since.
    The address is compared by who can open it.
    """
    same_member = order.member_id in (wanted.member_id, asked)
    same_option = wanted.option in ("", order.price_option)
    return same_member and same_option and (order.reward, order.quantity) == (wanted.reward, wanted.quantity)


def allowed(order: Order, *, by_member: bool = False) -> tuple[str, ...]:
    """The states an order can come to from where it is."""
    if order.state == AWAITING_PAYMENT:
        return (AFTER_PAYMENT[order.kind], CANCELLED)
    ways = _NEXT[order.kind].get(order.state, ())
    if by_member and order.state not in MEMBERS_MAY_CANCEL:
        return tuple(state for state in ways if state != CANCELLED)
    return ways


def moved(order: Order, state: str, now: datetime, *, by_member: bool = False) -> Order:
    """The order in its next state. Raises BadTransitionError."""
    ways = allowed(order, by_member=by_member)
    if state not in ways:
        raise BadTransitionError(order.state, state, ways)
    return replace(order, state=state, revision=order.revision + 1, changed_at=now)


def advanced(order: Order, state: str, now: datetime) -> Order:
    """The order after a step of its fulfilment, which begins when it is paid. Raises BadTransitionError."""
    if order.state == AWAITING_PAYMENT:
        raise BadTransitionError(order.state, state, (CANCELLED,))
    return moved(order, state, now)


def corrected(order: Order, what: str, now: datetime) -> Order:
    """The order, in the state it is in, to be given another address or shipment. Raises AddressNotNeededError of what
    is sent to nobody, NotCorrectableError.
    """
    if order.kind != GOODS:
        raise AddressNotNeededError(order.reward)
    if order.state not in CORRECTABLE[what]:
        raise NotCorrectableError(order.order_id, what, order.state, CORRECTABLE[what])
    return replace(order, revision=order.revision + 1, changed_at=now)


def paid(order: Order, reference: str, now: datetime) -> Order:
    """The money has come. At `pay_until` it is too late, even if the job has not run. Raises BadTransitionError,
    PaymentTooLateError.
    """
    if order.state != AWAITING_PAYMENT:
        raise BadTransitionError(order.state, AFTER_PAYMENT[order.kind], allowed(order))
    if order.pay_until is not None and now >= order.pay_until:
        raise PaymentTooLateError(order.order_id, order.pay_until)
    after = moved(order, AFTER_PAYMENT[order.kind], now)
    return replace(after, payment_reference=reference, paid_at=now, pay_until=None)


def payment_state(order: Order) -> str:
    """`none`, `due`, `paid`, `not_needed_any_more` (cancelled before it was paid), `to_refund`."""
    if not order.money:
        return NO_PAYMENT
    if order.state in GIVEN_BACK:
        return TO_REFUND if order.paid_at else NOT_NEEDED
    return PAID if order.paid_at else DUE


def mask(field: str, text: str) -> str:
    """What those see of an address who may not reveal it: where it goes, not to whom."""
    if field in ("country", "region", "city") or not text:
        return text
    if field == "name":
        return text[0] + "*" * min(len(text) - 1, 8)
    if field == "phone":
        return "****" + text[-2:]
    return "***"
