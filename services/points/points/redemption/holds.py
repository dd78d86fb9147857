"""How holds end: confirmed, cancelled, or by themselves when nobody confirms them in time."""

from uuid import UUID

from common.events.points import PointsHoldEnded
from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from points.ledger import domain as moves
from points.ledger import handlers as ledger
from points.ledger.domain import HELD as HELD_ACCOUNT
from points.ledger.domain import Cause
from points.merges import handlers as merges
from points.policies import handlers as policies
from points.redemption import domain, handlers, store
from points.redemption.domain import CANCELLED, EXPIRED, HELD, IN_PART, Redemption
from points.redemption.handlers import HOLD_ENDED, REDEEMED

OVERDUE_LIMIT = 500


async def confirm(tx: Transaction, redemption_id: UUID, points: int | None) -> Redemption:
    """Spend what is held, or only `points` of it; the rest goes back. The same again changes nothing.

    Raises RedemptionUnknownError, RedemptionStateError, HoldExpiredError, NotAllowedPointsError.
    """
    held, wallets = await handlers.locked(tx, redemption_id)
    kept = await policies.of_revision(tx, policies.REDEMPTION, held.policy_revision)
    confirmed = domain.confirm(held, points, tx.now, handlers.policy_of(kept))
    if confirmed is held:
        return held
    wallet = wallets.of(held.member_id, held.wallet)
    cause = Cause(REDEEMED, "", "", str(redemption_id), tx.now, tx.now)
    sequence = moves.settle_held(wallet, confirmed.points, cause)
    rest = held.held - confirmed.points
    if rest:
        await _end_hold(tx, wallets, held, rest, IN_PART)
    await store.change(tx, confirmed)
    handlers.tell_redeemed(tx, confirmed, wallet, sequence)
    await merges.forward(tx, wallets, [held.member_id])
    await ledger.save(tx, wallets)
    return confirmed


async def cancel_hold(tx: Transaction, caller: Caller, redemption_id: UUID) -> Redemption:
    """Let go of what is held: its lots are as they were. Cancelling twice changes nothing.

    Raises RedemptionUnknownError, RedemptionStateError.
    """
    held, wallets = await handlers.locked(tx, redemption_id)
    if held.state == CANCELLED:
        return held
    ended = domain.end(held, CANCELLED, tx.now)
    await _end_hold(tx, wallets, held, held.held, CANCELLED)
    await store.change(tx, ended)
    await audit(tx, caller, "hold.cancelled", redemption_id, member_id=held.member_id, points=held.held)
    await merges.forward(tx, wallets, [held.member_id])
    await ledger.save(tx, wallets)
    return ended


async def end_overdue(tx: Transaction) -> None:
    """Timed job: holds that nobody confirmed in time."""
    overdue = await store.overdue(tx, OVERDUE_LIMIT)
    if not overdue:
        return
    members = sorted({row.member_id for row in overdue})
    wallets = await ledger.lock(tx, await merges.with_survivors(tx, members))
    for held in await store.locked(tx, [row.redemption_id for row in overdue]):
        if held.state == HELD:  # nobody was faster
            await _end_hold(tx, wallets, held, held.held, EXPIRED)
            await store.change(tx, domain.end(held, EXPIRED, tx.now))
    await merges.forward(tx, wallets, members)
    await ledger.save(tx, wallets)


async def _end_hold(tx: Transaction, wallets: ledger.Wallets, held: Redemption, points: int, outcome: str) -> None:
    """A hold prolongs no life: what has expired meanwhile is in its lot again, and is gone."""
    wallet = wallets.of(held.member_id, held.wallet)
    cause = Cause(HOLD_ENDED, "", "", str(held.redemption_id), tx.now, tx.now)
    back = await ledger.give_back(
        tx, wallet, held.debit_sequence, points, cause, from_account=HELD_ACCOUNT, grace_days=0
    )
    tx.emit(
        PointsHoldEnded(
            **handlers.moved(wallet, back.sequence, points, tx.now), hold_id=held.redemption_id, outcome=outcome
        )
    )
