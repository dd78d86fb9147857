"""Expiry: at `expires_at` points are gone; the sweep writes it down, and members are told some days ahead."""

from datetime import timedelta

from common.events.points import PointsExpired, PointsExpiring
from common.storage import Transaction
from points.expiry import store
from points.wallet_types import handlers as wallet_types
from points.wallet_types.domain import NOTICE_DAYS

WALLETS_PER_RUN = 2_000
"""They are locked while they are swept, for less than a second; the next run goes on with others."""
NOTICES_PER_RUN = 10_000


async def sweep(tx: Transaction) -> None:
    """Timed job: write down what has expired in some wallets. Again writes nothing more."""
    await sweep_some(tx, WALLETS_PER_RUN)


async def sweep_some(tx: Transaction, limit: int) -> int:
    """The same for at most so many wallets; returns how many lots were emptied."""
    wallets = await store.lock(tx, limit=limit)
    if not wallets:
        return 0
    expired = 0
    for row in await store.sweep(tx, wallets):
        expired += row.lots
        tx.emit(
            PointsExpired(
                member_id=row.member_id,
                wallet=row.wallet,
                sequence=row.sequence,
                points=row.points,
                balance=row.spendable,
                debt=row.debt,
                occurred_at=row.expires_at,
                lots=row.lots,
                pending=row.points if row.pending else 0,
            )
        )
    return expired


async def notify_ahead(tx: Transaction) -> None:
    """Timed job: tell of points that are going to expire, once for each step of days ahead.

    Points that come when several steps are past are told of once, by the nearest.
    """
    types = await wallet_types.load(tx)
    by_wallet = {key: one.notice_days for key, one in types.by_key.items()}
    furthest = max((day for days in (*by_wallet.values(), NOTICE_DAYS) for day in days), default=0)
    horizon = tx.now + timedelta(days=furthest)
    rows = await store.notice(tx, by_wallet=by_wallet, otherwise=NOTICE_DAYS, horizon=horizon, limit=NOTICES_PER_RUN)
    for row in rows:
        tx.emit(
            PointsExpiring(
                member_id=row.member_id,
                wallet=row.wallet,
                points=row.points,
                expires_at=row.expires_at,
                balance=row.balance,
            )
        )
