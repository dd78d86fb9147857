"""Finds the coupons that are handed in by code or id, and counts wrong codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from common.security.callers import Caller
from common.storage import Transaction
from points.coupon_checkout.domain import Cart
from points.coupon_codes import handlers as tries
from points.coupon_codes import minting
from points.coupon_codes.domain import mistyped, normal
from points.coupon_templates import handlers as templates
from points.coupon_templates.domain import MEMBER_ONLY
from points.coupons import handlers as coupons
from points.coupons.domain import Coupon
from points.facts import handlers as facts

_WRONG = ("code_unknown", "code_mistyped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is handed in: codes as they were typed, and coupons of the cart's member by id.

    `device` is the caller's own name for who typed the codes (a session, an address).
    """

    codes: Sequence[str] = field(default=(), repr=False)
    coupon_ids: Sequence[UUID] = ()
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that was handed in (`codes.0`), and the coupon it is; a reason when it is none, or given twice.

    `owner` is the member it was issued to, or whom that member was merged into.
    """

    place: str
    coupon: Coupon | None
    reason: str = ""
    owner: UUID | None = None


async def find(tx: Transaction, caller: Caller, cart: Cart, asked: Asked) -> list[Found]:
    """In the order they were handed in. Raises TooManyWrongCodesError."""
    is_member = bool(asked.codes) and await coupons.is_member(tx, cart.member_id)
    who = tries.counted(caller, cart.member_id if is_member else None, asked.device)
    if asked.codes:
        await tries.check(tx, who)
    indexes = [minting.index_of(code) for code in asked.codes]
    by_code = await coupons.by_code(tx, indexes) if indexes else {}
    by_id = {one.coupon_id: one for one in await coupons.find_all(tx, asked.coupon_ids)} if asked.coupon_ids else {}
    owners = await owners_of(tx, [*by_code.values(), *by_id.values()])
    found: list[Found] = []
    seen: set[UUID] = set()
    for number, (code, index) in enumerate(zip(asked.codes, indexes, strict=True)):
        coupon = by_code.get(index)
        reason = ("code_mistyped" if mistyped(normal(code)) else "code_unknown") if coupon is None else ""
        found.append(_once(f"codes.{number}", coupon, reason, seen, owners))
    for number, coupon_id in enumerate(asked.coupon_ids):
        coupon = by_id.get(coupon_id)
        if coupon is None or cart.member_id is None or owners[coupon.member_id] != cart.member_id:
            found.append(Found(place=f"coupon_ids.{number}", coupon=None, reason="coupon_unknown"))
        else:
            found.append(_once(f"coupon_ids.{number}", coupon, "", seen, owners))
    wrong = await _wrong(tx, cart, found)
    if wrong:
        await tries.wrong(tx, who, wrong)
    return found


async def merged_cart(tx: Transaction, cart: Cart) -> Cart:
    """The cart of who the member has become by merges."""
    if cart.member_id is None:
        return cart
    survivors = await facts.survivors(tx, [cart.member_id])
    return replace(cart, member_id=survivors.get(cart.member_id, cart.member_id))


async def owners_of(tx: Transaction, held: Sequence[Coupon]) -> dict[UUID, UUID]:
    """By the member a coupon was issued to: who that is now."""
    members = {one.member_id for one in held}
    survivors = await facts.survivors(tx, members) if members else {}
    return {one: survivors.get(one, one) for one in members}


def _once(place: str, coupon: Coupon | None, reason: str, seen: set[UUID], owners: Mapping[UUID, UUID]) -> Found:
    if coupon is None:
        return Found(place=place, coupon=None, reason=reason)
    if coupon.coupon_id in seen:
        reason = "given_twice"
    seen.add(coupon.coupon_id)
    return Found(place=place, coupon=coupon, reason=reason, owner=owners[coupon.member_id])


async def _wrong(tx: Transaction, cart: Cart, found: Sequence[Found]) -> int:
    """How many guesses were among them: unknown codes, and codes of coupons that only somebody else may use.

    Typing errors count too: what no own code can be may still be an imported one, and those can be guessed.
    """
    strange = [
        one.coupon
        for one in found
        if one.coupon is not None and one.place.startswith("codes.") and one.owner != cart.member_id
    ]
    terms = await templates.terms(tx, {(one.template, one.version) for one in strange})
    others = sum(terms[one.template, one.version].holder == MEMBER_ONLY for one in strange)
    return others + sum(one.reason in _WRONG for one in found)
