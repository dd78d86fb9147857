"""Points from one member to another: they keep their expiry, and the time they were earned. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from points.gifts.errors import GiftsClosedError, GiftSizeError
from points.ledger.domain import GIFT, Cause, Wallet, credit, transfer
from points.ledger.wallet import WALLET, consume, is_expired
from points.redemption.domain import UsedToday
from points.redemption.errors import LimitReachedError

GIVEN, UNDONE, UNDONE_IN_PART = "given", "undone", "undone_in_part"
GIVEN_AWAY, RECEIVED, TAKEN_BACK = "gift_given", "gift_received", "gift_undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What members may give one another; None is no limit."""

    revision: int = 0
    open: bool = True
    minimum: int = 1
    maximum: int | None = None
    daily_points: int | None = None
    daily_times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """`points` from `member_id` to `recipient_id`; `taken_back` of them returned to the giver."""

    gift_id: UUID
    member_id: UUID
    recipient_id: UUID
    wallet: str
    points: int
    message: str
    state: str
    debit_sequence: int
    credit_sequences: list[int]
    taken_back: int
    created_at: datetime
    created_by: str
    undone_at: datetime | None
    undone_by: str


def check(policy: Policy, points: int, used: UsedToday) -> None:
    """Raises GiftsClosedError, GiftSizeError, LimitReachedError."""
    if not policy.open:
        raise GiftsClosedError
    if points < policy.minimum:
        raise GiftSizeError("minimum", points=points, allowed=policy.minimum)
    if policy.maximum is not None and points > policy.maximum:
        raise GiftSizeError("maximum", points=points, allowed=policy.maximum)
    if policy.daily_times is not None and used.times >= policy.daily_times:
        raise LimitReachedError(
            "gifts_per_day", allowed=policy.daily_times, used=used.times, need=1, resets_at=used.resets_at
        )
    if policy.daily_points is not None and used.points + points > policy.daily_points:
        raise LimitReachedError(
            "gift_points_per_day",
            allowed=policy.daily_points,
            used=used.points,
            need=points,
            resets_at=used.resets_at,
        )


def groups(giver: Wallet, sequence: int) -> Mapping[datetime | None, tuple[int, datetime]]:
    """What a debit took, by expiry: points, and when the earliest of them was earned."""
    found: dict[datetime | None, tuple[int, datetime]] = {}
    for used in giver.consumptions:
        lot = giver.lot(used.lot_sequence)
        if used.sequence == sequence and lot is not None:
            points, earned_at = found.get(lot.expires_at, (0, lot.earned_at))
            found[lot.expires_at] = (points + used.points, min(earned_at, lot.earned_at))
    return found


def receive(recipient: Wallet, parts: Mapping[datetime | None, tuple[int, datetime]], cause: Cause) -> list[int]:
    """One credit for each expiry; debt is repaid first. Returns their sequences."""
    return [
        credit(recipient, points, cause, expires_at, from_account=GIFT, earned_at=earned_at)
        for expires_at, (points, earned_at) in parts.items()
    ]


def take_back(recipient: Wallet, sequences: Sequence[int], cause: Cause) -> int:
    """What is left in the lots of a gift leaves the recipient; returns how many points. The lots are loaded."""
    now = cause.recorded_at
    lots = [lot for lot in (recipient.lot(one) for one in sequences) if lot and not is_expired(lot, now)]
    points = sum(lot.remaining for lot in lots)
    if points:
        consume(recipient, lots, points, transfer(recipient, WALLET, GIFT, points, cause), now)
    return points
