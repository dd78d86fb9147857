"""What members, support and operators look at: lists, one coupon with its history, its code (audited)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from points.coupon_codes import handlers as tries
from points.coupon_codes import minting
from points.coupon_templates import handlers as templates
from points.coupon_templates.domain import Terms
from points.coupons import handlers, store
from points.coupons.domain import Coupon
from points.coupons.refusals import CouponUnknownError
from points.facts import handlers as facts

find_all = store.find


async def find(tx: Transaction, coupon_id: UUID) -> tuple[Coupon, Terms]:
    """The coupon and the terms it was issued by. Raises CouponUnknownError."""
    found = await store.find(tx, [coupon_id])
    if not found:
        raise CouponUnknownError(coupon_id)
    key = (found[0].template, found[0].version)
    return found[0], (await templates.terms(tx, [key]))[key]


async def history(tx: Transaction, coupon_id: UUID, *, before: int, limit: int) -> Sequence[Row[Any]]:
    """What happened to it, the newest first. Raises CouponUnknownError."""
    await find(tx, coupon_id)
    return await store.history(tx, coupon_id, before=before, limit=limit)


async def of_member(
    tx: Transaction,
    member_id: UUID,
    *,
    state: str | None,
    template: str | None,
    before: tuple[datetime, UUID],
    limit: int,
) -> list[Coupon]:
    """The member's coupons and those of members merged into it, the newest first."""
    members = await facts.group(tx, member_id)
    return await store.of_member(tx, members or [member_id], state=state, template=template, before=before, limit=limit)


async def of_template(
    tx: Transaction,
    template: str,
    *,
    state: str | None,
    reason: str | None,
    reference: str | None,
    after: UUID,
    limit: int,
) -> list[Coupon]:
    """A template's coupons by id. Raises TemplateUnknownError."""
    await templates.find(tx, template)
    return await store.of_template(
        tx, template, state=state, reason=reason, reference=reference, after=after, limit=limit
    )


async def by_code(tx: Transaction, caller: Caller, code: str) -> Coupon | None:
    """The coupon with this code. Wrong ones are counted: commit after it. Raises TooManyWrongCodesError."""
    who = tries.counted(caller, None, caller.subject if caller.kind == "staff" else "")
    await tries.check(tx, who)
    index = minting.index_of(code)
    coupon = (await store.by_code(tx, [index])).get(index)
    if coupon is None:
        await tries.wrong(tx, who, 1)
        return None
    await audit(tx, caller, "coupon.searched", coupon.coupon_id)
    return coupon


async def reveal(tx: Transaction, caller: Caller, coupon_id: UUID) -> tuple[Coupon, str]:
    """The coupon's code, to be shown to its owner; it is written down who saw it. Raises CouponUnknownError."""
    coupon, _ = await find(tx, coupon_id)
    sealed = await store.sealed(tx, coupon_id)
    assert sealed is not None
    code = minting.open_code(sealed.code_index, sealed.code_sealed)
    await audit(tx, caller, "coupon.code_revealed", coupon_id, member_id=coupon.member_id)
    return coupon, code


async def issue(tx: Transaction, caller: Caller, *, template: str, member_id: UUID, reference: str, why: str) -> Coupon:
    """By hand. Raises what `handlers.issue` raises."""
    coupon = await handlers.issue(
        tx, template=template, member_id=member_id, reason="manual", reference=reference, occurred_at=tx.now
    )
    await audit(tx, caller, "coupon.issued", coupon.coupon_id, template=template, member_id=member_id, why=why)
    return coupon


async def revoke(tx: Transaction, caller: Caller, coupon_id: UUID, reason: str) -> Coupon:
    """By hand. Raises CouponUnknownError, CouponStateError."""
    coupon = await handlers.revoke(tx, coupon_id, reason)
    await audit(tx, caller, "coupon.revoked", coupon_id, reason=reason)
    return coupon
