"""What a debit took is given back: into the lots it came from, with their own expiry. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from points.errors import MoreThanTakenError
from points.ledger.chain import Cause
from points.ledger.wallet import (
    REDEMPTION,
    WALLET,
    Lot,
    Restoration,
    Wallet,
    change,
    is_expired,
    open_lot,
    repay,
    transfer,
)

GIVEN_BACK, DEBT_REPAID = "given_back", "debt_repaid"

Order = tuple[str, str]
"""Source and id of the purchase a lot came from; empty texts for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a debit took from a lot, less what was given back of it since."""

    lot: Lot
    taken: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """`restored` of the points are in their lots again; `renewed` had expired meanwhile and live until `grace_until`.

    Of them all `repaid` went into debt. `sequence` is the first transfer's.
    """

    points: int
    restored: int
    renewed: int
    grace_until: datetime | None
    sequence: int
    repaid: int = 0


def give_back(
    wallet: Wallet,
    undone: int,
    parts: Sequence[Part],
    points: int,
    cause: Cause,
    *,
    from_account: str = REDEMPTION,
    grace_days: int = 0,
) -> GivenBack:
    """Undo `points` of the debit `undone`, which took these parts, in spending order; the last taken goes back first,
    so that what stays taken is what a smaller debit would have taken. Lots are loaded.

    What has expired meanwhile opens a lot of `grace_days` for each purchase it came from, so that a return of that one
    finds it; with 0 days it goes into its expired lot. Debt is repaid first. Raises MoreThanTakenError.
    """
    taken, left = sum(part.taken for part in parts), sum(part.points for part in parts)
    if not 0 < points <= left:
        raise MoreThanTakenError(
            wallet.member_id, wallet.name, sequence=undone, points=points, taken=taken, given_back=taken - left
        )
    if any(part.lot.pending for part in parts):
        raise ValueError(f"transfer {undone} of member {wallet.member_id} took points that wait; credit them anew")
    now = cause.recorded_at
    back = _last_first(parts, points)
    renewing = [(lot, some) for lot, some in back if grace_days > 0 and is_expired(lot, now)]
    opening, renewed = _by_order(renewing), sum(some for _, some in renewing)
    # A transfer opens one lot, and a lot is of one purchase; the first also carries what goes into its old lots.
    sequences, carried = dict[Order, int](), points - renewed
    for order, some in opening.items():
        sequences[order] = transfer(wallet, from_account, WALLET, carried + some, cause)
        carried = 0
    sequence = next(iter(sequences.values())) if sequences else transfer(wallet, from_account, WALLET, points, cause)
    touched: list[Lot] = []
    for lot, some in back:
        renews = grace_days > 0 and is_expired(lot, now)
        at = sequences[_order(lot)] if renews else sequence
        wallet.restorations.append(Restoration(wallet.member_id, wallet.name, at, lot.sequence, undone, some, renews))
        if not renews:
            change(wallet, lot, some, now)
            _expires(wallet, lot)
            if not is_expired(lot, now):
                touched.append(lot)
    until = now + timedelta(days=grace_days) if renewed else None
    for order, some in opening.items():
        grace = Lot(sequences[order], some, some, cause.occurred_at, until, *order)
        open_lot(wallet, grace, now)
        touched.append(grace)
    repaid = min(wallet.debt, sum(lot.remaining for lot in touched), points)
    if repaid:
        repay(wallet, touched, repaid, cause._replace(kind=DEBT_REPAID))
    return GivenBack(
        points=points, restored=points - renewed, renewed=renewed, grace_until=until, sequence=sequence, repaid=repaid
    )


def _last_first(parts: Sequence[Part], points: int) -> list[tuple[Lot, int]]:
    """How many of so many points go back into which lot."""
    back: list[tuple[Lot, int]] = []
    for part in reversed(parts):
        some = min(points, part.points)
        if some:
            points -= some
            back.append((part.lot, some))
    return back


def _order(lot: Lot) -> Order:
    return (lot.order_source, lot.order_id)


def _by_order(some: Iterable[tuple[Lot, int]]) -> dict[Order, int]:
    sums: dict[Order, int] = {}
    for lot, points in some:
        sums[_order(lot)] = sums.get(_order(lot), 0) + points
    return sums


def _expires(wallet: Wallet, lot: Lot) -> None:
    if lot.expires_at is not None and (wallet.earliest_expiry is None or lot.expires_at < wallet.earliest_expiry):
        wallet.earliest_expiry = lot.expires_at
