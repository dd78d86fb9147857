"""The hash chain of a member's wallet: each transfer carries the hash of the one before it. Pure.

Rows are named tuples: a batch of them becomes columns with `zip`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

GENESIS = bytes(32)
"""What the first transfer of a wallet names as the hash before it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Cause(NamedTuple):
    """Why points move: the word for it, the purchase, and further what of it (a return's id).

    What is no purchase has an empty order and its own id as `reference`.
    """

    kind: str
    order_source: str
    order_id: str
    reference: str
    occurred_at: datetime
    recorded_at: datetime


class Transfer(NamedTuple):
    """One row of the ledger. `balance` to `held` are the member's afterwards; unknown texts are empty."""

    member_id: UUID
    wallet: str
    sequence: int
    from_account: str
    to_account: str
    points: int
    balance: int
    debt: int
    pending: int
    held: int
    kind: str
    order_source: str
    order_id: str
    reference: str
    occurred_at: datetime
    recorded_at: datetime
    previous_hash: bytes
    hash: bytes

    @property
    def cause(self) -> Cause:
        return Cause(self.kind, self.order_source, self.order_id, self.reference, self.occurred_at, self.recorded_at)


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
    pending: int,
    held: int,
    cause: Cause,
) -> bytes:
    """SHA-256 over the canonical form of a transfer: the hash before it (32 bytes), the member id (16 bytes), then as
    UTF-8, parted by NUL, which no text of ours contains: wallet, sequence, from, to, points, balance, debt, pending,
    held, kind, order source, order id, reference, and occurred and recorded as microseconds since 1970 in UTC.
    """
    kind, order_source, order_id, reference, occurred_at, recorded_at = cause
    text = (
        f"{wallet}\0{sequence}\0{from_account}\0{to_account}\0{points}\0{balance}\0{debt}\0{pending}\0{held}\0{kind}\0"
        f"{order_source}\0{order_id}\0{reference}\0{microseconds(occurred_at)}\0{microseconds(recorded_at)}"
    )
    return sha256(previous_hash + member_id.bytes + text.encode()).digest()


def rehashed(row: Transfer) -> bytes:
    """The hash that this row should carry, by the hash before it that it names."""
    return chained(
        row.previous_hash,
        row.member_id,
        row.wallet,
        row.sequence,
        row.from_account,
        row.to_account,
        row.points,
        row.balance,
        row.debt,
        row.pending,
        row.held,
        row.cause,
    )


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
        if row.hash != rehashed(row):
            found.append(Break(wallet=row.wallet, sequence=sequence, problem="was changed"))
        head = row.hash
    return found
