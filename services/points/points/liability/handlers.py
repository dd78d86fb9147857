"""The liability of points that members hold, and how much of it will break away."""

from common.storage import Transaction
from common.storage.programme import programme
from points.liability import domain, store
from points.liability.domain import Liability
from points.redemption import handlers as redemption
from points.wallet_types import handlers as wallet_types


async def estimate(tx: Transaction, wallet: str) -> Liability:
    """Of one type of wallet, now. Raises WalletTypeUnknownError."""
    await wallet_types.known(tx, wallet)
    settings = await programme(tx)
    return domain.estimate(await store.cohorts(tx, wallet, settings.time_zone))


async def value_of_points(tx: Transaction) -> tuple[int, int]:
    """(points, minor units) that they are worth by the redemption policy."""
    policy = await redemption.policy(tx)
    return policy.points, policy.minor_units


async def spendable_wallets(tx: Transaction) -> list[str]:
    """Only what can be spent costs anything."""
    types = await wallet_types.load(tx)
    return sorted(key for key, one in types.by_key.items() if one.spendable)
