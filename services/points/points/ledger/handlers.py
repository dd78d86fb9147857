"""Wallets locked in the members' order, moved by the domain, saved whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from points.errors import MemberUnknownError
from points.ledger import domain, store
from points.ledger.domain import Break, Transfer, Wallet

FIRST_WALLET = "points"
"""Every member has it from the beginning; its row is what transactions lock to take turns on a member."""

CHAIN_PART = 5_000
"""Transfers that are held in memory at a time while a chain is verified."""
MAX_SEQUENCE = 2**63 - 1


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
    await store.open_wallets(tx, member_ids, FIRST_WALLET, domain.GENESIS)


async def lock(tx: Transaction, member_ids: Iterable[UUID]) -> Wallets:
    """Lock these members' wallets until the transaction ends. What depends on a member is read after this."""
    locked = await store.lock(tx, member_ids)
    await load_lots(tx, [one for one in locked if one.earliest_expiry is not None and one.earliest_expiry <= tx.now])
    return Wallets(locked)


async def load_lots(tx: Transaction, wallets: Sequence[Wallet]) -> None:
    """Before points are taken from wallets, and where some may have expired."""
    missing = [wallet for wallet in wallets if wallet.lots is None]
    if missing:
        lots = await store.open_lots(tx, missing)
        for wallet in missing:
            domain.load(wallet, lots[wallet.member_id, wallet.name], tx.now)


async def save(tx: Transaction, wallets: Wallets) -> None:
    """Write what has moved."""
    moved = [wallet for wallet in wallets.all() if wallet.transfers]
    if moved:
        await store.save(tx, moved)


async def wallets_of(tx: Transaction, member_id: UUID) -> Sequence[Row[Any]]:
    """`wallet, sequence, head, balance, debt` of each wallet. Raises MemberUnknownError."""
    wallets = await store.wallets_of(tx, member_id)
    if not wallets:
        raise MemberUnknownError(member_id)
    return wallets


async def balances(tx: Transaction, member_id: UUID, *, soon: datetime) -> Sequence[Row[Any]]:
    """`wallet, balance, debt, expired, expiring, next_expiry` now, of each wallet. Raises MemberUnknownError."""
    rows = await store.balances(tx, member_id, now=tx.now, soon=soon)
    if not rows:
        raise MemberUnknownError(member_id)
    return rows


async def balances_as_of(
    tx: Transaction, member_id: UUID, *, occurred_at: datetime, recorded_at: datetime
) -> Sequence[Row[Any]]:
    """`wallet, balance, debt, expired`: what we knew at `recorded_at` of `occurred_at`. Raises MemberUnknownError."""
    await wallets_of(tx, member_id)
    return await store.balances_as_of(tx, member_id, occurred_at=occurred_at, recorded_at=recorded_at)


async def newest(tx: Transaction, member_id: UUID, wallet: str, *, before: int | None, limit: int) -> list[Transfer]:
    """Transfers below the sequence `before`, the newest first. Raises MemberUnknownError."""
    await wallets_of(tx, member_id)
    return await store.newest(tx, member_id, wallet, before=before or MAX_SEQUENCE, limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The chain of one wallet: `head` in hexadecimal is its receipt."""

    wallet: str
    transfers: int
    head: str
    breaks: Sequence[Break]


async def verify(tx: Transaction, member_id: UUID) -> list[Verified]:
    """Read all chains of the member again, from the first transfer on. Raises MemberUnknownError."""
    return [await _verify(tx, member_id, row) for row in await wallets_of(tx, member_id)]


async def _verify(tx: Transaction, member_id: UUID, row: Any) -> Verified:
    sequence, head, found = 0, domain.GENESIS, list[Break]()
    while part := await store.transfers_of(tx, member_id, row.wallet, after=sequence, limit=CHAIN_PART):
        found += domain.breaks(part, sequence=sequence, head=head)
        sequence, head = part[-1].sequence, part[-1].hash
    if (sequence, head) != (row.sequence, row.head):
        found.append(Break(wallet=row.wallet, sequence=row.sequence, problem="is not where the chain ends"))
    return Verified(wallet=row.wallet, transfers=sequence, head=row.head.hex(), breaks=found)
