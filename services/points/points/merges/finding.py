"""Where members' points are now: of whom to lock the wallets, and what became of lots that went on with merges."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from common.storage import Transaction
from points.errors import MemberUnknownError
from points.ledger import handlers as ledger
from points.merges import store
from points.merges.handlers import survivor, with_survivors


async def lock_survivor(tx: Transaction, member_id: UUID) -> tuple[UUID, ledger.Wallets]:
    """Who the member is now, and that one's wallets, locked. A request that waited for a merge (or its undoing) is
    begun again: the points are somewhere else. Raises MemberUnknownError.
    """
    now = await survivor(tx, member_id)
    wallets = await ledger.lock(tx, [now])
    if not wallets.knows(now):
        raise MemberUnknownError(member_id)
    if await survivor(tx, member_id) != now:
        await ledger.begin_again(tx)
    return now, wallets


async def lock_with_survivors(tx: Transaction, member_ids: Iterable[UUID]) -> ledger.Wallets:
    """The wallets of these members and of all they were merged into, locked. Begun again like `lock_survivor`."""
    people = await with_survivors(tx, member_ids)
    wallets = await ledger.lock(tx, people)
    if await with_survivors(tx, people) != people:
        await ledger.begin_again(tx)
    return wallets


async def lots_now(
    tx: Transaction, member_id: UUID, wallet: str, sequences: Sequence[int]
) -> dict[UUID, Sequence[int]]:
    """These lots of a member, and the lots they became with merges that were not undone: sequences by member."""
    return await store.lots_now(tx, member_id, wallet, sequences)
