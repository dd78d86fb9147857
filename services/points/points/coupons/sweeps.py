"""Timed jobs: what time does to coupons. Each writes whole sets, and running it twice writes nothing more."""

from common.events.coupons import CouponExpired, CouponExpiring
from common.storage import Transaction
from points import keyring
from points.coupon_codes import minting
from points.coupons import domain, store
from points.coupons.handlers import facts, lock, uncount

PER_RUN = 5_000
RESEALED_PER_RUN = 2_000


async def expire(tx: Transaction) -> None:
    """Write down what has expired. Coupons end on time without it."""
    expired = await store.expire(tx, PER_RUN)
    if expired:
        await store.note(tx, expired, "expired")
    for coupon in expired:
        tx.emit(CouponExpired(**facts(coupon, coupon.expires_at or tx.now)))


async def tell_ahead(tx: Transaction) -> None:
    """Tell of coupons that will expire, as many days ahead as their templates want, once."""
    for coupon in await store.notice(tx, PER_RUN):
        if coupon.state_at(tx.now) == domain.ACTIVE:
            tx.emit(CouponExpiring(**facts(coupon, tx.now)))


async def unlock(tx: Transaction) -> None:
    """End locks that were neither used nor released in time."""
    found = await lock(tx, await store.overdue(tx, PER_RUN))
    overdue = [one for one in found if one.state == domain.LOCKED and one.state_at(tx.now) != domain.LOCKED]
    if overdue:
        await uncount(tx, overdue, issued=False)
        await store.change(tx, [domain.freed(coupon) for coupon in overdue])
        await store.note(tx, overdue, "released", "overdue")


async def reseal(tx: Transaction) -> None:
    """After a new master key: seal codes with it, some at a time, until none is left."""
    if not keyring.given():
        return
    key_id = keyring.current().masters.current_id
    fresh = [
        (row.coupon_id, minting.sealed_again(row.code_index, row.code_sealed))
        for row in await store.sealed_before(tx, key_id, RESEALED_PER_RUN)
    ]
    opened = [(coupon_id, code.sealed) for coupon_id, code in fresh if code is not None]
    if opened:
        await store.sealed_again(tx, key_id, opened)
