"""What people see of a member's ledger: balances at any two times, transfers, and whether the chain holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from points.errors import MemberUnknownError
from points.ledger import chain, reading
from points.ledger.chain import Break, Transfer
from points.ledger.reading import Chosen

FIRST_WALLET = "points"
"""Every member has it from the beginning; its row is what transactions lock to take turns on a member."""

CHAIN_PART = 5_000
"""Transfers that are held in memory at a time while a chain is verified."""
MAX_SEQUENCE = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A wallet at a time, whatever the timed jobs have written down yet: points that can be spent, that wait, that are
    reserved, and what is owed; `expiring` of the available ones soon.
    """

    wallet: str
    available: int
    pending: int
    held: int
    debt: int
    expiring: int
    next_expiry: datetime | None
    next_release: datetime | None


def _balance(row: Any) -> Balance:
    # What became available has repaid debt first, though it is not written down yet.
    debt, repaid = int(row.debt), 0
    for points, expired in row.due or ():
        part = min(debt, int(points))
        debt -= part
        repaid += 0 if expired else part
    available = int(row.balance) + int(row.pending) - int(row.waiting) - int(row.expired) - repaid
    if available < 0:
        # In the past only: what was taken then, as became known later, came out of points that were not there yet.
        debt, available = debt - available, 0
    return Balance(
        wallet=row.wallet,
        available=available,
        pending=int(row.waiting),
        held=int(row.held),
        debt=debt,
        expiring=int(row.expiring),
        next_expiry=row.next_expiry,
        next_release=row.next_release,
    )


async def wallets_of(tx: Transaction, member_id: UUID) -> Sequence[Row[Any]]:
    """`wallet, sequence, head, balance, debt, pending, held` of each wallet. Raises MemberUnknownError."""
    wallets = await reading.wallets_of(tx, member_id)
    if not wallets:
        raise MemberUnknownError(member_id)
    return wallets


async def balances(tx: Transaction, member_id: UUID, *, soon: datetime) -> list[Balance]:
    """Each wallet now. Raises MemberUnknownError."""
    rows = await reading.balances(tx, member_id, now=tx.now, soon=soon)
    if not rows:
        raise MemberUnknownError(member_id)
    return [_balance(row) for row in rows]


async def balances_as_of(
    tx: Transaction, member_id: UUID, *, occurred_at: datetime, recorded_at: datetime
) -> list[Balance]:
    """What we knew at `recorded_at` of `occurred_at`. Raises MemberUnknownError."""
    await wallets_of(tx, member_id)
    rows = await reading.balances_as_of(tx, member_id, occurred_at=occurred_at, recorded_at=recorded_at)
    return [_balance(row) for row in rows]


async def newest(
    tx: Transaction, member_id: UUID, wallet: str, chosen: Chosen, *, before: int | None, limit: int
) -> list[Transfer]:
    """The chosen transfers below the sequence `before`, the newest first. Raises MemberUnknownError."""
    await wallets_of(tx, member_id)
    return await reading.newest(tx, member_id, wallet, chosen, before=before or MAX_SEQUENCE, limit=limit)


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
    sequence, head, found = 0, chain.GENESIS, list[Break]()
    while True:
        while part := await reading.transfers_of(tx, member_id, row.wallet, after=sequence, limit=CHAIN_PART):
            found += chain.breaks(part, sequence=sequence, head=head)
            sequence, head = part[-1].sequence, part[-1].hash
        if (sequence, head) == (row.sequence, row.head):
            break
        # The wallet may have moved on while its transfers were read.
        before, row = row, next(one for one in await wallets_of(tx, member_id) if one.wallet == row.wallet)
        if before == row:
            found.append(Break(wallet=row.wallet, sequence=row.sequence, problem="is not where the chain ends"))
            break
    return Verified(wallet=row.wallet, transfers=sequence, head=row.head.hex(), breaks=found)
