"""What goes from one member to another when two turn out to be one person: lots, not sums. Pure.

Each lot keeps its expiry, the time it was earned and the purchase it came from, so that a return finds it. Pending lots
go on waiting. Debt goes too, and is repaid from what is there. What has expired stays for the sweep, and what is held
stays held: it is confirmed where it was made, and what comes back of it goes on to the survivor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from points.ledger.domain import DEBT, MERGE, PENDING, WALLET, Cause, Lot, Wallet, repay_debt, transfer
from points.ledger.wallet import consume, is_expired, loaded, open_lot

LOT, WAITING, OWED = "lot", "pending", "debt"
MERGED, UNDONE = "merged", "undone"
MERGED_AWAY, MERGED_IN = "merged_away", "merged_in"
MERGE_UNDONE = "merge_undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """`absorbed_member_id` is `member_id` from `occurred_at` on, until it is undone."""

    merge_id: UUID
    member_id: UUID
    absorbed_member_id: UUID
    state: str
    occurred_at: datetime
    merged_at: datetime
    merged_by: str
    undone_at: datetime | None
    undone_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One lot, pending lot or debt that went over; `gave_back` of it returned when the merge was undone."""

    number: int
    wallet: str
    kind: str
    points: int
    out_sequence: int
    in_sequence: int
    earned_at: datetime | None
    expires_at: datetime | None
    order_source: str
    order_id: str
    moved_at: datetime
    gave_back: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """When what is moved went over: lots at `lots`, or when they were earned if that is later; debt, and what repays
    it, at `rest`. `now` is when it is written.
    """

    lots: datetime
    rest: datetime
    now: datetime


def move(source: Wallet, target: Wallet, merge_id: UUID, times: Times, *, after: int = 0) -> list[Move]:
    """Everything that `source` has goes to `target`; all lots of both are loaded. Moves are numbered after `after`.

    Nothing goes over before it was there: else balances of the time between would lack what they never had.
    """
    moves: list[Move] = []
    now = times.now
    for lot in sorted(loaded(source), key=lambda lot: lot.sequence):
        if not lot.remaining or (not lot.pending and is_expired(lot, now)):
            continue
        account, points = (PENDING if lot.pending else WALLET), lot.remaining
        occurred_at = max(times.lots, lot.earned_at)
        cause = Cause(MERGED_AWAY, lot.order_source, lot.order_id, str(merge_id), occurred_at, now)
        out = transfer(source, account, MERGE, points, cause)
        consume(source, [lot], points, out, now)
        into = transfer(target, MERGE, account, points, cause._replace(kind=MERGED_IN))
        open_lot(target, _same(lot, into, points), now)
        moves.append(_move(after + len(moves) + 1, source.name, lot, points, out, into, now))
    owed, cause = source.debt, Cause(MERGED_AWAY, "", "", str(merge_id), times.rest, now)
    if owed:
        out = transfer(source, MERGE, DEBT, owed, cause)
        into = transfer(target, DEBT, MERGE, owed, cause._replace(kind=MERGED_IN))
        moves.append(_move(after + len(moves) + 1, source.name, None, owed, out, into, now))
    if moves:
        repay_debt(target, cause._replace(kind=MERGED_IN))
    return moves


def _same(lot: Lot, sequence: int, points: int) -> Lot:
    """The lot as it continues in another wallet."""
    return Lot(
        sequence,
        points,
        points,
        lot.earned_at,
        lot.expires_at,
        lot.order_source,
        lot.order_id,
        lot.available_at,
        pending=lot.pending,
        waits=lot.waits,
    )


def _move(number: int, wallet: str, lot: Lot | None, points: int, out: int, into: int, now: datetime) -> Move:
    return Move(
        number=number,
        wallet=wallet,
        kind=OWED if lot is None else WAITING if lot.pending else LOT,
        points=points,
        out_sequence=out,
        in_sequence=into,
        earned_at=lot.earned_at if lot else None,
        expires_at=lot.expires_at if lot else None,
        order_source=lot.order_source if lot else "",
        order_id=lot.order_id if lot else "",
        moved_at=now,
    )


def take_lot(target: Wallet, one: Move, cause: Cause) -> tuple[int, Lot | None]:
    """Take out of the survivor what is left of a lot that came with the merge: points, and the lot as it was there."""
    lot = target.lot(one.in_sequence)
    if lot is None or not lot.remaining or (not lot.pending and is_expired(lot, cause.recorded_at)):
        return 0, None
    points = lot.remaining
    of_lot = cause._replace(order_source=one.order_source, order_id=one.order_id)
    sequence = transfer(target, PENDING if lot.pending else WALLET, MERGE, points, of_lot)
    consume(target, [lot], points, sequence, cause.recorded_at)
    return points, lot


def give_waiting(source: Wallet, lot: Lot, points: int, cause: Cause) -> None:
    """What had been pending goes back as it is now: still pending, or released meanwhile."""
    of_lot = cause._replace(order_source=lot.order_source, order_id=lot.order_id)
    sequence = transfer(source, MERGE, PENDING if lot.pending else WALLET, points, of_lot)
    open_lot(source, _same(lot, sequence, points), cause.recorded_at)


def give_debt(source: Wallet, target: Wallet, points: int, cause: Cause) -> int:
    """Debt that is still owed goes back to whom it came from; returns how much."""
    owed = min(points, target.debt)
    if owed:
        transfer(target, MERGE, DEBT, owed, cause)
        transfer(source, DEBT, MERGE, owed, cause)
    return owed


def net(moves: Sequence[Move]) -> Mapping[str, int]:
    """What moved by wallet: points that can be spent, less debt."""
    sums: dict[str, int] = {}
    for one in moves:
        sign = {LOT: 1, OWED: -1}.get(one.kind, 0)
        sums[one.wallet] = sums.get(one.wallet, 0) + sign * one.points
    return sums
