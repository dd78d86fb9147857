"""Coupons of members: issued, taken back, given back with a return."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from common.events.coupons import CouponIssued, CouponReturned, CouponRevoked
from common.storage import Transaction
from common.storage.programme import programme
from points.cascade.domain import Effect, Returned
from points.coupon_limits import handlers as limits
from points.coupon_templates import handlers as templates
from points.coupons import domain, store
from points.coupons.domain import ACTIVE, LOCKED, ORDER_RETURNED, REVOKED, USED, Coupon, Grant
from points.coupons.issuing import issue_all
from points.coupons.refusals import CouponRefusedError, CouponStateError, CouponUnknownError
from points.ledger.handlers import Wallets


async def issue(
    tx: Transaction,
    *,
    template: str,
    member_id: UUID,
    reason: str,
    reference: str,
    occurred_at: datetime,
    cause: tuple[str, str] = ("", ""),
) -> Coupon:
    """Give the member one coupon of the template's active version; the same reason and reference give the same one.

    `reason`: manual, rule, reward, bulk, draw. Raises a CouponRefusedError: TemplateUnknownError,
    TemplateNotActiveError, TemplateEndedError, IssueLimitError, PoolEmptyError, CouponMemberUnknownError. Nothing was
    written then, so the caller may go on.
    """
    (result,) = await issue_many(
        tx,
        [
            Grant(
                template=template,
                member_id=member_id,
                reason=reason,
                reference=reference,
                occurred_at=occurred_at,
                cause=cause,
            )
        ],
    )
    if isinstance(result, CouponRefusedError):
        raise result
    return result


async def issue_many(tx: Transaction, grants: Sequence[Grant]) -> list[Coupon | CouponRefusedError]:
    """The same for many at once (a batch of events, a reward of several): in the order of the grants, each the coupon
    or why there is none. Takes its locks in order: use it once per transaction rather than `issue` many times.
    """
    if not grants:
        return []
    done = await issue_all(tx, grants)
    for grant, coupon in done.fresh:
        tx.emit(
            CouponIssued(
                coupon_id=coupon.coupon_id,
                template=coupon.template,
                name=coupon.name,
                kind=coupon.kind,
                member_id=coupon.member_id,
                occurred_at=grant.occurred_at,
                expires_at=coupon.expires_at,
                reason=coupon.reason,
                reference=coupon.reference,
            )
        )
    return done.results


async def revoke(tx: Transaction, coupon_id: UUID, reason: str) -> Coupon:
    """Take back a coupon that was not used, locked for an order or not. Raises CouponUnknownError, CouponStateError."""
    found = await lock(tx, [coupon_id])
    if not found:
        raise CouponUnknownError(coupon_id)
    state = found[0].state_at(tx.now)
    if state not in (ACTIVE, LOCKED):
        raise CouponStateError(coupon_id, state, "active or locked")
    (coupon,) = await _revoke(tx, found, reason)
    return coupon


async def purchases_returned(tx: Transaction, wallets: Wallets, returns: Sequence[Returned]) -> list[Effect]:
    """Coupons used on a purchase that came back whole can be used again; those it was the cause of are taken back.

    What has ended meanwhile gets the programme's grace. Lines of the returns' receipts.
    """
    whole = {(one.order_source, one.order_id): one for one in returns if one.wholly}
    coupon_ids = await store.follow(tx, sorted(whole)) if whole else []
    if not coupon_ids:
        return []
    found = await lock(tx, coupon_ids)
    on_it = [one for one in found if one.state == USED and (one.order_source, one.order_id) in whole]
    for_it = [one for one in found if one.state in (ACTIVE, LOCKED) and (one.cause_source, one.cause_order) in whole]
    effects = []
    for before, after in zip(on_it, await give_back(tx, on_it, ORDER_RETURNED), strict=True):
        ends = "" if after.expires_at is None else f" until {after.expires_at.isoformat()}"
        effects.append(_effect(whole[before.order_source, before.order_id], before, after.state + ends))
    for before in await _revoke(tx, for_it, ORDER_RETURNED):
        effects.append(_effect(whole[before.cause_source, before.cause_order], before, REVOKED, before=ACTIVE))
    return effects


def _effect(returned: Returned, coupon: Coupon, after: str, *, before: str = USED) -> Effect:
    return Effect(
        member_id=coupon.member_id,
        source=returned.source,
        return_id=returned.return_id,
        subject="coupon",
        what=f"{coupon.template} {coupon.coupon_id}",
        before=before,
        after=after,
    )


async def give_back(tx: Transaction, used: Sequence[Coupon], reason: str) -> list[Coupon]:
    """Used coupons, locked as rows, become usable again, with the programme's grace where they have ended."""
    if not used:
        return []
    grace_days = (await programme(tx)).grace_days
    terms = await templates.terms(tx, {(one.template, one.version) for one in used})
    after = [domain.given_back(one, terms[one.template, one.version].notice_days, tx.now, grace_days) for one in used]
    await uncount(tx, used, issued=False)
    await store.change(tx, after)
    await store.note(tx, used, "returned", reason)
    for before, coupon in zip(used, after, strict=True):
        tx.emit(
            CouponReturned(
                **facts(coupon, tx.now), order_source=before.order_source, order_id=before.order_id, reason=reason
            )
        )
    return after


async def lock(tx: Transaction, coupon_ids: Iterable[UUID], user: UUID | None = None) -> list[Coupon]:
    """Locked until the transaction ends, in the order of their ids; `user` is who is going to use them.

    The counts they are held against are locked before: who issues holds counts already when a return in the same batch
    comes to the coupons themselves.
    """
    asked = set(coupon_ids)
    if not asked:
        return []
    seen = await store.find(tx, asked)
    await templates.hold(tx, {one.template for one in seen})
    counted = {(one.template, one.member_id) for one in seen}
    counted |= {(one.template, one.used_by or limits.NOBODY) for one in seen if one.state in (LOCKED, USED)}
    counted |= {(one.template, user) for one in seen if user is not None}
    if counted:
        await limits.lock(tx, counted)
    return await store.lock(tx, asked)


async def uncount(tx: Transaction, coupons: Sequence[Coupon], *, issued: bool) -> None:
    """These coupons, locked or used until now, are so no more; with `issued` they do not count as issued either."""
    await templates.hold(tx, {one.template for one in coupons})
    users = {(one.template, one.used_by or limits.NOBODY) for one in coupons if one.state in (LOCKED, USED)}
    owners = {(one.template, one.member_id) for one in coupons} if issued else set()
    counts = await limits.lock(tx, users | owners)
    for one in coupons:
        if one.state in (LOCKED, USED):
            counts.use(one.template, one.used_by, -1)
        if issued:
            counts.issue(one.template, one.member_id, -1)
    await limits.save(tx, counts)


async def _revoke(tx: Transaction, found: Sequence[Coupon], reason: str) -> list[Coupon]:
    if not found:
        return []
    after = [domain.freed(one)._replace(state=REVOKED, notice_at=None) for one in found]
    await uncount(tx, found, issued=True)
    await store.change(tx, after)
    await store.note(tx, found, "revoked", reason)
    for coupon in after:
        tx.emit(CouponRevoked(**facts(coupon, tx.now), reason=reason))
    return after


async def is_member(tx: Transaction, member_id: UUID | None) -> bool:
    """Whether somebody with this id is known here."""
    return member_id is not None and bool(await store.known_members(tx, [member_id]))


def facts(coupon: Coupon, now: datetime) -> dict[str, Any]:
    """What every event of a coupon says."""
    return {
        "coupon_id": coupon.coupon_id,
        "template": coupon.template,
        "name": coupon.name,
        "kind": coupon.kind,
        "member_id": coupon.member_id,
        "occurred_at": now,
        "expires_at": coupon.expires_at,
    }


# What the checkout needs of coupons; it holds the rows locked where it changes them.
find_all = store.find
by_code = store.by_code
on_order = store.on_order
answers = store.answers
change = store.change
note = store.note
