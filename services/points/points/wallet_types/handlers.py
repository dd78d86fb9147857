"""Types of wallets: read by everybody who earns or spends, changed by operators."""

from common.storage import Transaction
from points.errors import WalletTypeUnknownError
from points.wallet_types import store
from points.wallet_types.domain import WalletType, WalletTypes


async def load(tx: Transaction) -> WalletTypes:
    """All types now; cheap enough for every batch."""
    return await store.load(tx)


async def known(tx: Transaction, key: str) -> WalletType:
    """One type. Raises WalletTypeUnknownError."""
    types = await store.load(tx)
    if not types.knows(key):
        raise WalletTypeUnknownError(key)
    return types.of(key)


async def lock(tx: Transaction, key: str) -> int:
    """Before a change: the revision that is to be replaced, 0 while the type is as built in."""
    return await store.lock(tx, key)


async def put(tx: Transaction, one: WalletType, updated_by: str) -> WalletType:
    """Set a type whole. What was credited before keeps its expiry."""
    await store.put(tx, one, updated_by)
    return (await store.load(tx)).of(one.key)
