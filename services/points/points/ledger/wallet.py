"""A member's wallet while its movements are decided: accounts, lots, the order of spending. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from points.ledger.chain import GENESIS, Cause, Transfer, chained

WALLET, PENDING, HELD, DEBT = "wallet", "pending", "held", "debt"
ISSUE, REDEMPTION, EXPIRY, CLAWBACK, WRITE_OFF = "issue", "redemption", "expiry", "clawback", "write_off"
ADJUSTMENT, GIFT, MERGE = "adjustment", "gift", "merge"

MEMBERS_ACCOUNTS = frozenset({WALLET, PENDING, HELD, DEBT})
"""The other accounts are the programme's."""

_FIRST = datetime(1, 1, 1, tzinfo=UTC)

SpendingOrder = tuple[bool, datetime, datetime, int]
BEFORE_ALL: SpendingOrder = (False, _FIRST, _FIRST, 0)


class Consumption(NamedTuple):
    """How much a debit took from one lot."""

    member_id: UUID
    wallet: str
    sequence: int
    lot_sequence: int
    points: int


class Restoration(NamedTuple):
    """How much of what the transfer `undone` took from a lot was given back by the transfer `sequence`.

    It is in that lot again, unless it was `renewed`: then it is in the lot that `sequence` opened.
    """

    member_id: UUID
    wallet: str
    sequence: int
    lot_sequence: int
    undone: int
    points: int
    renewed: bool


@dataclass(slots=True)
class Lot:
    """What a credit left to spend; its id is the `sequence` of that credit in the member's wallet.

    A pending lot waits until `available_at`, or for the event that `waits` names when that is None; `released` is the
    sequence of the transfer that ended its waiting. `swept` (loaded only where a return needs it) is what the sweep
    wrote down as expired of it: by which transfer, how many points.
    """

    sequence: int
    points: int
    remaining: int
    earned_at: datetime
    expires_at: datetime | None
    order_source: str
    order_id: str
    available_at: datetime | None = None
    pending: bool = False
    released: int | None = None
    waits: str | None = None
    swept: tuple[tuple[int, int], ...] = ()


class Released(NamedTuple):
    """Points whose waiting ended, and the wallet afterwards."""

    sequence: int
    points: int
    balance: int
    debt: int
    cause: Cause


@dataclass(slots=True)
class Wallet:
    """One wallet of one member while its movements are decided, and what is to be written of them.

    `lots` are those loaded so far, None for none: all up to `horizon` in spending order, or all when that is None,
    and some further ones. `expired` is what of `balance` is past its time; it is known when the wallet was locked.
    `outdated`: what is written of its earliest release no longer holds.
    """

    member_id: UUID
    name: str
    sequence: int = 0
    head: bytes = GENESIS
    balance: int = 0
    debt: int = 0
    pending: int = 0
    held: int = 0
    earliest_expiry: datetime | None = None
    earliest_release: datetime | None = None
    expired: int = 0
    lots: list[Lot] | None = None
    horizon: SpendingOrder | None = None
    is_new: bool = False
    outdated: bool = False
    transfers: list[Transfer] = field(default_factory=list)
    opened: list[Lot] = field(default_factory=list)
    changed: dict[int, Lot] = field(default_factory=dict)
    consumptions: list[Consumption] = field(default_factory=list)
    restorations: list[Restoration] = field(default_factory=list)
    releases: list[Released] = field(default_factory=list)

    @property
    def spendable(self) -> int:
        """What could be spent now, less debt."""
        return self.balance - self.expired - self.debt

    def lot(self, sequence: int) -> Lot | None:
        """One of the lots loaded so far."""
        return next((lot for lot in self.lots or () if lot.sequence == sequence), None)


def is_expired(lot: Lot, now: datetime) -> bool:
    """Expiry is exclusive: at `expires_at` the points are gone."""
    return lot.expires_at is not None and lot.expires_at <= now


def spending_order(lot: Lot) -> SpendingOrder:
    """The earliest expiring first, never-expiring last, ties by time earned, then id."""
    return (lot.expires_at is None, lot.expires_at or _FIRST, lot.earned_at, lot.sequence)


def admit(wallet: Wallet, lots: Iterable[Lot]) -> None:
    """Give the wallet lots that were read; those it knows already keep what has become of them since."""
    if wallet.lots is None:
        wallet.lots, wallet.horizon = list(wallet.opened), BEFORE_ALL
    known = {lot.sequence: lot for lot in wallet.lots}
    for lot in lots:
        if lot.sequence not in known:
            wallet.lots.append(lot)
        elif lot.sequence not in wallet.changed:
            known[lot.sequence].swept = lot.swept


def admit_up_to(wallet: Wallet, lots: Iterable[Lot], horizon: SpendingOrder | None) -> None:
    """The same for all lots that can be spent up to `horizon` in spending order, or all there are when it is None."""
    admit(wallet, lots)
    wallet.horizon = horizon


def load(wallet: Wallet, lots: list[Lot], now: datetime) -> None:
    """Give the wallet all its open lots; says what of its balance has expired."""
    admit_up_to(wallet, lots, None)
    wallet.expired = sum(lot.remaining for lot in wallet.lots or () if not lot.pending and is_expired(lot, now))


def transfer(wallet: Wallet, from_account: str, to_account: str, points: int, cause: Cause) -> int:
    """Append one transfer to the wallet's chain and move its accounts; returns its sequence."""
    if to_account == WALLET:
        wallet.balance += points
    elif to_account in MEMBERS_ACCOUNTS:
        _move(wallet, to_account, points)
    if from_account == WALLET:
        wallet.balance -= points
    elif from_account != ISSUE and from_account in MEMBERS_ACCOUNTS:
        _move(wallet, from_account, -points)
    wallet.sequence = sequence = wallet.sequence + 1
    member_id, name, balance, debt, previous = wallet.member_id, wallet.name, wallet.balance, wallet.debt, wallet.head
    pending, held = wallet.pending, wallet.held
    wallet.head = head = chained(
        previous, member_id, name, sequence, from_account, to_account, points, balance, debt, pending, held, cause
    )
    wallet.transfers.append(Transfer(
        member_id, name, sequence, from_account, to_account, points, balance, debt, pending, held, *cause,
        previous, head,
    ))  # fmt: skip
    return sequence


def _move(wallet: Wallet, account: str, points: int) -> None:
    if account == DEBT:
        wallet.debt -= points
    elif account == PENDING:
        wallet.pending += points
    else:
        wallet.held += points


def open_lot(wallet: Wallet, lot: Lot, now: datetime) -> None:
    """Put a lot that a transfer has just opened into the wallet."""
    wallet.opened.append(lot)
    if wallet.lots is not None:
        wallet.lots.append(lot)
    expires_at = lot.expires_at
    if expires_at is not None:
        if wallet.earliest_expiry is None or expires_at < wallet.earliest_expiry:
            wallet.earliest_expiry = expires_at
        if expires_at <= now and not lot.pending:
            wallet.expired += lot.remaining
    available_at = lot.available_at if lot.pending else None
    if available_at is not None and (wallet.earliest_release is None or available_at < wallet.earliest_release):
        wallet.earliest_release = available_at


def change(wallet: Wallet, lot: Lot, points: int, now: datetime) -> None:
    """Add points to a lot that was loaded (less than 0 takes them)."""
    lot.remaining += points
    wallet.changed[lot.sequence] = lot
    if not lot.pending and is_expired(lot, now):
        wallet.expired += points


def consume(wallet: Wallet, lots: Iterable[Lot], points: int, sequence: int, now: datetime) -> int:
    """Take up to `points` from these lots in turn for the debit `sequence`; returns how many were not there."""
    for lot in lots:
        if not points:
            break
        part = min(points, lot.remaining)
        if part:
            points -= part
            change(wallet, lot, -part, now)
            wallet.consumptions.append(Consumption(wallet.member_id, wallet.name, sequence, lot.sequence, part))
    return points


def repay(wallet: Wallet, lots: Iterable[Lot], points: int, cause: Cause) -> None:
    """Pay debt from these lots, which hold so many points."""
    sequence = transfer(wallet, WALLET, DEBT, points, cause)
    must_be_none(wallet, consume(wallet, lots, points, sequence, cause.recorded_at))


def spendable_lots(wallet: Wallet, now: datetime) -> list[Lot]:
    """The loaded lots that can be spent, in spending order, as far as no lot that was not loaded comes before."""
    lots = (lot for lot in loaded(wallet) if lot.remaining and not lot.pending and not is_expired(lot, now))
    in_order = sorted(lots, key=spending_order)
    horizon = wallet.horizon
    return in_order if horizon is None else [lot for lot in in_order if spending_order(lot) <= horizon]


def loaded(wallet: Wallet) -> list[Lot]:
    """Raises LookupError while no lots are loaded."""
    if wallet.lots is None:
        raise LookupError(f"lots of member {wallet.member_id} are not loaded")
    return wallet.lots


def must_be_none(wallet: Wallet, points: int) -> None:
    """Raises LookupError when a debit found fewer points in the loaded lots than there are: load more of them."""
    if points:
        raise LookupError(f"{points} more points of member {wallet.member_id} are in lots that are not loaded")
