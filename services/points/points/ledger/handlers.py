"""Wallets locked in the members' order, moved by the domain, saved whole.

One request: lock, decide, save, emit, in one transaction. Wallets are locked before anything else of a member.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from common.events.points import PointsReleased
from common.storage import Transaction
from common.storage.programme import programme
from points.errors import WalletNotSpendableError
from points.ledger import domain, lots, reading, store
from points.ledger.chain import GENESIS, Cause
from points.ledger.domain import GIFT, HELD, REDEMPTION, RELEASED, GivenBack
from points.ledger.lots import Need
from points.ledger.reading import Chosen
from points.ledger.store import begin_again
from points.ledger.views import (
    FIRST_WALLET,
    Balance,
    Verified,
    balances,
    balances_as_of,
    newest,
    verify,
    wallets_of,
)
from points.ledger.wallet import Released, Wallet, admit
from points.wallet_types import handlers as wallet_types

__all__ = [
    "FIRST_WALLET",
    "Balance",
    "Chosen",
    "Need",
    "Verified",
    "Wallets",
    "balances",
    "balances_as_of",
    "begin_again",
    "give_back",
    "latest_occurrence",
    "load_for",
    "load_lots",
    "load_named",
    "lock",
    "newest",
    "open_wallets",
    "release",
    "release_due",
    "save",
    "spend",
    "verify",
    "wallets_of",
]

RELEASE_LIMIT = 5_000
"""Wallets that one run of the timed job releases; the next run goes on."""
BY_TIME = "time"


class Wallets:
    """The wallets of some members, locked; given in the members' order. A member that is not known has none."""

    def __init__(self, wallets: Iterable[Wallet]) -> None:
        # Whole numbers as keys: a UUID computes its hash and compares in Python.
        self._wallets = {(wallet.member_id.int, wallet.name): wallet for wallet in wallets}
        self._in_order = True

    def knows(self, member_id: UUID) -> bool:
        return (member_id.int, FIRST_WALLET) in self._wallets

    def of(self, member_id: UUID, name: str) -> Wallet:
        """The member's wallet; one of another type than the first is opened when it is needed."""
        key = (member_id.int, name)
        wallet = self._wallets.get(key)
        if wallet is None:
            wallet = self._wallets[key] = Wallet(member_id, name, is_new=True)
            self._in_order = False
        return wallet

    def all(self) -> Sequence[Wallet]:
        """In the order of their keys."""
        if self._in_order:
            return list(self._wallets.values())
        return [self._wallets[key] for key in sorted(self._wallets)]

    def member_ids(self) -> list[UUID]:
        return [wallet.member_id for wallet in self._wallets.values() if wallet.name == FIRST_WALLET]


async def open_wallets(tx: Transaction, member_ids: Iterable[UUID]) -> None:
    """Called when a member becomes known."""
    await store.open_wallets(tx, member_ids, FIRST_WALLET, GENESIS)


async def lock(tx: Transaction, member_ids: Iterable[UUID]) -> Wallets:
    """Lock these members' wallets until the transaction ends. What depends on a member is read after this.

    What has expired is known then, and lots whose waiting is over are released, as `save` will write down.
    """
    locked = await store.lock(tx, member_ids)
    await _up_to_now(tx, locked)
    return Wallets(locked)


async def _up_to_now(tx: Transaction, locked: Sequence[Wallet]) -> None:
    now = tx.now
    past = [one for one in locked if one.earliest_expiry is not None and one.earliest_expiry <= now]
    if past:
        await lots.expired(tx, past)
    due = [one for one in locked if one.earliest_release is not None and one.earliest_release <= now]
    if due:
        waiting = await lots.waiting(tx, due)
        for wallet in due:
            _release_due(wallet, waiting[wallet.member_id, wallet.name], now)


def _release_due(wallet: Wallet, waiting: Sequence[domain.Lot], now: datetime) -> None:
    later = [lot.available_at for lot in waiting if lot.available_at is not None and lot.available_at > now]
    due = [lot for lot in waiting if lot.available_at is not None and lot.available_at <= now]
    admit(wallet, due)
    domain.release_due(wallet, due, now)
    wallet.earliest_release = min(later, default=None)
    wallet.outdated = True


async def load_lots(tx: Transaction, wallets: Sequence[Wallet]) -> None:
    """All open lots of these wallets. For members with thousands of lots `load_for` is the cheaper one."""
    missing = [wallet for wallet in wallets if wallet.lots is None or wallet.horizon is not None]
    if missing:
        await lots.all_open(tx, missing)


async def load_for(tx: Transaction, needs: Sequence[Need]) -> None:
    """The lots that `take`, `spend` and `repay_debt` need for at most so many points, and own lots of the purchases."""
    if not needs:
        return
    orders = [need for need in needs if need.order_id]
    if orders:
        await lots.of_orders(tx, orders)
    sums: dict[int, tuple[Wallet, int]] = {}
    for need in needs:
        sums[id(need.wallet)] = (need.wallet, need.points + sums.get(id(need.wallet), (need.wallet, 0))[1])
    await lots.enough(tx, list(sums.values()))


async def latest_occurrence(tx: Transaction, wallet: Wallet) -> datetime | None:
    """When the latest of its transfers occurred, those that are not saved yet included."""
    known = await reading.latest_occurrence(tx, wallet.member_id, wallet.name)
    return max([one.occurred_at for one in wallet.transfers] + ([known] if known else []), default=None)


async def load_named(tx: Transaction, wallet: Wallet, sequences: Sequence[int]) -> None:
    """These lots, for `domain.spend_lots`."""
    await lots.named(tx, wallet, sequences)


async def spend(tx: Transaction, wallet: Wallet, points: int, cause: Cause, *, to_account: str = REDEMPTION) -> int:
    """Debit points, the earliest expiring first; returns the sequence of the debit.

    Raises InsufficientPointsError, and WalletNotSpendableError for redeeming, holding or giving away what is not for
    spending.
    """
    if to_account in (REDEMPTION, HELD, GIFT) and not (await wallet_types.load(tx)).of(wallet.name).spendable:
        raise WalletNotSpendableError(wallet.member_id, wallet.name)
    domain.guard(wallet, points)
    await lots.enough(tx, [(wallet, points)])
    return domain.spend(wallet, points, cause, to_account)


async def give_back(
    tx: Transaction,
    wallet: Wallet,
    sequence: int,
    points: int,
    cause: Cause,
    *,
    from_account: str = REDEMPTION,
    grace_days: int | None = None,
) -> GivenBack:
    """Undo `points` of the debit `sequence`: into the lots it took from, never above their size. Debt is repaid first.

    What has expired meanwhile lives for `grace_days` (the programme's unless told; 0: it stays expired). Raises
    MoreThanTakenError.
    """
    parts = await lots.of_debit(tx, wallet, sequence)
    days = (await programme(tx)).grace_days if grace_days is None else grace_days
    return domain.give_back(wallet, sequence, parts, points, cause, from_account=from_account, grace_days=days)


async def release(
    tx: Transaction,
    wallets: Wallets,
    member_id: UUID,
    source: str,
    order_id: str,
    *,
    occurred_at: datetime | None = None,
    reason: str = "return_window_closed",
) -> int:
    """End the waiting of a purchase's points in all wallets of the member, at `occurred_at` (default now), because of
    `reason`: of those that wait for this event, not of those that wait for another or for their day. Returns how many
    points; 0 when none wait any more.
    """
    for name, lot in await lots.waiting_of_order(tx, member_id, source, order_id):
        admit(wallets.of(member_id, name), [lot])
    cause = Cause(RELEASED, source, order_id, reason, occurred_at or tx.now, tx.now)
    points = 0
    for wallet in wallets.all():
        if wallet.member_id == member_id:
            known = {lot.sequence: lot for lot in (*(wallet.lots or ()), *wallet.opened)}
            for _, lot in sorted(known.items()):
                of_order = (lot.order_source, lot.order_id) == (source, order_id)
                if of_order and lot.pending and lot.waits == reason and lot.remaining:
                    points += lot.remaining
                    domain.release(wallet, lot, cause)
    return points


async def release_due(tx: Transaction) -> None:
    """Timed job: write down the releases whose time has come, in wallets at which nobody is at work."""
    due = await store.lock_due(tx, now=tx.now, limit=RELEASE_LIMIT)
    if due:
        await _up_to_now(tx, due)
        await _save(tx, due)


async def save(tx: Transaction, wallets: Wallets) -> None:
    """Write what has moved, and tell what was released. The wallets can be moved and saved again."""
    await _save(tx, wallets.all())


async def _save(tx: Transaction, wallets: Sequence[Wallet]) -> None:
    moved = [wallet for wallet in wallets if wallet.transfers or wallet.outdated]
    if moved:
        await store.save(tx, moved)
        for wallet in moved:
            for one in wallet.releases:
                tx.emit(_released(wallet, one))
            _written(wallet)


def _released(wallet: Wallet, one: Released) -> PointsReleased:
    return PointsReleased(
        member_id=wallet.member_id,
        wallet=wallet.name,
        sequence=one.sequence,
        points=one.points,
        balance=one.balance,
        debt=one.debt,
        occurred_at=one.cause.occurred_at,
        order_source=one.cause.order_source or None,
        order_id=one.cause.order_id or None,
        reason=one.cause.reference or BY_TIME,
    )


def _written(wallet: Wallet) -> None:
    wallet.is_new = wallet.outdated = False
    wallet.transfers.clear()
    wallet.opened.clear()
    wallet.changed.clear()
    wallet.consumptions.clear()
    wallet.restorations.clear()
    wallet.releases.clear()
