"""Double entry: a movement is one transfer between two accounts of one wallet type, a positive integer.

Accounts of a member: `wallet` (what lots hold) and `debt` (what is owed, never more than 0). Accounts of the programme:
`issue`, `clawback`, `write_off`. Rows are named tuples: a batch of them becomes columns with `zip`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

WALLET, DEBT = "wallet", "debt"
ISSUE, CLAWBACK, WRITE_OFF = "issue", "clawback", "write_off"

EARNED, CLAWED_BACK, SHORTFALL, REPRICED, DEBT_REPAID = "earned", "clawed_back", "shortfall", "repriced", "debt_repaid"

ALLOW_NEGATIVE, CLAMP, WITHIN_BALANCE, PENDING_ONLY = "allow_negative", "clamp", "within_balance", "pending_only"

GENESIS = bytes(32)
"""What the first transfer of a wallet names as the hash before it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Cause(NamedTuple):
    """Why points move: the word for it, the purchase, and further what of it (a return's id)."""

    kind: str
    order_source: str
    order_id: str
    reference: str
    occurred_at: datetime
    recorded_at: datetime


class Transfer(NamedTuple):
    """One row of the ledger. `balance` and `debt` are the member's afterwards; unknown texts are empty."""

    member_id: UUID
    wallet: str
    sequence: int
    from_account: str
    to_account: str
    points: int
    balance: int
    debt: int
    kind: str
    order_source: str
    order_id: str
    reference: str
    occurred_at: datetime
    recorded_at: datetime
    previous_hash: bytes
    hash: bytes


class Consumption(NamedTuple):
    """How much a debit took from one lot."""

    member_id: UUID
    wallet: str
    sequence: int
    lot_sequence: int
    points: int


@dataclass(slots=True)
class Lot:
    """What a credit left to spend; its id is the `sequence` of that credit in the member's wallet."""

    sequence: int
    points: int
    remaining: int
    earned_at: datetime
    expires_at: datetime | None
    order_source: str
    order_id: str


@dataclass(slots=True)
class Wallet:
    """One wallet of one member while its movements are decided, and what is to be written of them.

    `lots` are the open lots, None while they are not loaded. `expired` is what of `balance` is past its time: 0 before
    `earliest_expiry`, and afterwards known once the lots are loaded.
    """

    member_id: UUID
    name: str
    sequence: int = 0
    head: bytes = GENESIS
    balance: int = 0
    debt: int = 0
    earliest_expiry: datetime | None = None
    expired: int = 0
    lots: list[Lot] | None = None
    is_new: bool = False
    transfers: list[Transfer] = field(default_factory=list)
    opened: list[Lot] = field(default_factory=list)
    consumptions: list[Consumption] = field(default_factory=list)

    @property
    def spendable(self) -> int:
        """What could be spent now, less debt."""
        return self.balance - self.expired - self.debt


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """`points` were to be taken; `shortfall` of them were not there. `sequence` is the first transfer's, 0 for none."""

    sequence: int
    points: int
    shortfall: int


def microseconds(instant: datetime) -> int:
    """Since 1970-01-01T00:00:00Z, exactly."""
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def chained(
    previous_hash: bytes,
    member_id: UUID,
    wallet: str,
    sequence: int,
    from_account: str,
    to_account: str,
    points: int,
    balance: int,
    debt: int,
    cause: Cause,
) -> bytes:
    """SHA-256 over the canonical form of a transfer: the hash before it (32 bytes), the member id (16 bytes), then as
    UTF-8, parted by NUL, which no text of ours contains: wallet, sequence, from, to, points, balance, debt, kind, order
    source, order id, reference, and occurred and recorded as microseconds since 1970 in UTC.
    """
    kind, order_source, order_id, reference, occurred_at, recorded_at = cause
    text = (
        f"{wallet}\0{sequence}\0{from_account}\0{to_account}\0{points}\0{balance}\0{debt}\0{kind}\0{order_source}\0"
        f"{order_id}\0{reference}\0{microseconds(occurred_at)}\0{microseconds(recorded_at)}"
    )
    return sha256(previous_hash + member_id.bytes + text.encode()).digest()


def transfer(wallet: Wallet, from_account: str, to_account: str, points: int, cause: Cause) -> int:
    """Append one transfer to the wallet's chain and move its balances; returns its sequence."""
    if to_account == WALLET:
        wallet.balance += points
    elif to_account == DEBT:
        wallet.debt -= points
    if from_account == WALLET:
        wallet.balance -= points
    elif from_account == DEBT:
        wallet.debt += points
    wallet.sequence = sequence = wallet.sequence + 1
    member_id, name, balance, debt, previous = wallet.member_id, wallet.name, wallet.balance, wallet.debt, wallet.head
    wallet.head = head = chained(
        previous, member_id, name, sequence, from_account, to_account, points, balance, debt, cause
    )
    wallet.transfers.append(
        Transfer(member_id, name, sequence, from_account, to_account, points, balance, debt, *cause, previous, head)
    )
    return sequence


def credit(wallet: Wallet, points: int, cause: Cause, expires_at: datetime | None) -> int:
    """Issue points: debt is repaid first, only the rest opens a lot. Returns the sequence of the credit."""
    sequence = transfer(wallet, ISSUE, WALLET, points, cause)
    rest = points
    if wallet.debt:
        repaid = min(points, wallet.debt)
        transfer(wallet, WALLET, DEBT, repaid, cause._replace(kind=DEBT_REPAID))
        rest -= repaid
    if rest:
        lot = Lot(sequence, rest, rest, cause.occurred_at, expires_at, cause.order_source, cause.order_id)
        wallet.opened.append(lot)
        if wallet.lots is not None:
            wallet.lots.append(lot)
        if expires_at is not None:
            if wallet.earliest_expiry is None or expires_at < wallet.earliest_expiry:
                wallet.earliest_expiry = expires_at
            if expires_at <= cause.recorded_at:
                wallet.expired += rest
    return sequence


def take(wallet: Wallet, points: int, cause: Cause, to_account: str, policy: str) -> Taken:
    """Take points back for a purchase: its own lots first, then the earliest expiring. What is not there is the
    shortfall, an entry of its own: debt (`allow_negative`), else written off. The wallet's lots must be loaded.
    """
    before = len(wallet.transfers)
    there = 0 if policy == PENDING_ONLY else min(points, reachable(wallet, cause))
    if there:
        sequence = transfer(wallet, WALLET, to_account, there, cause)
        _consume(wallet, there, sequence, cause)
    shortfall = points - there
    if shortfall:
        payer = DEBT if policy == ALLOW_NEGATIVE else WRITE_OFF
        transfer(wallet, payer, to_account, shortfall, cause._replace(kind=SHORTFALL))
    first = wallet.transfers[before].sequence if len(wallet.transfers) > before else 0
    return Taken(sequence=first, points=points, shortfall=shortfall)


def reachable(wallet: Wallet, cause: Cause) -> int:
    """What can be taken back for this purchase: its own lots, and all lots that have not expired."""
    return sum(lot.remaining for lot in _in_order(wallet, cause))


def load(wallet: Wallet, lots: list[Lot], now: datetime) -> None:
    """Give the wallet its open lots, beside those it has opened since; says what of its balance has expired."""
    wallet.lots = lots + wallet.opened
    wallet.expired = sum(lot.remaining for lot in wallet.lots if is_expired(lot, now))


def is_expired(lot: Lot, now: datetime) -> bool:
    """Expiry is exclusive: at `expires_at` the points are gone."""
    return lot.expires_at is not None and lot.expires_at <= now


def _in_order(wallet: Wallet, cause: Cause) -> list[Lot]:
    if wallet.lots is None:
        raise LookupError(f"lots of member {wallet.member_id} are not loaded")
    order, now = (cause.order_source, cause.order_id), cause.recorded_at
    own = [lot for lot in wallet.lots if (lot.order_source, lot.order_id) == order]
    others = [lot for lot in wallet.lots if (lot.order_source, lot.order_id) != order and not is_expired(lot, now)]
    return sorted(own, key=_spending_order) + sorted(others, key=_spending_order)


def _spending_order(lot: Lot) -> tuple[bool, datetime, datetime, int]:
    """The earliest expiring first, never-expiring last, ties by time earned, then id."""
    return (lot.expires_at is None, lot.expires_at or _EPOCH, lot.earned_at, lot.sequence)


def _consume(wallet: Wallet, points: int, sequence: int, cause: Cause) -> None:
    for lot in _in_order(wallet, cause):
        part = min(points, lot.remaining)
        if part:
            lot.remaining -= part
            points -= part
            if is_expired(lot, cause.recorded_at):
                wallet.expired -= part
            wallet.consumptions.append(Consumption(wallet.member_id, wallet.name, sequence, lot.sequence, part))


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A place where a chain does not hold."""

    wallet: str
    sequence: int
    problem: str


def breaks(transfers: Iterable[Transfer], *, sequence: int = 0, head: bytes = GENESIS) -> list[Break]:
    """Where the chain of one wallet does not hold; `transfers` in order, after `sequence` whose hash is `head`."""
    found: list[Break] = []
    for row in transfers:
        sequence += 1
        if row.sequence != sequence:
            found.append(Break(wallet=row.wallet, sequence=sequence, problem="missing"))
            sequence = row.sequence
        elif row.previous_hash != head:
            found.append(Break(wallet=row.wallet, sequence=sequence, problem="does not follow the transfer before it"))
        if row.hash != chained(row.previous_hash, *row[:8], Cause(*row[8:14])):
            found.append(Break(wallet=row.wallet, sequence=sequence, problem="was changed"))
        head = row.hash
    return found
