"""People decide about returns whose points were not there: take them nevertheless, or leave them."""

from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from points.earning.pricing import pricing
from points.errors import ReturnNotInReviewError, ReturnUnknownError
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, CLAMP
from points.returns import store
from points.returns.domain import APPLIED, REJECTED, REVIEW, Return
from points.returns.handlers import begin
from points.returns.telling import set_aside

DEBT, WRITE_OFF = "debt", "write_off"
_POLICIES = {DEBT: ALLOW_NEGATIVE, WRITE_OFF: CLAMP}


async def accept(tx: Transaction, caller: Caller, source: str, return_id: str, *, force: str, reason: str) -> Return:
    """Apply the return: what is not there becomes the member's `debt`, or a `write_off`.

    Raises ReturnUnknownError, ReturnNotInReviewError.
    """
    found = await _in_review(tx, source, return_id, lock=False)
    applying, wallets = await begin(tx, await pricing(tx), {found.order_key})
    found = await _in_review(tx, source, return_id, lock=True)
    applying.in_review[found.order_key] -= found.amount
    applied = applying.apply(found, None, policy=_POLICIES[force])
    if applied.state == APPLIED:
        applied = applied._replace(reason=f"accepted: {reason}")
    await store.settle(tx, [applied])
    await applying.finish()
    await ledger.save(tx, wallets)
    await audit(tx, caller, "return.accepted", f"{source}/{return_id}", force=force, reason=reason)
    return applied


async def reject(tx: Transaction, caller: Caller, source: str, return_id: str, *, reason: str) -> Return:
    """Leave the points with the member: the goods came back, their points are not taken.

    Raises ReturnUnknownError, ReturnNotInReviewError.
    """
    found = await _in_review(tx, source, return_id, lock=True)
    rejected = found._replace(state=REJECTED, reason=f"rejected: {reason}", settled_at=tx.now)
    await store.settle(tx, [rejected])
    set_aside(tx, rejected)
    await audit(tx, caller, "return.rejected", f"{source}/{return_id}", reason=reason)
    return rejected


async def _in_review(tx: Transaction, source: str, return_id: str, *, lock: bool) -> Return:
    found = await store.by_key(tx, (source, return_id), lock=lock)
    if found is None:
        raise ReturnUnknownError(source, return_id)
    if found.state != REVIEW:
        raise ReturnNotInReviewError(source, return_id, found.state)
    return found
