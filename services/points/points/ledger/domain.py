"""Double entry: a movement is one transfer between two accounts of one wallet type, a positive integer.

Accounts of a member: `wallet` (what lots hold), `pending` (lots that wait), `held` (reserved) and `debt` (what is owed,
never more than 0). Accounts of the programme: `issue`, `redemption`, `expiry`, `clawback`, `write_off`, `adjustment`,
and the clearing accounts `gift` and `merge`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from points.errors import InsufficientPointsError
from points.ledger.chain import GENESIS, Break, Cause, Transfer, breaks, chained, microseconds, rehashed
from points.ledger.giving_back import GIVEN_BACK, GivenBack, Part, give_back
from points.ledger.wallet import (
    ADJUSTMENT,
    CLAWBACK,
    DEBT,
    EXPIRY,
    GIFT,
    HELD,
    ISSUE,
    MEMBERS_ACCOUNTS,
    MERGE,
    PENDING,
    REDEMPTION,
    WALLET,
    WRITE_OFF,
    Consumption,
    Lot,
    Released,
    Restoration,
    Wallet,
    change,
    consume,
    is_expired,
    load,
    loaded,
    must_be_none,
    open_lot,
    repay,
    spendable_lots,
    spending_order,
    transfer,
)

__all__ = [
    "ADJUSTMENT",
    "CLAWBACK",
    "DEBT",
    "EXPIRY",
    "GENESIS",
    "GIFT",
    "GIVEN_BACK",
    "HELD",
    "ISSUE",
    "MEMBERS_ACCOUNTS",
    "MERGE",
    "PENDING",
    "REDEMPTION",
    "WALLET",
    "WRITE_OFF",
    "Break",
    "Cause",
    "Consumption",
    "GivenBack",
    "Lot",
    "Part",
    "Restoration",
    "Transfer",
    "Wallet",
    "breaks",
    "chained",
    "give_back",
    "load",
    "microseconds",
    "rehashed",
    "transfer",
]

EARNED, CLAWED_BACK, SHORTFALL, REPRICED, DEBT_REPAID = "earned", "clawed_back", "shortfall", "repriced", "debt_repaid"
RELEASED, EXPIRED, UNEXPIRED = "released", "expired", "unexpired"

ALLOW_NEGATIVE, CLAMP, WITHIN_BALANCE, PENDING_ONLY = "allow_negative", "clamp", "within_balance", "pending_only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """`points` were to be taken; `shortfall` of them were not there. `sequence` is the first transfer's, 0 for none.

    `pending` of them had still been waiting; `unexpired` of them had been written down as expired and were put back.
    """

    sequence: int
    points: int
    shortfall: int
    pending: int = 0
    unexpired: int = 0


def credit(
    wallet: Wallet,
    points: int,
    cause: Cause,
    expires_at: datetime | None,
    *,
    available_at: datetime | None = None,
    waits: str = "",
    from_account: str = ISSUE,
    earned_at: datetime | None = None,
) -> int:
    """Give points: debt is repaid first, only the rest opens a lot. Returns the sequence of the credit.

    With `available_at` ahead, or `waits` (for the event of that name), the lot is pending, and debt is repaid when it
    is released.
    `earned_at` is when the points were earned, where that is not when they came here (gifts, merges).
    """
    earned, now = earned_at or cause.occurred_at, cause.recorded_at
    if waits or (available_at is not None and available_at > now):
        sequence = transfer(wallet, from_account, PENDING, points, cause)
        order = cause.order_source, cause.order_id
        lot = Lot(sequence, points, points, earned, expires_at, *order, available_at, pending=True, waits=waits or None)
        open_lot(wallet, lot, now)
        return sequence
    sequence = transfer(wallet, from_account, WALLET, points, cause)
    rest = points
    if wallet.debt:
        repaid = min(points, wallet.debt)
        transfer(wallet, WALLET, DEBT, repaid, cause._replace(kind=DEBT_REPAID))
        rest -= repaid
    if rest:
        lot = Lot(sequence, rest, rest, earned, expires_at, cause.order_source, cause.order_id, available_at)
        open_lot(wallet, lot, now)
    return sequence


def guard(wallet: Wallet, points: int) -> None:
    """Raises InsufficientPointsError unless so many points can be spent: never what has expired, never in debt."""
    if points <= 0:
        raise ValueError(f"{points} points cannot be spent")
    if wallet.debt or points > wallet.spendable:
        raise InsufficientPointsError(
            wallet.member_id, wallet.name, balance=max(0, wallet.spendable), need=points, debt=wallet.debt
        )


def spend(wallet: Wallet, points: int, cause: Cause, to_account: str = REDEMPTION) -> int:
    """Debit points, the earliest expiring first. Returns the sequence of the debit; its lots must be loaded.

    Raises InsufficientPointsError.
    """
    guard(wallet, points)
    lots = spendable_lots(wallet, cause.recorded_at)
    sequence = transfer(wallet, WALLET, to_account, points, cause)
    must_be_none(wallet, consume(wallet, lots, points, sequence, cause.recorded_at))
    return sequence


def spend_lots(wallet: Wallet, parts: Sequence[tuple[int, int]], cause: Cause, to_account: str) -> int:
    """Debit these (lot, points), whatever their order, expired or not: undoing a gift or a merge. The lots must be
    loaded, and none of them pending. Returns the sequence of the debit. Raises ValueError when a lot has less.
    """
    lots = {lot.sequence: lot for lot in loaded(wallet)}
    points = sum(part for _, part in parts)
    sequence = transfer(wallet, WALLET, to_account, points, cause)
    for lot_sequence, part in parts:
        lot = lots.get(lot_sequence)
        if lot is None or lot.pending or not 0 < part <= lot.remaining:
            raise ValueError(f"lot {lot_sequence} of member {wallet.member_id} has no {part} points to debit")
        consume(wallet, [lot], part, sequence, cause.recorded_at)
    return sequence


def settle_held(wallet: Wallet, points: int, cause: Cause, to_account: str = REDEMPTION) -> int:
    """Points that were held are spent for good. Returns the sequence. Raises ValueError when fewer are held."""
    if not 0 < points <= wallet.held:
        raise ValueError(f"{points} points of {wallet.held} held cannot be settled")
    return transfer(wallet, HELD, to_account, points, cause)


def repay_debt(wallet: Wallet, cause: Cause) -> int:
    """Pay debt from what the wallet holds (after a merge brought it). Returns how many points; lots must be loaded."""
    there = max(0, min(wallet.debt, wallet.balance - wallet.expired))
    if there:
        repay(wallet, spendable_lots(wallet, cause.recorded_at), there, cause._replace(kind=DEBT_REPAID))
    return there


def take(wallet: Wallet, points: int, cause: Cause, to_account: str, policy: str) -> Taken:
    """Take points back for a purchase: its own pending points first, then its own lots, then the earliest expiring.

    Of its own lots also what has expired: whoever never used points does not owe them. What is not there is the
    shortfall, an entry of its own: debt (`allow_negative`), else written off. `pending_only` takes only pending points.
    The purchase's own lots must be loaded, and enough of the others.
    """
    now, before = cause.recorded_at, len(wallet.transfers)
    own = _own_lots(wallet, cause)
    waiting = [lot for lot in own if _waits(lot, now)]
    pending = min(points, sum(map(_with_swept, waiting)))
    swept = unexpired = 0
    if pending:
        swept = _undo_expiry(wallet, waiting, pending, cause, PENDING)
        consume(wallet, waiting, pending, transfer(wallet, PENDING, to_account, pending, cause), now)
    rest = points - pending
    there = 0 if policy == PENDING_ONLY else min(rest, _reachable(wallet, own, now))
    if there:
        open_own = [lot for lot in own if not _waits(lot, now)]
        unexpired = _undo_expiry(wallet, open_own, there, cause, WALLET)
        sequence = transfer(wallet, WALLET, to_account, there, cause)
        left = consume(wallet, open_own, there, sequence, now)
        must_be_none(wallet, consume(wallet, spendable_lots(wallet, now), left, sequence, now) if left else 0)
    shortfall = rest - there
    if shortfall:
        payer = DEBT if policy == ALLOW_NEGATIVE else WRITE_OFF
        transfer(wallet, payer, to_account, shortfall, cause._replace(kind=SHORTFALL))
    first = wallet.transfers[before].sequence if len(wallet.transfers) > before else 0
    return Taken(
        sequence=first, points=points, shortfall=shortfall, pending=pending - swept, unexpired=unexpired + swept
    )


def reachable(wallet: Wallet, cause: Cause) -> int:
    """What can be taken back for this purchase: its own points, and all that have not expired. Its lots are loaded."""
    own, now = _own_lots(wallet, cause), cause.recorded_at
    return sum(_with_swept(lot) for lot in own if _waits(lot, now)) + _reachable(wallet, own, now)


def left_behind(wallet: Wallet, cause: Cause) -> int:
    """What has expired, or waited to its end, of this purchase's own points in a wallet. Its lots are loaded."""
    return sum(_with_swept(lot) for lot in _own_lots(wallet, cause) if is_expired(lot, cause.recorded_at))


def _own_lots(wallet: Wallet, cause: Cause) -> list[Lot]:
    order = (cause.order_source, cause.order_id)
    own = [lot for lot in loaded(wallet) if (lot.order_source, lot.order_id) == order]
    return sorted(own, key=spending_order)


def _waits(lot: Lot, now: datetime) -> bool:
    """Whether it waited to its end, or does now; one that the sweep has emptied is not released any more."""
    due = lot.available_at is not None and lot.available_at <= now
    return lot.pending and not (due and not lot.remaining)


def _with_swept(lot: Lot) -> int:
    return lot.remaining + sum(points for _, points in lot.swept)


def _reachable(wallet: Wallet, own: Sequence[Lot], now: datetime) -> int:
    """All that can be spent, and of the purchase's own lots what has expired, written down or not."""
    expired = sum(_with_swept(lot) for lot in own if not _waits(lot, now) and is_expired(lot, now))
    return max(0, wallet.balance - wallet.expired) + expired


def _undo_expiry(wallet: Wallet, own: Sequence[Lot], points: int, cause: Cause, to_account: str) -> int:
    """Put back what the sweep wrote down of a purchase's own lots, as far as taking so many points from them in turn
    needs it: then the sweep might as well not have run before the return. Returns how many points.
    """
    before = sum(_with_swept(lot) - lot.remaining for lot in own)
    for lot in own:
        part = min(points, _with_swept(lot))
        points -= part
        short, kept = max(0, part - lot.remaining), list[tuple[int, int]]()
        for undone, swept in lot.swept:
            some = min(short, swept)
            short -= some
            if some:
                sequence = transfer(wallet, EXPIRY, to_account, some, cause._replace(kind=UNEXPIRED))
                change(wallet, lot, some, cause.recorded_at)
                wallet.restorations.append(
                    Restoration(wallet.member_id, wallet.name, sequence, lot.sequence, undone, some, False)
                )
            if swept > some:
                kept.append((undone, swept - some))
        lot.swept = tuple(kept)
    return before - sum(_with_swept(lot) - lot.remaining for lot in own)


def release(wallet: Wallet, lot: Lot, cause: Cause) -> int:
    """A pending lot's waiting ends: its points can be spent, debt is repaid first. Returns the sequence, 0 for none."""
    if not lot.pending or not lot.remaining:
        return 0
    points, now = lot.remaining, cause.recorded_at
    sequence = transfer(wallet, PENDING, WALLET, points, cause)
    lot.pending, lot.released = False, sequence
    if is_expired(lot, now):
        wallet.expired += points
    wallet.changed[lot.sequence] = lot
    if wallet.debt and not is_expired(lot, cause.occurred_at):
        repay(wallet, [lot], min(points, wallet.debt), cause._replace(kind=DEBT_REPAID))
    wallet.releases.append(Released(sequence, points, wallet.spendable, wallet.debt, cause))
    return sequence


def release_due(wallet: Wallet, lots: Sequence[Lot], now: datetime) -> None:
    """Release the lots whose time has come, each at its time."""
    for lot in sorted(lots, key=lambda lot: (lot.available_at or now, lot.sequence)):
        release(wallet, lot, Cause(RELEASED, lot.order_source, lot.order_id, "", lot.available_at or now, now))
