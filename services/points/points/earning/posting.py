"""Credits what an occasion earned, and tells of it."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from common.events import Event
from common.events.points import PointsEarned, PointsPending, RuleShare
from common.storage import Transaction
from points.accruals.domain import Accrual
from points.earning.domain import greatest
from points.ledger.domain import EARNED, Cause, credit
from points.ledger.handlers import Wallets


# The same rules give the same points to many: telling it again costs less than making it again.
@lru_cache(maxsize=32_768)
def share_told(rule: str, version: int, points: int) -> RuleShare:
    """What an event says of a share."""
    return RuleShare(rule=rule, version=version, points=points)


class Occurred(NamedTuple):
    """What is told of an occasion beside its credits. `order` is the purchase, or the one an activity names."""

    owner: UUID
    order_source: str
    order_id: str
    reference: str
    occurred_at: datetime
    recorded_at: datetime
    reason: str
    basis: int = 0
    currency: str = ""
    tier: str = "base"


def credit_all(
    tx: Transaction, wallets: Wallets, accruals: Sequence[Accrual], of: Occurred, event: Event[Any] | None
) -> None:
    """One lot and one event for each credit. The caller saves the wallets."""
    cause = Cause(EARNED, of.order_source, of.order_id, of.reference, of.occurred_at, of.recorded_at)
    for one in accruals:
        wallet = wallets.of(of.owner, one.wallet)
        sequence = credit(
            wallet,
            one.earned,
            cause,
            one.expires_at,
            available_at=one.available_at,
            waits=one.waits,
        )
        pending = bool(one.waits) or (one.available_at is not None and one.available_at > of.recorded_at)
        best = one.shares[0] if len(one.shares) == 1 else greatest(one.shares)
        shares = tuple(
            [share_told(share.rule, share.version, share.points) for share in one.shares if share.points > 0]
        )
        # Validating costs less than half of what `model_construct` does, which walks the fields in Python.
        moved = PointsEarned(
            member_id=of.owner,
            wallet=one.wallet,
            sequence=sequence,
            points=one.earned,
            balance=wallet.spendable,
            debt=wallet.debt,
            occurred_at=of.occurred_at,
            order_source=of.order_source or None,
            order_id=of.order_id or None,
            basis=of.basis,
            currency=of.currency,
            rule=best.rule,
            rule_version=best.version,
            tier=of.tier,
            expires_at=one.expires_at,
            reason=of.reason,
            rules=shares,
        )
        tx.emit(_pending(moved, one) if pending else moved, cause=event)


def _pending(moved: PointsEarned, accrual: Accrual) -> PointsPending:
    return PointsPending(
        member_id=moved.member_id,
        wallet=moved.wallet,
        sequence=moved.sequence,
        points=moved.points,
        balance=moved.balance,
        debt=moved.debt,
        occurred_at=moved.occurred_at,
        order_source=moved.order_source,
        order_id=moved.order_id,
        rule=moved.rule,
        rule_version=moved.rule_version,
        reason=moved.reason,
        available_at=None if accrual.waits else accrual.available_at,
        expires_at=moved.expires_at,
        rules=moved.rules,
    )
