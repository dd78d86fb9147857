"""The limit on wrong codes: per member, per device, and of all strangers of a caller, over all processes."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from common.security.callers import Caller
from common.storage import Transaction
from points.coupon_codes import store
from points.coupon_codes.domain import (
    PER_CALLER,
    PER_DEVICE,
    PER_MEMBER,
    TooManyWrongCodesError,
    TryLimit,
    wait_seconds,
    window_start,
)

Counted = tuple[str, str, TryLimit]
"""Word for people, key in the table, limit."""

KEPT_WINDOWS = 4


def counted(caller: Caller, member_id: UUID | None, device: str) -> list[Counted]:
    """Whose tries are counted together. `device` is the caller's own name for who typed the code.

    A member (that is known here) answers for itself alone: else a stranger who tries enough wrong codes would shut out
    all members of the same shop. Strangers can change their device, so those of a caller are counted together.
    """
    if member_id is not None:
        found: list[Counted] = [("member", f"member:{member_id}", PER_MEMBER)]
    else:
        found = [("caller", f"caller:{caller.subject}", PER_CALLER)]
    if device:
        found.append(("device", f"device:{caller.subject}:{device}", PER_DEVICE))
    return found


async def check(tx: Transaction, who: Sequence[Counted]) -> None:
    """Raises TooManyWrongCodesError when one of them has tried too many.

    A member's (and a device's) tries take turns, or many at once would all see a count below the limit. A caller's do
    not: a shop's server would check out one customer after the other.
    """
    for key in sorted(key for word, key, _ in who if word != "caller"):
        await store.take_turns(tx, key)
    windows = {limit.window_seconds for _, _, limit in who}
    for seconds in windows:
        current = window_start(tx.now, seconds)
        before = current - timedelta(seconds=seconds)
        keys = [key for _, key, _ in who]
        counts = await store.counts(tx, keys, before=before, current=current)
        for word, key, limit in who:
            wait = wait_seconds(
                limit, tx.now, before=counts.get((key, before), 0), current=counts.get((key, current), 0)
            )
            if limit.window_seconds == seconds and wait:
                raise TooManyWrongCodesError(word, limit.times, seconds, wait)


async def wrong(tx: Transaction, who: Sequence[Counted], codes: int) -> None:
    """Count wrong codes. It must be committed: answer, do not raise, after it."""
    for seconds in sorted({limit.window_seconds for _, _, limit in who}):
        keys = [key for _, key, limit in who if limit.window_seconds == seconds]
        await store.add(tx, keys, current=window_start(tx.now, seconds), wrong=codes)


async def forget(tx: Transaction) -> None:
    """Timed job: windows that count no more."""
    longest = max(limit.window_seconds for limit in (PER_MEMBER, PER_DEVICE, PER_CALLER))
    await store.forget(tx, tx.now - timedelta(seconds=KEPT_WINDOWS * longest))
