"""What the tests of coupons say often."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from common.security.callers import Caller
from common.storage import Database
from points.coupon_checkout import handlers as checkout
from points.coupon_checkout.domain import Cart, Line
from points.coupon_checkout.finding import Asked
from points.coupon_checkout.handlers import Decision, Order
from points.coupon_pools import handlers as pools
from points.coupon_templates import handlers as templates
from points.coupon_templates.forms import TermsForm
from points.coupons import desk, handlers
from points.coupons.domain import Coupon

TILL = Caller(subject="client:till", kind="client", roles=frozenset({"checkout"}), permissions=frozenset())
SHOP = "//shop.example/tills/1"
TEN_OFF: Mapping[str, Any] = {"kind": "amount", "amount": 10_00}
NOW = datetime(2025, 6, 1, 4, 0, tzinfo=UTC)


def form(**terms: Any) -> dict[str, Any]:
    """Terms as they are kept: 10.00 off unless said otherwise."""
    return TermsForm.model_validate({"name_zh": "满减券", "name_en": "Ten off", "benefit": TEN_OFF, **terms}).as_json()


async def template(database: Database, key: str = "ten", **terms: Any) -> str:
    """A new active template; called again it activates the next version."""
    async with database.transaction() as tx:
        if key in await templates.issued_now(tx, [key]):
            await templates.draft(tx, TILL, key, form(**terms), await templates.lock(tx, key))
        else:
            await templates.create(tx, TILL, key, form(**terms))
        await templates.activate(tx, TILL, key, await templates.lock(tx, key))
    return key


async def archived(database: Database, key: str) -> None:
    """No more coupons of the template are issued."""
    async with database.transaction() as tx:
        await templates.archive(tx, TILL, key, await templates.lock(tx, key))


async def pool(database: Database, key: str, codes: Sequence[str]) -> str:
    async with database.transaction() as tx:
        await pools.create(tx, TILL, key, "")
        await pools.take_in(tx, TILL, key, "first", codes)
    return key


async def given(database: Database, member_id: UUID, key: str = "ten", **facts: Any) -> Coupon:
    """A coupon issued to the member."""
    async with database.transaction() as tx:
        known: dict[str, Any] = {"template": key, "member_id": member_id, "reason": "manual", "reference": ""}
        return await handlers.issue(tx, **{**known, "occurred_at": tx.now, **facts})


async def code_of(database: Database, coupon: Coupon) -> str:
    async with database.transaction() as tx:
        return (await desk.reveal(tx, TILL, coupon.coupon_id))[1]


def cart(member_id: UUID | None, *amounts: int, shipping: int = 0, **facts: Any) -> Cart:
    """One line per amount."""
    lines = tuple(
        Line(sku=f"sku-{place}", category="any", quantity=1, amount=amount)
        for place, amount in enumerate(amounts or (100_00,))
    )
    return Cart(**{"member_id": member_id, "channel": "", "shop": "", "lines": lines, "shipping": shipping} | facts)


def order(order_id: str = "o1") -> Order:
    return Order(source=SHOP, order_id=order_id)


async def lock(
    database: Database, basket: Cart, *codes: str, order_id: str = "o1", ids: Sequence[UUID] = (), minutes: int = 15
) -> Decision:
    async with database.transaction() as tx:
        asked = Asked(codes=codes, coupon_ids=ids)
        return await checkout.lock(tx, TILL, basket, asked, "CNY", order(order_id), minutes)


async def use(
    database: Database, basket: Cart, *codes: str, order_id: str = "o1", ids: Sequence[UUID] = ()
) -> Decision:
    async with database.transaction() as tx:
        return await checkout.use(tx, TILL, basket, Asked(codes=codes, coupon_ids=ids), "CNY", order(order_id))


async def validate(database: Database, basket: Cart, *codes: str, ids: Sequence[UUID] = ()) -> Decision:
    async with database.transaction() as tx:
        return await checkout.validate(tx, TILL, basket, Asked(codes=codes, coupon_ids=ids), "CNY")


async def now(database: Database, coupon: Coupon) -> Coupon:
    """The coupon as it is written down now."""
    async with database.transaction() as tx:
        (found,) = await desk.find_all(tx, [coupon.coupon_id])
    return found


def reasons(decision: Decision) -> list[str]:
    """Why each thing that was handed in does not apply; "" when it does."""
    found = []
    for one in decision.found:
        no = decision.quote.refused.get(one.coupon.coupon_id) if one.coupon else None
        found.append(one.reason or (no.reason if no else ""))
    return found
