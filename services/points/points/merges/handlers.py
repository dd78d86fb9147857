"""Two members become one, and two again: lock both, move, save, tell."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from common.events import Event
from common.events.members import MemberMerge, MemberMerged, MemberUnmerged
from common.events.points import PointsTransferred
from common.messaging import Outcome, dead, duplicate, retry
from common.security.audit import audit
from common.security.callers import SYSTEM, Caller
from common.storage import Transaction
from points.errors import MemberUnknownError
from points.facts import handlers as facts
from points.ledger import handlers as ledger
from points.ledger.domain import MERGE, Cause, Wallet, repay_debt
from points.merges import domain, store
from points.merges.domain import LOT, MERGE_UNDONE, MERGED, OWED, UNDONE, Merge, Move
from points.merges.errors import (
    AlreadyMergedError,
    MergeCycleError,
    MergeIdReusedError,
    MergeOrderError,
    MergeUnknownError,
    SelfMergeError,
)

LEFT_BEHIND_LIMIT = 100


async def members_merged(tx: Transaction, events: Sequence[Event[MemberMerged]]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for event in sorted(events, key=lambda event: (event.data.occurred_at, event.data.merge_id)):
        data = event.data
        if (known := await store.by_id(tx, data.merge_id)) and _same(known, data):
            outcomes.append(duplicate(event))
            continue
        try:
            await merge(
                tx, SYSTEM, data.merge_id, data.member_id, data.absorbed_member_id, data.occurred_at, cause=event
            )
        except MemberUnknownError:
            outcomes.append(retry(event, "unknown_member"))
        except SelfMergeError as error:
            outcomes.append(dead(event, "merged_into_itself", str(error)))
        except AlreadyMergedError as error:
            outcomes.append(dead(event, "already_merged", str(error)))
        except MergeCycleError as error:
            outcomes.append(dead(event, "merge_cycle", str(error)))
        except MergeIdReusedError as error:
            outcomes.append(dead(event, "merge_id_reused", str(error)))
    return outcomes


async def members_unmerged(tx: Transaction, events: Sequence[Event[MemberUnmerged]]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for event in sorted(events, key=lambda event: (event.data.occurred_at, event.data.merge_id)):
        known = await store.by_id(tx, event.data.merge_id)
        if known is None:
            outcomes.append(retry(event, "unknown_merge"))
        elif not _same(known, event.data):
            outcomes.append(dead(event, "merge_id_reused", str(MergeIdReusedError(known.merge_id))))
        elif known.state == UNDONE:
            outcomes.append(duplicate(event))
        else:
            try:
                await undo(tx, SYSTEM, known.merge_id, occurred_at=event.data.occurred_at, cause=event)
            except MergeOrderError:
                outcomes.append(retry(event, "merged_on"))
    return outcomes


def _same(known: Merge, told: MemberMerge) -> bool:
    return (known.member_id, known.absorbed_member_id) == (told.member_id, told.absorbed_member_id)


async def merge(
    tx: Transaction,
    caller: Caller,
    merge_id: UUID,
    member_id: UUID,
    absorbed_member_id: UUID,
    occurred_at: datetime,
    *,
    cause: Event[Any] | None = None,
) -> Merge:
    """All that the absorbed member has goes to `member_id`. The same merge again changes nothing.

    Raises SelfMergeError, MemberUnknownError, AlreadyMergedError, MergeCycleError, MergeIdReusedError.
    """
    if member_id == absorbed_member_id:
        raise SelfMergeError(member_id)
    wallets = await ledger.lock(tx, await with_survivors(tx, [member_id, absorbed_member_id]))
    known = await store.by_id(tx, merge_id)
    if known is not None:
        if (known.member_id, known.absorbed_member_id) != (member_id, absorbed_member_id):
            raise MergeIdReusedError(merge_id)
        return known
    for one in (member_id, absorbed_member_id):
        if not wallets.knows(one):
            raise MemberUnknownError(one)
    if before := await store.of_absorbed(tx, absorbed_member_id):
        raise AlreadyMergedError(absorbed_member_id, before.member_id, before.merge_id)
    if any(link.member_id == absorbed_member_id for link in await store.chain(tx, [member_id])):
        raise MergeCycleError(member_id, absorbed_member_id)
    new = Merge(
        merge_id=merge_id,
        member_id=member_id,
        absorbed_member_id=absorbed_member_id,
        state=MERGED,
        occurred_at=occurred_at,
        merged_at=tx.now,
        merged_by=caller.subject,
        undone_at=None,
        undone_by="",
    )
    await store.add(tx, new)
    await facts.merged(tx, absorbed_member_id, member_id, occurred_at)
    await audit(tx, caller, "members.merged", member_id, merge_id=merge_id, absorbed_member_id=absorbed_member_id)
    await forward(tx, wallets, [absorbed_member_id], merged_now=merge_id, cause=cause)
    await ledger.save(tx, wallets)
    return new


async def forward(
    tx: Transaction,
    wallets: ledger.Wallets,
    member_ids: Iterable[UUID],
    *,
    merged_now: UUID | None = None,
    cause: Event[Any] | None = None,
) -> None:
    """Let go on to the survivors what members that were merged have (again). The caller holds and saves the wallets;
    of a survivor that it does not hold nothing is moved: `settle` will. What comes after the merge `merged_now` goes on
    when it came, not when the members were merged.
    """
    for link in await store.chain(tx, member_ids):
        if not wallets.knows(link.member_id) or not wallets.knows(link.absorbed_member_id):
            continue
        moved: list[Move] = []
        number = await store.last_move(tx, link.merge_id)
        for source in [one for one in wallets.all() if one.member_id == link.absorbed_member_id]:
            target = wallets.of(link.member_id, source.name)
            await ledger.load_lots(tx, [source, target])
            latest = max(link.occurred_at, await ledger.latest_occurrence(tx, source) or link.occurred_at)
            times = domain.Times(link.occurred_at if link.merge_id == merged_now else latest, latest, tx.now)
            moved += domain.move(source, target, link.merge_id, times, after=number + len(moved))
        if moved:
            await store.add_moves(tx, link.merge_id, moved)
            for name, points in domain.net(moved).items():
                pair = wallets.of(link.absorbed_member_id, name), wallets.of(link.member_id, name)
                occurred_at = link.occurred_at if link.merge_id == merged_now else pair[1].transfers[-1].occurred_at
                _tell(tx, *pair, points, link.merge_id, occurred_at, "merge", cause)


async def settle(tx: Transaction) -> None:
    """Timed job: absorbed members that came by something nevertheless, at the same time as their merge."""
    members = await store.left_behind(tx, LEFT_BEHIND_LIMIT)
    if members:
        wallets = await ledger.lock(tx, await with_survivors(tx, members))
        await forward(tx, wallets, members)
        await ledger.save(tx, wallets)


async def undo(
    tx: Transaction,
    caller: Caller,
    merge_id: UUID,
    *,
    occurred_at: datetime | None = None,
    cause: Event[Any] | None = None,
) -> tuple[Merge, list[Move]]:
    """What came with a merge goes back as far as it is still there; each move says how much. Undoing it twice changes
    nothing. Raises MergeUnknownError, MergeOrderError.
    """
    found = await store.by_id(tx, merge_id)
    if found is None:
        raise MergeUnknownError(merge_id)
    wallets = await ledger.lock(tx, [found.member_id, found.absorbed_member_id])
    found = await store.by_id(tx, merge_id) or found
    moves = await store.moves(tx, merge_id)
    if found.state == UNDONE:
        return found, moves
    if later := await store.of_absorbed(tx, found.member_id):
        raise MergeOrderError(merge_id, later.merge_id)
    instant = occurred_at or tx.now
    why = Cause(MERGE_UNDONE, "", "", str(merge_id), instant, tx.now)
    back: list[Move] = []
    sums: dict[str, int] = {}
    for name in sorted({one.wallet for one in moves}):
        source, target = (wallets.of(one, name) for one in (found.absorbed_member_id, found.member_id))
        await ledger.load_lots(tx, [source, target])
        for one in moves:
            if one.wallet == name:
                given, spendable = await _give_back(tx, source, target, one, why)
                back.append(given)
                sums[name] = sums.get(name, 0) + spendable
        repay_debt(source, why)
    await store.undone(tx, merge_id, caller.subject)
    await facts.unmerged(tx, found.absorbed_member_id)
    if back:
        await store.gave_back(tx, merge_id, back)
    await audit(tx, caller, "members.unmerged", found.member_id, merge_id=merge_id)
    for name, points in sums.items():
        pair = wallets.of(found.member_id, name), wallets.of(found.absorbed_member_id, name)
        _tell(tx, *pair, points, merge_id, instant, "merge_undone", cause)
    await ledger.save(tx, wallets)
    done = replace(found, state=UNDONE, undone_at=tx.now, undone_by=caller.subject)
    return done, sorted(back, key=lambda one: one.number)


async def _give_back(tx: Transaction, source: Wallet, target: Wallet, one: Move, why: Cause) -> tuple[Move, int]:
    """The move with what went back, and what `source` has more for it: not what still waits, but what had been waiting
    when it came.
    """
    if one.kind == OWED:
        owed = domain.give_debt(source, target, one.points, why)
        return replace(one, gave_back=owed), -owed
    points, lot = domain.take_lot(target, one, why)
    if lot is None:
        return one, 0
    if one.kind == LOT:
        of_lot = why._replace(order_source=one.order_source, order_id=one.order_id)
        await ledger.give_back(tx, source, one.out_sequence, points, of_lot, from_account=MERGE, grace_days=0)
    else:
        domain.give_waiting(source, lot, points, why)
    return replace(one, gave_back=points), 0 if lot.pending else points


def _tell(
    tx: Transaction,
    giver: Wallet,
    taker: Wallet,
    points: int,
    merge_id: UUID,
    occurred_at: datetime,
    reason: str,
    cause: Event[Any] | None,
) -> None:
    """Both sides; nobody is told of nothing."""
    for wallet, other, signed in ((giver, taker, -points), (taker, giver, points)):
        if points:
            tx.emit(
                PointsTransferred(
                    member_id=wallet.member_id,
                    other_member_id=other.member_id,
                    wallet=wallet.name,
                    sequence=wallet.sequence,
                    points=signed,
                    balance=wallet.spendable,
                    debt=wallet.debt,
                    occurred_at=occurred_at,
                    transfer_id=merge_id,
                    reason=reason,
                ),
                cause=cause,
            )


async def survivor(tx: Transaction, member_id: UUID) -> UUID:
    """Who the member is now."""
    links = await store.chain(tx, [member_id])
    return links[-1].member_id if links else member_id


async def with_survivors(tx: Transaction, member_ids: Iterable[UUID]) -> list[UUID]:
    """These members and all they were merged into, to be locked together."""
    asked = set(member_ids)
    return sorted(asked | {link.member_id for link in await store.chain(tx, asked)})


async def get(tx: Transaction, merge_id: UUID) -> Merge:
    found = await store.by_id(tx, merge_id)
    if found is None:
        raise MergeUnknownError(merge_id)
    return found


async def by_ids(tx: Transaction, merge_ids: Iterable[UUID]) -> dict[UUID, Merge]:
    """Those that are known."""
    return await store.by_ids(tx, merge_ids)
