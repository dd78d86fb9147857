"""Coupons of members: issued, taken back, given back with a return."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from common.storage import Transaction
from points.cascade.domain import Effect, Returned
from points.coupons.domain import Coupon, Grant
from points.coupons.refusals import CouponRefusedError
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
    raise NotImplementedError


async def issue_many(tx: Transaction, grants: Sequence[Grant]) -> list[Coupon | CouponRefusedError]:
    """The same for many at once (a batch of events, a reward of several): in the order of the grants, each the coupon
    or why there is none. Takes its locks in order: use it once per transaction rather than `issue` many times.
    """
    raise NotImplementedError


async def revoke(tx: Transaction, coupon_id: UUID, reason: str) -> Coupon:
    """Take back a coupon that was not used. Raises CouponUnknownError, CouponStateError (used, expired)."""
    raise NotImplementedError


async def purchases_returned(tx: Transaction, wallets: Wallets, returns: Sequence[Returned]) -> list[Effect]:
    """Coupons used on a purchase that came back whole can be used again; those it was the cause of are taken back."""
    return []
