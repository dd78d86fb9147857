"""What a debit took is given back: into the lots it came from, with their own expiry. Pure."""

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a debit took from a lot, less what was given back of it since."""

    lot: Lot
    taken: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """`restored` of the points are in their lots again; `renewed` had expired meanwhile and live until `grace_until`.

    Of them all `repaid` went into debt. `sequence` is the transfer's.
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

    What has expired meanwhile opens a lot of `grace_days`; with 0 days it goes into its expired lot. Debt is repaid
    first. Raises MoreThanTakenError.
    """
    taken, left = sum(part.taken for part in parts), sum(part.points for part in parts)
    if not 0 < points <= left:
        raise MoreThanTakenError(
            wallet.member_id, wallet.name, sequence=undone, points=points, taken=taken, given_back=taken - left
        )
    if any(part.lot.pending for part in parts):
        raise ValueError(f"transfer {undone} of member {wallet.member_id} took points that wait; credit them anew")
    now = cause.recorded_at
    sequence = transfer(wallet, from_account, WALLET, points, cause)
    touched: list[Lot] = []
    renewed, wanted = 0, points
    for part in reversed(parts):
        lot, some = part.lot, min(wanted, part.points)
        if not some:
            continue
        wanted -= some
        renews = grace_days > 0 and is_expired(lot, now)
        wallet.restorations.append(
            Restoration(wallet.member_id, wallet.name, sequence, lot.sequence, undone, some, renews)
        )
        if renews:
            renewed += some
        else:
            change(wallet, lot, some, now)
            _expires(wallet, lot)
            if not is_expired(lot, now):
                touched.append(lot)
    until = now + timedelta(days=grace_days) if renewed else None
    if renewed:
        grace = Lot(sequence, renewed, renewed, cause.occurred_at, until, cause.order_source, cause.order_id)
        open_lot(wallet, grace, now)
        touched.append(grace)
    repaid = min(wallet.debt, sum(lot.remaining for lot in touched), points)
    if repaid:
        repay(wallet, touched, repaid, cause._replace(kind=DEBT_REPAID))
    return GivenBack(
        points=points, restored=points - renewed, renewed=renewed, grace_until=until, sequence=sequence, repaid=repaid
    )


def _expires(wallet: Wallet, lot: Lot) -> None:
    if lot.expires_at is not None and (wallet.earliest_expiry is None or lot.expires_at < wallet.earliest_expiry):
        wallet.earliest_expiry = lot.expires_at
