"""Timed jobs."""

from common.runtime.schedule import daily, every
from common.storage import Transaction
from points import keyring
from points.checks import handlers as checks
from points.coupon_batches import handlers as coupon_batches
from points.coupon_codes import handlers as coupon_codes
from points.coupon_pools import handlers as coupon_pools
from points.coupons import sweeps as coupon_sweeps
from points.draws import epochs as draw_epochs
from points.expiry import handlers as expiry
from points.ledger import handlers as ledger
from points.merges import handlers as merges
from points.redemption import holds
from points.returns import crossing
from points.returns import handlers as returns
from points.reward_fulfilment import handlers as reward_fulfilment

REWRAPPED_PER_RUN = 5_000


async def data_keys_rewrapped(tx: Transaction) -> None:
    """After a new master key: seal the members' data keys with it, some at a time, until none is left."""
    if keyring.given():
        await keyring.current().rewrap(tx, limit=REWRAPPED_PER_RUN)


SCHEDULE = [
    every(seconds=10, run=returns.settle),
    every(seconds=10, run=crossing.settle, name="activities.settle"),
    every(seconds=10, run=ledger.release_due),
    every(seconds=5, run=expiry.sweep),
    every(seconds=300, run=expiry.notify_ahead),
    every(seconds=5, run=holds.end_overdue, name="redemption.end_overdue"),
    every(seconds=30, run=merges.settle),
    every(seconds=60, run=checks.check, name="ledger.check"),
    every(seconds=30, run=reward_fulfilment.cancel_overdue, name="rewards.cancel_overdue"),
    every(seconds=60, run=data_keys_rewrapped, name="keys.data_keys_rewrapped"),
    daily(at="04:00", run=checks.check_everything, name="ledger.check_everything"),
    every(seconds=1, run=coupon_batches.work),
    every(seconds=10, run=coupon_sweeps.unlock),
    every(seconds=10, run=coupon_sweeps.expire),
    every(seconds=60, run=coupon_sweeps.tell_ahead),
    every(seconds=60, run=coupon_sweeps.reseal),
    every(seconds=60, run=coupon_pools.reseal),
    every(seconds=600, run=coupon_codes.forget),
    every(seconds=60, run=draw_epochs.end_over, name="draws.end_over"),
    every(seconds=600, run=draw_epochs.seeds_rewrapped, name="draws.seeds_rewrapped"),
]
