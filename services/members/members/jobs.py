"""Timed jobs."""

from common.runtime.schedule import every
from common.security.callers import SYSTEM
from common.storage import Transaction
from members import keyring
from members.purchases import handlers as purchases
from members.signing import handlers as signing
from members.staff import handlers as staff

REWRAPPED_PER_RUN = 5_000


async def data_keys_rewrapped(tx: Transaction) -> None:
    """After a new master key: seal the members' data keys with it, some at a time, until none is left."""
    await keyring.current().cipher.rewrap(tx, limit=REWRAPPED_PER_RUN)


async def signing_keys_tended(tx: Transaction) -> None:
    keys = keyring.current()
    lifetime, days = keys.token_lifetime_seconds, keys.signing_key_life_days
    await signing.tend(tx, SYSTEM, keys.cipher.masters, lifetime_seconds=lifetime, life_days=days)


SCHEDULE = [
    every(seconds=2, run=purchases.reviewed, name="tiers.reviewed"),
    every(seconds=15, run=purchases.returns_matched),
    every(seconds=60, run=data_keys_rewrapped, name="keys.data_keys_rewrapped"),
    every(seconds=3600, run=signing_keys_tended, name="keys.signing_keys_tended"),
    every(seconds=3600, run=staff.tries_forgotten),
]
