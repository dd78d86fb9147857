"""Coupons for many members: a job that is worked off in parts, each in one commit with how far it came.

So a worker that is killed loses nothing and gives nothing twice: the next one goes on after the last part. The coupon's
reference is the job, and the database lets a member have only one coupon of a template by one reference.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row

from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from points.coupon_batches import domain, store
from points.coupon_batches.domain import (
    COLLECTING,
    DONE,
    FAILED,
    HOPELESS,
    MEMBERS,
    Batch,
    BatchFullError,
    BatchStateError,
    BatchUnknownError,
)
from points.coupon_templates import handlers as templates
from points.coupons import handlers as coupons
from points.coupons.domain import BULK, Coupon, Grant
from points.coupons.refusals import CouponRefusedError

PER_RUN = 1_000
MAX_MEMBERS = 1_000_000


async def create(
    tx: Transaction, caller: Caller, *, template: str, audience: str, chosen: str, members: Sequence[UUID]
) -> Batch:
    """A job that collects its members; it begins with `start`. Raises TemplateUnknownError."""
    await templates.find(tx, template)
    batch = Batch(
        batch_id=uuid4(),
        template=template,
        audience=audience,
        chosen=chosen,
        state=COLLECTING,
        total=0,
        issued=0,
        failed=0,
        reached=None,
        why="",
        created_at=tx.now,
        created_by=caller.subject,
        changed_at=tx.now,
    )
    await store.add(tx, batch)
    if members:
        await store.add_members(tx, batch.batch_id, members)
    await audit(tx, caller, "coupon_batch.created", batch.batch_id, template=template, audience=audience)
    return batch


async def add_members(tx: Transaction, batch_id: UUID, members: Sequence[UUID]) -> tuple[int, int]:
    """Further members of the list while it is collected: how many were new, how many there are.

    Raises BatchUnknownError, BatchStateError, BatchFullError.
    """
    batch = await _lock(tx, batch_id)
    if batch.state != COLLECTING or batch.audience != MEMBERS:
        raise BatchStateError(batch_id, batch.state, "take members")
    new = await store.add_members(tx, batch_id, members)
    listed = await store.listed(tx, batch_id)
    if listed > MAX_MEMBERS:
        raise BatchFullError(batch_id, listed, MAX_MEMBERS)
    return new, listed


async def move(tx: Transaction, caller: Caller, batch_id: UUID, move: str) -> Batch:
    """start, pause, resume, cancel. What was issued stays issued. Raises BatchUnknownError, BatchStateError."""
    batch = domain.moved(await _lock(tx, batch_id), move)
    if move == "start":
        batch = batch._replace(total=await store.size(tx, batch))
    await store.save(tx, batch)
    await audit(tx, caller, f"coupon_batch.{move}", batch_id)
    return batch


async def work(tx: Transaction) -> None:
    """Timed job: the next part of the oldest running job. Members that joined behind `reached` are left out."""
    batch = await store.next_running(tx)
    if batch is None:
        return
    members = await store.following(tx, batch, PER_RUN)
    results = await coupons.issue_many(tx, [_grant(batch, member_id, tx.now) for member_id in members])
    for place, result in enumerate(results):
        if isinstance(result, CouponRefusedError) and _hopeless(result):
            # Stop before this member: once the template is mended, `resume` goes on with it.
            await _keep(tx, batch, members[:place], results[:place], state=FAILED, why=str(result))
            return
    await _keep(tx, batch, members, results, state=batch.state if len(members) == PER_RUN else DONE)


def _hopeless(refused: CouponRefusedError) -> bool:
    return refused.code in HOPELESS or getattr(refused, "per", "") == "total"


def _grant(batch: Batch, member_id: UUID, now: datetime) -> Grant:
    return Grant(
        template=batch.template, member_id=member_id, reason=BULK, reference=str(batch.batch_id), occurred_at=now
    )


async def _keep(
    tx: Transaction,
    batch: Batch,
    members: Sequence[UUID],
    results: Sequence[Coupon | CouponRefusedError],
    *,
    state: str,
    why: str = "",
) -> None:
    refused = [
        (member_id, result.code, str(result))
        for member_id, result in zip(members, results, strict=True)
        if isinstance(result, CouponRefusedError)
    ]
    if refused:
        await store.add_errors(tx, batch.batch_id, refused)
    await store.save(
        tx,
        batch._replace(
            state=state,
            issued=batch.issued + len(members) - len(refused),
            failed=batch.failed + len(refused),
            reached=members[-1] if members else batch.reached,
            why=why,
        ),
    )


async def find(tx: Transaction, batch_id: UUID) -> Batch:
    """Raises BatchUnknownError."""
    batch = await store.find(tx, batch_id)
    if batch is None:
        raise BatchUnknownError(batch_id)
    return batch


async def batches(tx: Transaction, state: str | None, *, before: tuple[datetime, UUID], limit: int) -> list[Batch]:
    """The newest first."""
    return await store.batches(tx, state, before=before, limit=limit)


async def errors(tx: Transaction, batch_id: UUID, code: str | None, *, after: UUID, limit: int) -> Sequence[Row[Any]]:
    """Members who got none, and why. Raises BatchUnknownError."""
    await find(tx, batch_id)
    return await store.errors(tx, batch_id, code, after=after, limit=limit)


async def _lock(tx: Transaction, batch_id: UUID) -> Batch:
    batch = await store.lock(tx, batch_id)
    if batch is None:
        raise BatchUnknownError(batch_id)
    return batch
