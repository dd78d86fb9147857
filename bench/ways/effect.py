"""The effect that all ways must have, row for row: what one purchase does to the points database.

Deciding is done by the service's own domain in every way, so that only the way of messaging and storing differs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from common.events.cloudevent import CONTENT_TYPE, structured
from common.events.points import PointsEarned, RuleShare
from common.events.purchases import PurchaseCompleted
from points.accruals.domain import Accrual, Purchase
from points.evaluation.earned import Share
from points.ledger.domain import Cause, Wallet, credit


@dataclass(frozen=True, slots=True)
class Known:
    """The wallet row of a member."""

    sequence: int
    head: bytes
    balance: int
    debt: int


def decide(
    data: PurchaseCompleted, source: str, body_hash: bytes, known: Known
) -> tuple[Wallet, dict[str, Any], dict[str, Any], PointsEarned]:
    """One point per 1.00, as the seeded rule says."""
    now = datetime.now(UTC)
    points = (data.amount - data.discount) // 100
    wallet = Wallet(data.member_id, "points", known.sequence, known.head, known.balance, known.debt)
    sequence = credit(wallet, points, Cause("earned", source, data.order_id, "", data.occurred_at, now), None)
    basis = data.amount - data.discount
    purchase = Purchase(
        source, data.order_id, data.member_id, data.currency, data.amount, basis, data.channel, data.shop, None,
        "base", False, "floor", 0, None, data.occurred_at, now, body_hash,
    )  # fmt: skip
    share = Share("purchase_rate", 1, points, basis, 100, basis, "", 0, "")
    accrual = Accrual("purchase", source, data.order_id, "points", 1, points, 0, None, None, "", [share], None)
    event = PointsEarned(
        member_id=data.member_id,
        sequence=sequence,
        points=points,
        balance=wallet.spendable,
        occurred_at=data.occurred_at,
        order_source=source,
        order_id=data.order_id,
        basis=basis,
        currency=data.currency,
        rule="purchase_rate",
        rule_version=1,
        rules=(RuleShare(rule="purchase_rate", version=1, points=points),),
    )
    return wallet, purchase._asdict(), {**accrual._asdict(), "shares": json.dumps([share])}, event


def lot_row(wallet: Wallet) -> dict[str, Any]:
    """The lot that the credit opened, as columns."""
    (lot,) = wallet.opened
    return {
        "member_id": wallet.member_id,
        "wallet": wallet.name,
        "sequence": lot.sequence,
        "points": lot.points,
        "remaining": lot.remaining,
        "earned_at": lot.earned_at,
        "expires_at": lot.expires_at,
        "order_source": lot.order_source,
        "order_id": lot.order_id,
        "pending": lot.pending,
    }


def outbox_row(event: PointsEarned, event_id: UUID, traceparent: str) -> Mapping[str, Any]:
    return {
        "exchange": "loyalty.events",
        "routing_key": event.TYPE,
        "content_type": CONTENT_TYPE,
        "headers": "{}",
        "body": structured(
            id=str(event_id),
            source="//loyalty/points",
            type=event.TYPE,
            subject=event.subject(),
            time=datetime.now(UTC),
            traceparent=traceparent,
            data=event.model_dump_json().encode(),
        ),
        "time": datetime.now(UTC),
    }
