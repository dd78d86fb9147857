"""Redemptions are taken back, whole or in part: the original lots return, and what expired meanwhile gets grace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.events.points import PointsGivenBack
from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from common.storage.programme import programme
from points.ledger import handlers as ledger
from points.ledger.domain import Cause
from points.merges import handlers as merges
from points.redemption import domain, handlers, holds, store
from points.redemption.domain import CONFIRMED, GIVEN_BACK, Redemption
from points.redemption.errors import RedemptionStateError, ReferenceReusedError

REDEMPTION_CANCELLED = "redemption_cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """What to give back: all that is left, `points` of it, or what the lines of these numbers still hold."""

    points: int | None
    lines: tuple[int, ...]
    reason: str
    reference: str
    body_hash: bytes

    @property
    def in_part(self) -> bool:
        return self.points is not None or bool(self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Receipt of one giving back: `restored` went into their lots again, `renewed` live until `grace_until`.

    Of them all `repaid` went on into debt at once.
    """

    number: int
    reference: str
    points: int
    restored: int
    renewed: int
    repaid: int
    grace_until: datetime | None
    lines: dict[int, int]
    reason: str
    sequence: int
    created_at: datetime
    created_by: str


async def cancel(
    tx: Transaction, caller: Caller, redemption_id: UUID, wanted: Cancellation
) -> tuple[Redemption, list[Returned]]:
    """End a hold, or give back a redemption. A whole cancellation again, or the same reference, changes nothing.

    Raises RedemptionUnknownError, RedemptionStateError, NotAllowedPointsError, UnknownLineError, ReferenceReusedError.
    """
    found = await handlers.get(tx, redemption_id)
    if found.state not in (CONFIRMED, GIVEN_BACK):
        if wanted.in_part:
            why = "a hold is cancelled whole; confirm it with fewer points instead"
            raise RedemptionStateError(redemption_id, found.state, why)
        return await holds.cancel_hold(tx, caller, redemption_id), []
    redeemed, wallets = await handlers.locked(tx, redemption_id)
    before = await returns_of(tx, redemption_id)
    if _asked_before(redeemed, await store.returns_of(tx, redemption_id), wanted):
        return redeemed, before
    after, lines = domain.to_give_back(redeemed, wanted.points, wanted.lines)
    points = after.given_back - redeemed.given_back
    settings = await programme(tx)
    wallet = wallets.of(redeemed.member_id, redeemed.wallet)
    cause = Cause(REDEMPTION_CANCELLED, "", "", str(redemption_id), tx.now, tx.now)
    back = await ledger.give_back(tx, wallet, redeemed.debit_sequence, points, cause, grace_days=settings.grace_days)
    returned = Returned(
        number=len(before) + 1,
        reference=wanted.reference,
        points=points,
        restored=back.restored,
        renewed=back.renewed,
        repaid=back.repaid,
        grace_until=back.grace_until,
        lines=lines,
        reason=wanted.reason,
        sequence=back.sequence,
        created_at=tx.now,
        created_by=caller.subject,
    )
    tx.emit(
        PointsGivenBack(
            member_id=redeemed.member_id,
            wallet=redeemed.wallet,
            sequence=back.sequence,
            points=points,
            balance=wallet.spendable,
            debt=wallet.debt,
            occurred_at=tx.now,
            **domain.as_money(redeemed, domain.value_given_back(redeemed, after)),
            redemption_id=str(redemption_id),
            renewed=back.renewed,
            grace_until=back.grace_until,
        )
    )
    await store.change(tx, after)
    await store.add_return(tx, redemption_id, _row_of(returned, wanted.body_hash))
    await audit(tx, caller, "redemption.cancelled", redemption_id, member_id=redeemed.member_id, points=points)
    await merges.forward(tx, wallets, [redeemed.member_id])
    await ledger.save(tx, wallets)
    return after, [*before, returned]


def _asked_before(redeemed: Redemption, rows: Sequence[Any], wanted: Cancellation) -> bool:
    for row in rows:
        if wanted.reference and row.reference == wanted.reference:
            if row.body_hash != wanted.body_hash:
                raise ReferenceReusedError(str(redeemed.redemption_id), wanted.reference)
            return True
    return redeemed.state == GIVEN_BACK and not wanted.in_part


async def returns_of(tx: Transaction, redemption_id: UUID) -> list[Returned]:
    """What was given back of a redemption, in order."""
    return [
        Returned(
            number=row.number,
            reference=row.reference,
            points=row.points,
            restored=row.restored,
            renewed=row.renewed,
            repaid=row.repaid,
            grace_until=row.grace_until,
            lines=dict(zip(row.lines, row.line_points, strict=True)),
            reason=row.reason,
            sequence=row.sequence,
            created_at=row.created_at,
            created_by=row.created_by,
        )
        for row in await store.returns_of(tx, redemption_id)
    ]


def _row_of(returned: Returned, body_hash: bytes) -> dict[str, Any]:
    return {
        "number": returned.number,
        "reference": returned.reference,
        "body_hash": body_hash,
        "points": returned.points,
        "restored": returned.restored,
        "renewed": returned.renewed,
        "repaid": returned.repaid,
        "grace_until": returned.grace_until,
        "lines": list(returned.lines),
        "line_points": list(returned.lines.values()),
        "reason": returned.reason,
        "sequence": returned.sequence,
        "created_by": returned.created_by,
    }
