"""Coupons at the checkout: validate, lock for an order, use, release, return. Lock and use decide as validate does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from common.events.coupons import CouponUsed
from common.security.callers import Caller
from common.storage import Transaction
from common.storage.programme import programme
from points.coupon_checkout import domain, store
from points.coupon_checkout.domain import Cart, Offer, Quote
from points.coupon_checkout.finding import Asked, Found, find, merged_cart
from points.coupon_checkout.kept import answer_of, fingerprint, fingerprint_of
from points.coupon_checkout.kept import applied_of as applied_of
from points.coupon_checkout.refusals import (
    CartCurrencyError,
    LockEndedError,
    OrderUsedError,
    OrderWithoutCouponsError,
)
from points.coupon_limits import handlers as limits
from points.coupon_limits.domain import NOBODY, Counts
from points.coupon_templates import handlers as templates
from points.coupons import handlers as coupons
from points.coupons.domain import LOCKED, USED, Coupon, freed


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The order coupons are locked for and used on: the same source and id its purchase will carry."""

    source: str
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was found of what was handed in, and what it comes to. `done` tells whether it was locked or used."""

    found: Sequence[Found]
    quote: Quote
    done: bool = False
    until: datetime | None = None

    @property
    def all_apply(self) -> bool:
        applied = {one.coupon.coupon_id for one in self.quote.applied}
        return all(one.coupon is not None and not one.reason and one.coupon.coupon_id in applied for one in self.found)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnOrder:
    """A coupon that is on an order, and its part of it as it was decided (JSON)."""

    coupon: Coupon
    answer: str


async def validate(tx: Transaction, caller: Caller, cart: Cart, asked: Asked, currency: str) -> Decision:
    """What applies now, without reserving anything. Raises TooManyWrongCodesError, CartCurrencyError.

    Wrong codes are counted: commit after this.
    """
    await _check_currency(tx, currency)
    cart = await merged_cart(tx, cart)
    found = await find(tx, caller, cart, asked)
    held = [one.coupon for one in found if one.coupon is not None and not one.reason]
    counts = await limits.read(tx, {(one.template, cart.member_id or NOBODY) for one in held})
    return Decision(found=found, quote=domain.quote(cart, await _offers(tx, cart, found, held, counts), tx.now))


async def lock(
    tx: Transaction, caller: Caller, cart: Cart, asked: Asked, currency: str, order: Order, minutes: int
) -> Decision:
    """Reserve all of these coupons for the order, or none: see `done`. Locking again replaces what was locked before.

    Raises TooManyWrongCodesError, CartCurrencyError, OrderUsedError. Wrong codes are counted: commit after this.
    """
    until = tx.now + timedelta(minutes=minutes)
    return await _put(tx, caller, cart, asked, currency, order, until)


async def use(tx: Transaction, caller: Caller, cart: Cart, asked: Asked, currency: str, order: Order) -> Decision:
    """Use all of these coupons on the order, or none, in one step; what was locked for it before is replaced.

    The same order, cart and coupons again change nothing. Raises what `lock` raises.
    """
    return await _put(tx, caller, cart, asked, currency, order, None)


async def use_locked(tx: Transaction, order: Order) -> list[OnOrder]:
    """Make final what is locked for the order; used before: the same again.

    Raises OrderWithoutCouponsError, LockEndedError.
    """
    held = await _held(tx, order)
    answers = await coupons.answers(tx, [one.coupon_id for one in held])
    if all(one.state == LOCKED for one in held):
        ended = [one for one in held if one.state_at(tx.now) != LOCKED]
        if ended:
            raise LockEndedError(order.source, order.order_id, ended[0].locked_until or tx.now)
        held = [one._replace(state=USED, locked_until=None, used_at=tx.now) for one in held]
        await coupons.change(tx, held, [answers[one.coupon_id] for one in held])
        await coupons.note(tx, held, "used")
        _tell_used(tx, held)
    return [OnOrder(coupon=one, answer=answers[one.coupon_id]) for one in held]


async def release(tx: Transaction, order: Order) -> list[Coupon]:
    """Give up the order's lock. Nothing locked: nothing happens. Raises OrderUsedError when they were used."""
    held = await _rows(tx, order)
    if any(one.state == USED for one in held):
        raise OrderUsedError(order.source, order.order_id)
    locked = [one for one in held if one.state == LOCKED]
    if locked:
        await coupons.uncount(tx, locked, issued=False)
        await coupons.change(tx, [freed(one) for one in locked])
        await coupons.note(tx, locked, "released")
    return [freed(one) for one in locked]


async def give_back(tx: Transaction, order: Order, reason: str) -> list[Coupon]:
    """The order was returned or cancelled: its coupons can be used again. Done before: nothing happens."""
    held = await _rows(tx, order)
    return await coupons.give_back(tx, [one for one in held if one.state == USED], reason)


async def on_order(tx: Transaction, order: Order) -> list[OnOrder]:
    """What is locked for the order or was used on it. Raises OrderWithoutCouponsError."""
    coupon_ids = await coupons.on_order(tx, order.source, order.order_id)
    held = await coupons.find_all(tx, coupon_ids)
    if not held:
        raise OrderWithoutCouponsError(order.source, order.order_id)
    answers = await coupons.answers(tx, coupon_ids)
    return [OnOrder(coupon=one, answer=answers[one.coupon_id]) for one in held]


async def _put(
    tx: Transaction, caller: Caller, cart: Cart, asked: Asked, currency: str, order: Order, until: datetime | None
) -> Decision:
    await _check_currency(tx, currency)
    await store.take_turns(tx, order.source, order.order_id)
    cart = await merged_cart(tx, cart)
    found = await find(tx, caller, cart, asked)
    wanted = {one.coupon.coupon_id for one in found if one.coupon is not None and not one.reason}
    before = set(await coupons.on_order(tx, order.source, order.order_id))
    rows = {one.coupon_id: one for one in await coupons.lock(tx, wanted | before, cart.member_id or NOBODY)}
    mine = {one: rows[one] for one in before if (rows[one].order_source, rows[one].order_id) == _key(order)}
    used = {one for one, coupon in mine.items() if coupon.state == USED}
    if used and (until is not None or used != wanted):
        raise OrderUsedError(order.source, order.order_id)
    if used:
        return await _again(tx, cart, order, found, [rows[one] for one in sorted(used)])

    await templates.hold(tx, {one.template for one in rows.values()})
    users = {(one.template, one.used_by or NOBODY) for one in rows.values() if one.state == LOCKED}
    new_users = {(rows[one].template, cart.member_id or NOBODY) for one in wanted}
    counts = await limits.lock(tx, users | new_users) if users | new_users else Counts(values={})
    ending = [one for one in rows.values() if one.state == LOCKED and (one.coupon_id in mine or _over(one, tx.now))]
    for one in ending:
        counts.use(one.template, one.used_by, -1)
    current = {**rows, **{one.coupon_id: freed(one) for one in ending}}

    held = [current[one] for one in sorted(wanted)]
    quote = domain.quote(cart, await _offers(tx, cart, found, held, counts), tx.now)
    decision = Decision(found=found, quote=quote, until=until)
    if not decision.all_apply or not quote.applied:
        return decision
    await _write(tx, cart, order, currency, quote, until, ending)
    for applied in quote.applied:
        counts.use(applied.coupon.template, cart.member_id, 1)
    await limits.save(tx, counts)
    return Decision(found=found, quote=quote, until=until, done=True)


async def _write(
    tx: Transaction,
    cart: Cart,
    order: Order,
    currency: str,
    quote: Quote,
    until: datetime | None,
    ending: Sequence[Coupon],
) -> None:
    put = [
        one.coupon._replace(
            state=USED if until is None else LOCKED,
            order_source=order.source,
            order_id=order.order_id,
            used_by=cart.member_id,
            locked_until=until,
            used_at=tx.now if until is None else None,
            discount=one.discount,
            currency=currency,
        )
        for one in quote.applied
    ]
    again = {one.coupon_id for one in put}
    let_go = [one for one in ending if one.coupon_id not in again]
    seen = fingerprint(cart)
    parts: list[str | None] = [answer_of(one, seen) for one in quote.applied]
    await coupons.change(tx, [*put, *map(freed, let_go)], [*parts, *[None] * len(let_go)])
    for why, those in (
        ("replaced", [one for one in ending if (one.order_source, one.order_id) == _key(order)]),
        ("overdue", [one for one in ending if (one.order_source, one.order_id) != _key(order)]),
    ):
        if those:
            await coupons.note(tx, those, "released", why)
    await coupons.note(tx, put, "used" if until is None else "locked")
    if until is None:
        _tell_used(tx, put)


async def _again(tx: Transaction, cart: Cart, order: Order, found: Sequence[Found], used: Sequence[Coupon]) -> Decision:
    """The order was used with these coupons before: the answer of then. Another cart or member is another request."""
    answers = await coupons.answers(tx, [one.coupon_id for one in used])
    user = (await merged_cart(tx, replace(cart, member_id=used[0].used_by))).member_id
    same = all(fingerprint_of(answer) == fingerprint(cart) for answer in answers.values())
    if not same or user != cart.member_id or any(one.coupon is None or one.reason for one in found):
        raise OrderUsedError(order.source, order.order_id)
    applied = tuple(applied_of(one, answers[one.coupon_id]) for one in used)
    return Decision(found=found, quote=Quote(applied=applied, refused={}), done=True)


async def _offers(
    tx: Transaction, cart: Cart, found: Sequence[Found], held: Iterable[Coupon], counts: Counts
) -> list[Offer]:
    chosen = list(held)
    owners = {one.coupon.coupon_id: one.owner for one in found if one.coupon is not None}
    terms = await templates.terms(tx, {(one.template, one.version) for one in chosen})
    offers = []
    for one in chosen:
        mine = terms[one.template, one.version]
        per, room = counts.room_to_use(one.template, cart.member_id, mine.limits)
        offers.append(Offer(coupon=one, terms=mine, owner=owners[one.coupon_id], room=room, limit=per))
    return offers


async def _rows(tx: Transaction, order: Order) -> list[Coupon]:
    """Coupons on the order, locked as rows; the order's turn is taken."""
    await store.take_turns(tx, order.source, order.order_id)
    held = await coupons.lock(tx, await coupons.on_order(tx, order.source, order.order_id))
    return [one for one in held if (one.order_source, one.order_id) == _key(order)]


async def _held(tx: Transaction, order: Order) -> list[Coupon]:
    held = await _rows(tx, order)
    found = [one for one in held if one.state in (LOCKED, USED)]
    if not found:
        raise OrderWithoutCouponsError(order.source, order.order_id)
    return found


async def _check_currency(tx: Transaction, currency: str) -> None:
    wanted = (await programme(tx)).currency
    if currency != wanted:
        raise CartCurrencyError(currency, wanted)


def _tell_used(tx: Transaction, used: Sequence[Coupon]) -> None:
    for one in used:
        tx.emit(
            CouponUsed(
                **coupons.facts(one, tx.now),
                order_source=one.order_source,
                order_id=one.order_id,
                discount=one.discount,
                currency=one.currency,
            )
        )


def _over(coupon: Coupon, now: datetime) -> bool:
    return coupon.locked_until is not None and coupon.locked_until <= now


def _key(order: Order) -> tuple[str, str]:
    return (order.source, order.order_id)
