"""Tells of returns that were set aside: referred to people, or refused."""

from typing import Any

from common.events import Event
from common.events.returns import ReturnReferred, ReturnRefused
from common.storage import Transaction
from points.returns.domain import REVIEW, Return


def set_aside(tx: Transaction, returned: Return, cause: Event[Any] | None = None) -> None:
    """`returned` is in review, refused or rejected, and says why ("code: sentence")."""
    kind = ReturnReferred if returned.state == REVIEW else ReturnRefused
    reason, _, message = returned.reason.partition(": ")
    told = kind(
        source=returned.source,
        return_id=returned.return_id,
        order_source=returned.order_source,
        order_id=returned.order_id,
        member_id=returned.member_id,
        amount=returned.amount,
        currency=returned.currency,
        reason=reason,
        message=message,
        occurred_at=returned.occurred_at,
    )
    tx.emit(told, cause=cause)
