"""A member's proof: every transfer of a wallet, from the first or from one the member knows, to the newest."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common.storage import Transaction
from points.ledger import views
from points.ledger.domain import GENESIS, Transfer
from points.receipts import store
from points.receipts.errors import ReceiptMismatchError, SequenceUnknownError


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Transfers after `after_sequence`, whose hash is `after_hash`; `complete` when the last of them is the newest."""

    member_id: UUID
    wallet: str
    after_sequence: int
    after_hash: bytes
    transfers: Sequence[Transfer]
    head_sequence: int
    head_hash: bytes

    @property
    def complete(self) -> bool:
        last = self.transfers[-1].sequence if self.transfers else self.after_sequence
        return last == self.head_sequence


async def receipt(
    tx: Transaction, member_id: UUID, wallet: str, *, sequence: int, expected: bytes | None, limit: int
) -> Receipt:
    """At most `limit` transfers after `sequence` (0: from the first). `expected` is the hash the member has of it.

    Raises MemberUnknownError, SequenceUnknownError, ReceiptMismatchError (what the member has is not what is here).
    """
    wallets = {row.wallet: row for row in await views.wallets_of(tx, member_id)}
    row = wallets.get(wallet)
    head_sequence, head = (row.sequence, bytes(row.head)) if row else (0, GENESIS)
    if sequence > head_sequence:
        raise SequenceUnknownError(wallet, sequence=sequence, newest=head_sequence)
    after = GENESIS if sequence == 0 else await store.hash_at(tx, member_id, wallet, sequence)
    if expected is not None and expected != after:
        raise ReceiptMismatchError(wallet, sequence=sequence, yours=expected.hex(), ours=after.hex())
    transfers = await store.transfers_between(tx, member_id, wallet, after=sequence, upto=head_sequence, limit=limit)
    return Receipt(
        member_id=member_id,
        wallet=wallet,
        after_sequence=sequence,
        after_hash=after,
        transfers=transfers,
        head_sequence=head_sequence,
        head_hash=head,
    )
