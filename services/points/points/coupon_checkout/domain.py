"""Which coupons apply to a cart, in which order, and how their discounts fall on its lines. Pure.

Order: higher priority first; then percent, amount, shipping, gift (a percentage is of the price, not of what an amount
left of it); then the one that ends earlier, was issued earlier, has the smaller id. Each works on what those before
left. The order in which codes are typed makes no difference.

Stacking: of all sets that may be combined the one worth most to the member, gifts counted by their stated value; ties
to the set whose coupons come earlier in that order. A coupon that would take nothing off is not used up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from points.coupon_templates.domain import (
    AMOUNT,
    GIFT,
    MEMBER_ONLY,
    OF_ORDER,
    PERCENT,
    SHIPPING,
    WHOLE,
    Terms,
    combinable,
)
from points.coupons.domain import EXPIRED, LOCKED, REVOKED, USED, Coupon
from points.evaluation.sums import spread

MAX_COUPONS = 10
_KINDS = {PERCENT: 0, AMOUNT: 1, SHIPPING: 2, GIFT: 3}

Fact = str | int | list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the cart; `amount` in minor units before coupons, after every other discount."""

    sku: str
    category: str
    quantity: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """What somebody is going to buy; `shipping` in minor units. `member_id` is None for a stranger."""

    member_id: UUID | None
    channel: str
    shop: str
    lines: tuple[Line, ...]
    shipping: int

    @property
    def amount(self) -> int:
        return sum(line.amount for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A coupon that was handed in, and its terms. `room`: how many more of its template may be used; None: any.

    `owner` is who the member it was issued to has become by a merge; None: nobody else.
    """

    coupon: Coupon
    terms: Terms
    owner: UUID | None = None
    room: int | None = None
    limit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a coupon does not apply: a code that never changes, and the figures."""

    reason: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What one coupon takes off each line and off shipping, and what goes along."""

    coupon: Coupon
    by_line: tuple[int, ...]
    shipping: int = 0
    gift_sku: str = ""
    gift_quantity: int = 0
    worth: int = 0

    @property
    def discount(self) -> int:
        return sum(self.by_line) + self.shipping


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What the coupons come to together; `refused` by coupon."""

    applied: tuple[Applied, ...]
    refused: Mapping[UUID, Refusal]

    @property
    def discount(self) -> int:
        return sum(one.discount for one in self.applied)

    @property
    def _worth(self) -> int:
        return self.discount + sum(one.worth for one in self.applied)


def eligible(terms: Terms, line: Line) -> bool:
    """Whether the coupon is for this line: an exclusion wins over an inclusion."""
    if line.sku in terms.not_skus or line.category in terms.not_categories:
        return False
    if not terms.skus and not terms.categories:
        return True
    return line.sku in terms.skus or line.category in terms.categories


def refusal(cart: Cart, offer: Offer, now: datetime) -> Refusal | None:
    """Why this coupon, by itself, is not for this cart."""
    return _of_coupon(cart, offer, now) or _of_cart(cart, offer.terms)


def _of_coupon(cart: Cart, offer: Offer, now: datetime) -> Refusal | None:
    coupon, terms = offer.coupon, offer.terms
    if terms.holder == MEMBER_ONLY and cart.member_id != (offer.owner or coupon.member_id):
        return Refusal(reason="not_yours")
    state = coupon.state_at(now)
    if state == EXPIRED:
        ended = coupon.expires_at.isoformat() if coupon.expires_at else None
        return Refusal(reason="expired", facts={"expired_at": ended})
    if state == LOCKED:
        until = coupon.locked_until.isoformat() if coupon.locked_until else None
        return Refusal(reason="locked", facts={"locked_until": until})
    if state in (USED, REVOKED):
        return Refusal(reason=f"already_{state}" if state == USED else state)
    if coupon.valid_from > now:
        return Refusal(reason="not_yet_valid", facts={"valid_from": coupon.valid_from.isoformat()})
    if terms.limits.used_per_member is not None and cart.member_id is None:
        return Refusal(reason="member_needed")
    return None


def _of_cart(cart: Cart, terms: Terms) -> Refusal | None:
    if terms.channels and cart.channel not in terms.channels:
        return Refusal(reason="wrong_channel", facts={"channel": cart.channel, "channels": sorted(terms.channels)})
    if terms.shops and cart.shop not in terms.shops:
        return Refusal(reason="wrong_shop", facts={"shop": cart.shop, "shops": sorted(terms.shops)})
    chosen = [line.amount for line in cart.lines if eligible(terms, line)]
    if not chosen:
        return Refusal(reason="no_eligible_lines")
    amount = cart.amount if terms.minimum_of == OF_ORDER else sum(chosen)
    if amount < terms.minimum_amount:
        missing = terms.minimum_amount - amount
        return Refusal(
            reason="below_minimum", facts={"minimum": terms.minimum_amount, "amount": amount, "missing": missing}
        )
    if terms.kind == SHIPPING and not cart.shipping:
        return Refusal(reason="no_shipping")
    return None


def quote(cart: Cart, offers: Sequence[Offer], now: datetime) -> Quote:
    """What these coupons (each once) come to on this cart."""
    refused: dict[UUID, Refusal] = {}
    usable: list[Offer] = []
    taken: dict[str, int] = {}
    for offer in sorted(offers, key=_turn):
        coupon = offer.coupon
        no = refusal(cart, offer, now)
        if no is None and offer.room is not None and taken.get(coupon.template, 0) >= offer.room:
            no = Refusal(reason="use_limit_reached", facts={"per": offer.limit})
        if no is not None:
            refused[coupon.coupon_id] = no
            continue
        taken[coupon.template] = taken.get(coupon.template, 0) + 1
        usable.append(offer)
    best = max((_apply(cart, chosen) for chosen in _together(usable)), key=lambda one: one._worth)
    refused |= best.refused
    applied = {one.coupon.coupon_id for one in best.applied}
    for offer in usable:
        coupon_id = offer.coupon.coupon_id
        if coupon_id not in applied and coupon_id not in refused:
            against = sorted(
                {
                    other.coupon.template
                    for other in usable
                    if other.coupon.coupon_id in applied and not combinable(offer.terms, other.terms)
                }
            )
            refused[coupon_id] = Refusal(reason="not_combinable", facts={"with": against})
    return Quote(applied=best.applied, refused=refused)


def _turn(offer: Offer) -> tuple[int, int, bool, float, float, UUID]:
    coupon = offer.coupon
    ends = coupon.expires_at.timestamp() if coupon.expires_at else 0.0
    return (
        -offer.terms.priority,
        _KINDS[offer.terms.kind],
        coupon.expires_at is None,
        ends,
        coupon.issued_at.timestamp(),
        coupon.coupon_id,
    )


def _together(offers: Sequence[Offer]) -> list[list[Offer]]:
    """Every set that may be combined and to which none can be added, sets with earlier coupons first."""
    matches = [
        {other for other in range(len(offers)) if other != one and combinable(offers[one].terms, offers[other].terms)}
        for one in range(len(offers))
    ]
    found: list[list[int]] = []

    def grow(chosen: list[int], candidates: set[int], excluded: set[int]) -> None:
        if not candidates and not excluded:
            found.append(sorted(chosen))
        for one in sorted(candidates):
            grow([*chosen, one], candidates & matches[one], excluded & matches[one])
            candidates, excluded = candidates - {one}, excluded | {one}

    grow([], set(range(len(offers))), set())
    return [[offers[place] for place in places] for places in sorted(found)]


def _apply(cart: Cart, offers: Sequence[Offer]) -> Quote:
    left, shipping = [line.amount for line in cart.lines], cart.shipping
    applied: list[Applied] = []
    refused: dict[UUID, Refusal] = {}
    for offer in offers:
        one = _one(cart, offer, left, shipping)
        if one.discount == 0 and offer.terms.kind != GIFT:
            refused[offer.coupon.coupon_id] = Refusal(reason="nothing_left")
            continue
        left = [amount - off for amount, off in zip(left, one.by_line, strict=True)]
        shipping -= one.shipping
        applied.append(one)
    return Quote(applied=tuple(applied), refused=refused)


def _one(cart: Cart, offer: Offer, left: Sequence[int], shipping: int) -> Applied:
    terms, coupon = offer.terms, offer.coupon
    if terms.kind == GIFT:
        return Applied(
            coupon=coupon,
            by_line=(0,) * len(left),
            gift_sku=terms.gift_sku,
            gift_quantity=terms.gift_quantity,
            worth=terms.gift_value,
        )
    if terms.kind == SHIPPING:
        off = shipping if terms.amount is None else min(terms.amount, shipping)
        return Applied(coupon=coupon, by_line=(0,) * len(left), shipping=off)
    weights = [amount if eligible(terms, line) else 0 for line, amount in zip(cart.lines, left, strict=True)]
    base = sum(weights)
    if terms.kind == AMOUNT:
        off = min(terms.amount or 0, base)
    else:
        off = base * terms.hundredths // WHOLE
        off = off if terms.cap is None else min(off, terms.cap)
    return Applied(coupon=coupon, by_line=spread(off, weights))
