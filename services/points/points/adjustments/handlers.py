"""People correct wallets: at once, or after a second person agreed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from common.events.points import PointsAdjusted
from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from common.storage.programme import programme
from points.adjustments import domain, store
from points.adjustments.domain import (
    ADJUSTED,
    ADJUSTED_BACK,
    CREDIT,
    DEBIT,
    DEBT_WRITTEN_OFF,
    PENDING,
    POSTED,
    REJECTED,
    REVERSAL,
    WRITTEN_OFF,
    Adjustment,
    Policy,
    Posted,
)
from points.adjustments.errors import AdjustmentUnknownError, ExpiryPassedError
from points.errors import MemberUnknownError, WalletTypeUnknownError
from points.ledger import handlers as ledger
from points.ledger.domain import ADJUSTMENT, Cause, Wallet, credit
from points.merges import handlers as merges
from points.policies import handlers as policies
from points.wallet_types import handlers as wallet_types

BY_PROGRAMME, NEVER, AT = "programme", "never", "at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants corrected. `expiry` of a credit: as points earned now (`programme`), `never`, or `at`."""

    member_id: UUID
    wallet: str
    kind: str
    points: int
    reason: str
    note: str
    expiry: str = BY_PROGRAMME
    expires_at: datetime | None = None
    allow_debt: bool = False
    reverses: UUID | None = None


async def policy(tx: Transaction) -> Policy:
    kept = await policies.current(tx, policies.ADJUSTMENT)
    settings = {**kept.settings, "reasons": tuple(kept.settings.get("reasons", ()))}
    return Policy(revision=kept.revision, **settings)


async def adjust(tx: Transaction, caller: Caller, wish: Wish) -> Adjustment:
    """Post a correction, or keep it until a second person agrees.

    Raises MemberUnknownError, ReasonUnknownError, ExpiryPassedError, InsufficientPointsError, DebtTooSmallError,
    WalletTypeUnknownError.
    """
    allowed = await policy(tx)
    domain.check_reason(allowed, wish.reason)
    new = Adjustment(
        adjustment_id=uuid4(),
        member_id=wish.member_id,
        wallet=wish.wallet,
        kind=wish.kind,
        points=wish.points,
        reason=wish.reason,
        note=wish.note,
        expires_at=await _expires_at(tx, wish),
        allow_debt=wish.allow_debt,
        reverses=wish.reverses,
        state=PENDING,
        sequence=0,
        shortfall=0,
        asked_at=tx.now,
        asked_by=caller.subject,
        decided_at=None,
        decided_by="",
        decision_note="",
        reversed_by=None,
    )
    if domain.needs_approval(allowed, wish.points):
        rows = await ledger.wallets_of(tx, wish.member_id)  # raises for a member who is not known
        del rows
        await store.add(tx, new)
        if wish.reverses:
            await store.reversed_by(tx, wish.reverses, new.adjustment_id)
        await _audit(tx, caller, "adjustment.asked", new)
        return new
    return await _post(tx, caller, new, note="", is_new=True)


async def _expires_at(tx: Transaction, wish: Wish) -> datetime | None:
    types = await wallet_types.load(tx)
    if not types.knows(wish.wallet):
        raise WalletTypeUnknownError(wish.wallet)
    kind = types.of(wish.wallet)
    if wish.kind not in (CREDIT, REVERSAL) or wish.expiry == NEVER:
        return None
    if wish.expiry == AT and wish.expires_at is not None:
        if wish.expires_at <= tx.now:
            raise ExpiryPassedError(wish.expires_at)
        return wish.expires_at
    settings = await programme(tx)
    return kind.expires_at(tx.now, ZoneInfo(settings.time_zone), settings.expiry_months)


async def reverse(tx: Transaction, caller: Caller, adjustment_id: UUID, *, note: str, allow_debt: bool) -> Adjustment:
    """Undo an adjustment by new entries; above the limit a second person must agree to this too.

    Raises AdjustmentUnknownError, AdjustmentStateError, InsufficientPointsError.
    """
    known = await _locked(tx, adjustment_id)
    domain.check_reversal(known)
    wish = Wish(
        member_id=known.member_id,
        wallet=known.wallet,
        kind=REVERSAL,
        points=known.points,
        reason=known.reason,
        note=note,
        allow_debt=allow_debt,
        reverses=adjustment_id,
    )
    return await adjust(tx, caller, wish)


async def decide(tx: Transaction, caller: Caller, adjustment_id: UUID, *, approve: bool, note: str) -> Adjustment:
    """Approve or reject what is pending.

    Raises AdjustmentUnknownError, AdjustmentStateError, SecondPersonError, ExpiryPassedError (agreed too late).
    """
    asked = await _locked(tx, adjustment_id)
    domain.check_decision(asked, caller.subject, approve=approve)
    if approve:
        return await _post(tx, caller, asked, note=note, is_new=False)
    rejected = replace(asked, state=REJECTED, decided_at=tx.now, decided_by=caller.subject, decision_note=note)
    await store.decided(tx, rejected)
    if asked.reverses:
        await store.reversed_by(tx, asked.reverses, None)
    await _audit(tx, caller, "adjustment.rejected", rejected)
    return rejected


async def _locked(tx: Transaction, adjustment_id: UUID) -> Adjustment:
    """The adjustment, after the wallets that it moves: that is the order everywhere."""
    found = await store.by_id(tx, adjustment_id)
    if found is None:
        raise AdjustmentUnknownError(adjustment_id)
    await ledger.lock(tx, await merges.with_survivors(tx, [found.member_id]))
    return await store.locked(tx, adjustment_id) or found


async def _post(tx: Transaction, caller: Caller, one: Adjustment, *, note: str, is_new: bool) -> Adjustment:
    if one.expires_at is not None and one.expires_at <= tx.now:
        raise ExpiryPassedError(one.expires_at)
    undone = await store.by_id(tx, one.reverses) if one.reverses else None
    members = await merges.with_survivors(tx, [one.member_id])
    wallets = await ledger.lock(tx, members)
    if not wallets.knows(one.member_id):
        raise MemberUnknownError(one.member_id)
    # A debit is given back into the lots that it took from; what comes back there goes on to the survivor.
    gives_back = undone is not None and undone.kind == DEBIT
    owner = one.member_id if gives_back else await merges.survivor(tx, one.member_id)
    wallet = wallets.of(owner, one.wallet)
    await ledger.load_lots(tx, [wallet])
    posted = await _move(tx, wallet, one, undone)
    done = replace(
        one,
        member_id=owner,
        state=POSTED,
        sequence=posted.sequence,
        shortfall=posted.shortfall,
        decided_at=tx.now,
        decided_by=caller.subject,
        decision_note=note,
    )
    if is_new:
        await store.add(tx, done)
    else:
        await store.decided(tx, done)
    if undone:
        await store.reversed_by(tx, undone.adjustment_id, one.adjustment_id)
    tx.emit(
        PointsAdjusted(
            member_id=owner,
            wallet=one.wallet,
            sequence=posted.sequence,
            points=posted.signed,
            balance=wallet.spendable,
            debt=wallet.debt,
            occurred_at=tx.now,
            adjustment_id=one.adjustment_id,
            reason=one.reason,
            note=one.note,
        )
    )
    await _audit(tx, caller, "adjustment.posted", done)
    await merges.forward(tx, wallets, [owner])
    await ledger.save(tx, wallets)
    return done


async def _move(tx: Transaction, wallet: Wallet, one: Adjustment, undone: Adjustment | None) -> Posted:
    kind = ADJUSTED_BACK if undone else DEBT_WRITTEN_OFF if one.kind == WRITTEN_OFF else ADJUSTED
    cause = Cause(kind, "", "", str(one.adjustment_id), tx.now, tx.now)
    if undone is None:
        if one.kind == CREDIT:
            sequence = credit(wallet, one.points, cause, one.expires_at, from_account=ADJUSTMENT)
            return Posted(sequence=sequence, signed=one.points)
        if one.kind == WRITTEN_OFF:
            return domain.write_off(wallet, one.points, cause)
        return domain.debit(wallet, one.points, cause, allow_debt=one.allow_debt)
    if undone.kind == CREDIT:
        own = undone.sequence if undone.member_id == wallet.member_id else 0
        return domain.debit(wallet, one.points, cause, allow_debt=one.allow_debt, first_lot=own)
    if undone.kind == WRITTEN_OFF:
        return domain.owe_again(wallet, one.points, cause)
    return await _give_back(tx, wallet, one, undone, cause)


async def _give_back(tx: Transaction, wallet: Wallet, one: Adjustment, undone: Adjustment, cause: Cause) -> Posted:
    """A debit reversed: what became debt is credited (and repays it), what lots gave goes back into them."""
    before, from_lots = wallet.sequence, undone.points - undone.shortfall
    if undone.shortfall:
        credit(wallet, undone.shortfall, cause, one.expires_at, from_account=ADJUSTMENT)
    if from_lots:
        await ledger.give_back(tx, wallet, undone.sequence, from_lots, cause, from_account=ADJUSTMENT)
    return Posted(sequence=before + 1, signed=one.points)


async def _audit(tx: Transaction, caller: Caller, action: str, one: Adjustment) -> None:
    await audit(
        tx,
        caller,
        action,
        one.adjustment_id,
        member_id=one.member_id,
        wallet=one.wallet,
        kind=one.kind,
        points=one.points,
        reason=one.reason,
    )


async def get(tx: Transaction, adjustment_id: UUID) -> Adjustment:
    found = await store.by_id(tx, adjustment_id)
    if found is None:
        raise AdjustmentUnknownError(adjustment_id)
    return found


async def by_ids(tx: Transaction, adjustment_ids: Iterable[UUID]) -> dict[UUID, Adjustment]:
    """Those that are known."""
    return await store.by_ids(tx, adjustment_ids)
