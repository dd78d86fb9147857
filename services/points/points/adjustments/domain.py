"""What a correction does to a wallet, and who has to agree. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from points.adjustments.errors import AdjustmentStateError, DebtTooSmallError, ReasonUnknownError, SecondPersonError
from points.errors import InsufficientPointsError
from points.ledger.domain import (
    ADJUSTMENT,
    DEBT,
    WRITE_OFF,
    Cause,
    Wallet,
    repay_debt,
    spend,
    transfer,
)
from points.ledger.wallet import consume, is_expired

CREDIT, DEBIT, WRITTEN_OFF, REVERSAL = "credit", "debit", "write_off", "reversal"
PENDING, POSTED, REJECTED = "pending", "posted", "rejected"
ADJUSTED, ADJUSTED_BACK, DEBT_WRITTEN_OFF = "adjusted", "adjustment_reversed", "debt_written_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """More than `approve_above_points` (None: any number is fine) need a second person. No `reasons`: any will do."""

    revision: int = 0
    approve_above_points: int | None = 1000
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A correction by people. `sequence` is its first transfer, `shortfall` what became debt."""

    adjustment_id: UUID
    member_id: UUID
    wallet: str
    kind: str
    points: int
    reason: str
    note: str
    expires_at: datetime | None
    allow_debt: bool
    reverses: UUID | None
    state: str
    sequence: int
    shortfall: int
    asked_at: datetime
    asked_by: str
    decided_at: datetime | None
    decided_by: str
    decision_note: str
    reversed_by: UUID | None


def check_reason(policy: Policy, reason: str) -> None:
    if policy.reasons and reason not in policy.reasons:
        raise ReasonUnknownError(reason, policy.reasons)


def needs_approval(policy: Policy, points: int) -> bool:
    return policy.approve_above_points is not None and points > policy.approve_above_points


def check_decision(asked: Adjustment, who: str, *, approve: bool) -> None:
    """Raises AdjustmentStateError, SecondPersonError. Who asked may take it back, and never approve it."""
    if asked.state != PENDING:
        raise AdjustmentStateError(asked.adjustment_id, asked.state, "only what is pending can be decided")
    if approve and who == asked.asked_by:
        raise SecondPersonError(asked.adjustment_id, asked.asked_by)


def check_reversal(known: Adjustment) -> None:
    """Raises AdjustmentStateError."""
    if known.kind == REVERSAL:
        raise AdjustmentStateError(known.adjustment_id, known.state, "a reversal cannot be reversed: adjust again")
    if known.state != POSTED:
        raise AdjustmentStateError(known.adjustment_id, known.state, "only what was posted can be reversed")
    if known.reversed_by is not None:
        raise AdjustmentStateError(known.adjustment_id, "reversed", "it was reversed before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """`signed` is what it did to the member: points, less debt. `shortfall` of a debit became debt."""

    sequence: int
    signed: int
    shortfall: int = 0


def debit(wallet: Wallet, points: int, cause: Cause, *, allow_debt: bool, first_lot: int = 0) -> Posted:
    """Take points, of the lot `first_lot` before others; with `allow_debt` what is not there is owed.

    The wallet's open lots are loaded. Raises InsufficientPointsError.
    """
    there = max(0, wallet.balance - wallet.expired)
    if not allow_debt and (wallet.debt or points > there):
        raise InsufficientPointsError(
            wallet.member_id, wallet.name, balance=max(0, wallet.spendable), need=points, debt=wallet.debt
        )
    before, rest = wallet.sequence, min(points, there)
    shortfall = points - rest
    own = wallet.lot(first_lot) if first_lot else None
    if own is not None and not own.pending and not is_expired(own, cause.recorded_at):
        part = min(rest, own.remaining)
        if part:
            consume(wallet, [own], part, transfer(wallet, "wallet", ADJUSTMENT, part, cause), cause.recorded_at)
            rest -= part
    if rest and not wallet.debt:
        spend(wallet, rest, cause, ADJUSTMENT)
    elif rest:
        shortfall += rest  # who owes already has nothing that counts as spendable
    if shortfall:
        transfer(wallet, DEBT, ADJUSTMENT, shortfall, cause)
    return Posted(sequence=before + 1, signed=-points, shortfall=shortfall)


def write_off(wallet: Wallet, points: int, cause: Cause) -> Posted:
    """Debt that nobody hopes for any more. Raises DebtTooSmallError."""
    if points > wallet.debt:
        raise DebtTooSmallError(wallet.member_id, wallet.name, points=points, debt=wallet.debt)
    return Posted(sequence=transfer(wallet, WRITE_OFF, DEBT, points, cause), signed=points)


def owe_again(wallet: Wallet, points: int, cause: Cause) -> Posted:
    """A write-off reversed: owed again, and repaid from what is there. Open lots are loaded."""
    sequence = transfer(wallet, DEBT, WRITE_OFF, points, cause)
    repay_debt(wallet, cause)
    return Posted(sequence=sequence, signed=-points)
