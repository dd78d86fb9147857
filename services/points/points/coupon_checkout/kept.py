"""What is kept of a coupon's part of an order: what it took off, and which cart it was decided for. Pure."""

import json
from collections.abc import Mapping
from hashlib import sha256

from points.coupon_checkout.domain import Applied, Cart
from points.coupons.domain import Coupon


def fingerprint(cart: Cart) -> str:
    """Two carts with the same one come to the same; whose cart it is, is kept beside it."""
    lines = [[line.sku, line.category, line.quantity, line.amount] for line in cart.lines]
    return sha256(json.dumps([cart.channel, cart.shop, cart.shipping, lines]).encode()).hexdigest()


def answer_of(applied: Applied, cart_fingerprint: str) -> str:
    """A coupon's part of the order as it is kept (JSON)."""
    gift = {"sku": applied.gift_sku, "quantity": applied.gift_quantity, "value": applied.worth}
    return json.dumps(
        {
            "lines": applied.by_line,
            "shipping": applied.shipping,
            "gift": gift if applied.gift_sku else None,
            "cart": cart_fingerprint,
        }
    )


def applied_of(coupon: Coupon, answer: str) -> Applied:
    """What `answer_of` kept."""
    kept = json.loads(answer)
    gift: Mapping[str, object] = kept["gift"] or {}
    return Applied(
        coupon=coupon,
        by_line=tuple(kept["lines"]),
        shipping=kept["shipping"],
        gift_sku=str(gift.get("sku", "")),
        gift_quantity=int(str(gift.get("quantity", 0))),
        worth=int(str(gift.get("value", 0))),
    )


def fingerprint_of(answer: str) -> str:
    """Of the cart it was decided for."""
    return str(json.loads(answer)["cart"])
