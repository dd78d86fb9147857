"""Coupons that rules give."""

from collections.abc import Sequence
from uuid import UUID

from common.runtime.logs import logger
from common.storage import Transaction
from points.accruals.domain import Purchase
from points.coupons import handlers as coupons
from points.coupons.domain import RULE, Grant
from points.coupons.refusals import CouponRefusedError
from points.evaluation.earned import CouponGrant


async def issue(tx: Transaction, grants: Sequence[tuple[UUID, Purchase, CouponGrant]]) -> None:
    """Give members the coupons their purchases bring. The same rule and purchase give the same coupon once."""
    await _issue(
        tx,
        [
            Grant(
                template=grant.template,
                member_id=member_id,
                reason=RULE,
                reference=f"{grant.rule}/{purchase.source}/{purchase.order_id}",
                occurred_at=purchase.occurred_at,
                cause=purchase.key,
            )
            for member_id, purchase, grant in grants
        ],
    )


async def issue_for_activity(tx: Transaction, grants: Sequence[Grant]) -> None:
    """The same for activities."""
    await _issue(tx, grants)


async def _issue(tx: Transaction, grants: Sequence[Grant]) -> None:
    """A coupon that cannot be given (its pool is empty, its template ended) holds nothing else up."""
    if not grants:
        return
    for grant, issued in zip(grants, await coupons.issue_many(tx, grants), strict=True):
        if isinstance(issued, CouponRefusedError):
            logger("earning").warning(
                "a rule's coupon was not issued", template=grant.template, reference=grant.reference, why=str(issued)
            )
