"""The queue of mails: put in, taken out under a lease, given back, settled. Notices are dispatch's business."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from notify.channels import store
from notify.channels.domain import Attempt, next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One mail taken out of the queue. `tries` made before in this round.

    `interrupted`: a worker had taken it and never said what became of it, so it may have arrived.
    """

    notice_id: UUID
    member_id: UUID
    tries: int
    interrupted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A delivery and the attempt that was made."""

    delivery: Delivery
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a delivery: the notice is `sent`, `failed` or `queued`; the attempt's answer is the reason."""

    notice_id: UUID
    state: str
    reason: str


async def queue(tx: Transaction, mails: Sequence[tuple[UUID, UUID]], *, due_at: datetime) -> None:
    """Mails (notice, member) that are to go out from `due_at` on; none of them is in the queue."""
    if mails:
        await store.queue(tx, mails, due_at)


async def claim(tx: Transaction, lease: UUID, *, lease_seconds: float, limit: int) -> list[Delivery]:
    """Take what is due. Whoever does not settle or release it within the lease loses it to the next."""
    rows = await store.claim(tx, lease, until=tx.now + timedelta(seconds=lease_seconds), limit=limit)
    return [
        Delivery(notice_id=row.notice_id, member_id=row.member_id, tries=row.tries, interrupted=row.interrupted)
        for row in sorted(rows, key=lambda row: row.notice_id)
    ]


async def release(tx: Transaction, lease: UUID, deliveries: Sequence[Delivery]) -> None:
    """Give back what was not tried: no attempt is counted."""
    if deliveries:
        await store.release(tx, lease, [delivery.notice_id for delivery in deliveries])


async def postpone(tx: Transaction, lease: UUID, deliveries: Sequence[Delivery], *, seconds: float) -> None:
    """Give back for later, without counting an attempt."""
    if deliveries:
        due_at = tx.now + timedelta(seconds=seconds)
        await store.postpone(tx, lease, [(delivery.notice_id, due_at, delivery.tries) for delivery in deliveries])


async def drop(tx: Transaction, deliveries: Sequence[Delivery]) -> None:
    """Out of the queue: their notices are suppressed."""
    if deliveries:
        await store.done(tx, [delivery.notice_id for delivery in deliveries])


async def note_interrupted(tx: Transaction, provider: str, deliveries: Sequence[Delivery]) -> None:
    """Keep in view that a message may have gone out before a worker ended."""
    unknown = Attempt(
        outcome="unknown",
        code=0,
        answer="the worker ended while sending; it may have arrived",
        started_at=tx.now,
        duration_ms=0,
    )
    if deliveries:
        await store.attempted(tx, provider, [(one.notice_id, one.member_id, unknown) for one in deliveries])


async def record(tx: Transaction, lease: UUID, provider: str, tried: Sequence[Tried]) -> list[Result]:
    """Keep every attempt, and say what became of each delivery.

    A mail that was accepted is done whoever holds it now. A refusal counts only while the lease is held: else another
    worker has the mail, and its attempt decides.
    """
    if not tried:
        return []
    await store.attempted(
        tx, provider, [(one.delivery.notice_id, one.delivery.member_id, one.attempt) for one in tried]
    )
    steps = [(one, next_step(one.attempt, one.delivery.tries + 1, tx.now)) for one in tried]
    accepted = [one.delivery.notice_id for one, step in steps if step.state == "sent"]
    given_up = [one.delivery.notice_id for one, step in steps if step.state == "failed"]
    again = [(one.delivery.notice_id, step.due_at, one.delivery.tries + 1) for one, step in steps if step.due_at]
    held = set(accepted)
    if accepted:
        await store.done(tx, accepted)
    if given_up:
        held |= await store.give_up(tx, lease, given_up)
    if again:
        held |= await store.postpone(tx, lease, again)
    return [
        Result(
            notice_id=one.delivery.notice_id,
            state=step.state,
            reason="" if step.state != "failed" else one.attempt.answer,
        )
        for one, step in steps
        if one.delivery.notice_id in held
    ]


async def attempts(tx: Transaction, notice_id: UUID) -> Sequence[Row[Any]]:
    """Every attempt of a notice, oldest first."""
    return await store.attempts(tx, notice_id)


async def figures(tx: Transaction) -> Sequence[Row[Any]]:
    """Attempts by channel and outcome."""
    return await store.figures(tx)


async def waiting(tx: Transaction) -> Row[Any]:
    """How many mails wait and since when the oldest is due."""
    return await store.waiting(tx)
