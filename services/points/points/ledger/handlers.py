"""Wallets locked in the members' order, moved by the domain, saved whole."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from common.storage import Transaction
from points.ledger import domain, store
from points.ledger.domain import Wallet

FIRST_WALLET = "points"
"""Every member has it from the beginning; its row is what transactions lock to take turns on a member."""


class Wallets:
    """The wallets of some members, locked. A member that is not known has none."""

    def __init__(self, wallets: Iterable[Wallet]) -> None:
        self._wallets = {(wallet.member_id, wallet.name): wallet for wallet in wallets}

    def of(self, member_id: UUID, name: str) -> Wallet:
        """The member's wallet; one of another type than the first is opened when it is needed."""
        wallet = self._wallets.get((member_id, name))
        if wallet is None:
            wallet = self._wallets[member_id, name] = Wallet(member_id, name, is_new=True)
        return wallet

    def all(self) -> Sequence[Wallet]:
        return sorted(self._wallets.values(), key=lambda wallet: (wallet.member_id.int, wallet.name))

    def member_ids(self) -> list[UUID]:
        return [member_id for member_id, name in self._wallets if name == FIRST_WALLET]


async def open_wallets(tx: Transaction, member_ids: Iterable[UUID]) -> None:
    """Called when a member becomes known."""
    await store.open_wallets(tx, member_ids, FIRST_WALLET, domain.GENESIS)


async def lock(tx: Transaction, member_ids: Iterable[UUID]) -> Wallets:
    """Lock these members' wallets until the transaction ends. What depends on a member is read after this."""
    wallets = Wallets(await store.lock(tx, member_ids))
    await load_lots(
        tx, [one for one in wallets.all() if one.earliest_expiry is not None and one.earliest_expiry <= tx.now]
    )
    return wallets


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
