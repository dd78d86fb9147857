"""Carts and answers of the checkout, in JSON."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, field_validator

from common.http import RequestBody, ResponseBody
from common.http.fields import Currency, Key, Money, Quantity, ShortText
from points.coupon_checkout.domain import MAX_COUPONS, Applied, Cart, Line
from points.coupon_checkout.finding import Asked, Found
from points.coupon_checkout.handlers import Decision, Order
from points.coupon_checkout.words import texts
from points.coupon_codes.domain import MAX_IMPORTED

MAX_LINES = 500
MAX_LOCK_MINUTES = 24 * 60
MAX_AMOUNT = 10**12

Code = Annotated[Key, Field(max_length=3 * MAX_IMPORTED)]


class CartLine(RequestBody):
    sku: Key
    category: ShortText = ""
    quantity: Quantity = 1
    amount: Annotated[Money, Field(le=MAX_AMOUNT)]


class CartForm(RequestBody):
    """What somebody is going to buy: amounts in minor units after all other discounts, before coupons."""

    member_id: UUID | None = Field(default=None, description="Nothing for a stranger.")
    currency: Currency
    channel: ShortText = ""
    shop: ShortText = ""
    lines: list[CartLine] = Field(min_length=1, max_length=MAX_LINES)
    shipping: Annotated[Money, Field(le=MAX_AMOUNT)] = 0
    codes: list[Code] = Field(default=[], max_length=MAX_COUPONS, description="As they were typed.", repr=False)
    coupon_ids: list[UUID] = Field(default=[], max_length=MAX_COUPONS, description="Coupons of this member.")
    device: ShortText = Field(default="", description="Your name for who types the codes: a session, an address.")

    @field_validator("coupon_ids")
    @classmethod
    def _not_too_many(cls, value: list[UUID], info: Any) -> list[UUID]:
        if len(value) + len(info.data.get("codes", ())) > MAX_COUPONS:
            raise ValueError(f"at most {MAX_COUPONS} coupons, codes included")
        return value

    def cart(self) -> Cart:
        return Cart(
            member_id=self.member_id,
            channel=self.channel,
            shop=self.shop,
            lines=tuple(
                Line(sku=line.sku, category=line.category, quantity=line.quantity, amount=line.amount)
                for line in self.lines
            ),
            shipping=self.shipping,
        )

    def asked(self) -> Asked:
        return Asked(codes=self.codes, coupon_ids=self.coupon_ids, device=self.device)


class OrderForm(RequestBody):
    """The source and the id the order's purchase will carry, so that its return finds the coupons."""

    order_source: Key
    order_id: Key

    def order(self) -> Order:
        return Order(source=self.order_source, order_id=self.order_id)


class LockForm(OrderForm):
    cart: CartForm
    minutes: int = Field(default=15, ge=1, le=MAX_LOCK_MINUTES, strict=True, description="How long it is reserved.")


class UseForm(OrderForm):
    cart: CartForm | None = Field(default=None, description="Nothing: use what is locked for the order.")


class ReturnForm(OrderForm):
    reason: Key = "order_cancelled"


class GiftAnswer(ResponseBody):
    sku: str
    quantity: int


class CouponAnswer(ResponseBody):
    """One coupon that was handed in: what it takes off, or why it does not apply."""

    place: str = Field(description="Where it was handed in: `codes.0`, `coupon_ids.1`.")
    coupon_id: UUID | None
    template: str | None
    kind: str | None
    name: str | None
    applies: bool
    discount: int = Field(description="Minor units, on lines and on shipping.")
    lines: list[int] = Field(description="Of the discount, what falls on each line of the cart.")
    shipping: int
    gift: GiftAnswer | None
    reason: str = Field(description="`applies`, or why not, for machines; it never changes.")
    facts: dict[str, Any] = Field(description="The figures of the reason.")
    text_zh: str
    text_en: str


class QuoteAnswer(ResponseBody):
    """What the coupons come to together. Sums agree: over coupons, over lines and shipping, with the whole."""

    amount: int = Field(description="Of the lines, before coupons.")
    discount: int
    lines: list[int] = Field(description="What is taken off each line.")
    shipping: int = Field(description="What is taken off shipping.")
    to_pay: int = Field(description="Lines and shipping after coupons.")
    coupons: list[CouponAnswer]


def quote_of(cart: Cart, decision: Decision, currency: str) -> QuoteAnswer:
    applied = {one.coupon.coupon_id: one for one in decision.quote.applied}
    each = list(decision.quote.applied)
    return QuoteAnswer(
        amount=cart.amount,
        discount=decision.quote.discount,
        lines=[sum(one.by_line[place] for one in each) for place in range(len(cart.lines))],
        shipping=sum(one.shipping for one in each),
        to_pay=cart.amount + cart.shipping - decision.quote.discount,
        coupons=[_coupon(one, applied, decision, currency) for one in decision.found],
    )


def _coupon(found: Found, applied: dict[UUID, Applied], decision: Decision, currency: str) -> CouponAnswer:
    coupon = found.coupon
    reason, facts, part = found.reason, dict[str, Any](), None
    if coupon is not None and not reason:
        part = applied.get(coupon.coupon_id)
        no = decision.quote.refused.get(coupon.coupon_id)
        reason, facts = ("applies", {}) if no is None else (no.reason, dict(no.facts))
    shown = None if reason == "not_yours" else coupon
    chinese, english = texts(reason, facts, currency)
    return CouponAnswer(
        place=found.place,
        coupon_id=shown.coupon_id if shown else None,
        template=shown.template if shown else None,
        kind=shown.kind if shown else None,
        name=shown.name if shown else None,
        applies=part is not None,
        discount=part.discount if part else 0,
        lines=list(part.by_line) if part else [],
        shipping=part.shipping if part else 0,
        gift=GiftAnswer(sku=part.gift_sku, quantity=part.gift_quantity) if part and part.gift_sku else None,
        reason=reason,
        facts=facts,
        text_zh=chinese,
        text_en=english,
    )
