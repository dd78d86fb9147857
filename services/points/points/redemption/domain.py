"""What a redemption may become, and what is refused: held → confirmed, cancelled or expired; confirmed → given back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from points.evaluation.sums import spread
from points.redemption.errors import (
    GrantRefusedError,
    GrantRequiredError,
    HoldExpiredError,
    LimitReachedError,
    NotAllowedPointsError,
    RedemptionStateError,
    UnknownLineError,
)
from points.redemption.money import Policy, points_for_share, share_of, worth

HELD, CANCELLED, EXPIRED, CONFIRMED, GIVEN_BACK = "held", "cancelled", "expired", "confirmed", "given_back"
STATES = (HELD, CANCELLED, EXPIRED, CONFIRMED, GIVEN_BACK)

IN_PART = "confirmed_in_part"
"""How the rest of a hold ended that was confirmed with fewer points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the order: its `amount` in minor units and the points that paid for it."""

    number: int
    sku: str
    amount: int
    points: int = 0
    value: int = 0
    given_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """Points that are held for, or were spent on, something. `held` were asked for, `points` redeemed."""

    redemption_id: UUID
    member_id: UUID
    wallet: str
    source: str
    reference: str
    body_hash: bytes
    state: str
    held: int
    points: int
    given_back: int
    order_id: str
    currency: str
    order_amount: int | None
    value: int | None
    policy_revision: int
    debit_sequence: int
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    settled_at: datetime | None
    lines: tuple[Line, ...] = ()

    @property
    def left(self) -> int:
        """Points that were redeemed and not given back."""
        return self.points - self.given_back


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedToday:
    """What the member has redeemed and holds since the local day began; it ends at `resets_at`."""

    points: int
    times: int
    resets_at: datetime


def check(policy: Policy, points: int, *, amount: int | None, used: UsedToday, on_order: int = 0) -> None:
    """Whether so many points may be used for an order of `amount` minor units with `on_order` points on it already.

    Raises NotAllowedPointsError, LimitReachedError; each names the rule that refused, with its figures.
    """
    check_number(policy, points)
    if amount is not None and worth(policy, on_order + points) > share_of(policy, amount):
        allowed = max(0, points_for_share(policy, amount) - on_order)
        raise NotAllowedPointsError("share_of_order", points=points, allowed=allowed)
    if policy.daily_times is not None and used.times >= policy.daily_times:
        raise LimitReachedError(
            "redemptions_per_day", allowed=policy.daily_times, used=used.times, need=1, resets_at=used.resets_at
        )
    if policy.daily_points is not None and used.points + points > policy.daily_points:
        raise LimitReachedError(
            "points_per_day", allowed=policy.daily_points, used=used.points, need=points, resets_at=used.resets_at
        )


def check_number(policy: Policy, points: int) -> None:
    """Whether points are used in such numbers. Raises NotAllowedPointsError."""
    if points < policy.minimum:
        raise NotAllowedPointsError("minimum", points=points, allowed=policy.minimum)
    if points % policy.step:
        raise NotAllowedPointsError("step", points=points, allowed=policy.step)


def check_grant(
    policy: Policy, points: int, *, given: bool, members: Sequence[UUID], of: UUID | None, purpose: str, most: int
) -> None:
    """Raises GrantRequiredError, GrantRefusedError. `members` are the one who pays and whom it was merged from."""
    if not given:
        if policy.pin_above_points is not None and points > policy.pin_above_points:
            raise GrantRequiredError(points=points, pin_above_points=policy.pin_above_points)
        return
    if purpose != "redeem":
        raise GrantRefusedError("wrong_purpose", f"The grant is for {purpose!r}, not for redeeming.")
    if of not in members:
        raise GrantRefusedError("wrong_member", "The grant is of another member.")
    if most < points:
        raise GrantRefusedError("too_little", f"The grant is for {most} points at most, {points} are asked for.")


def over_lines(lines: Sequence[Line], points: int, value: int) -> tuple[Line, ...]:
    """Points and what they are worth, each split over the lines by their amounts."""
    if not lines:
        return ()
    amounts = [line.amount for line in lines]
    shares = zip(lines, spread(points, amounts), spread(value, amounts), strict=True)
    return tuple(replace(line, points=some, value=worth_of) for line, some, worth_of in shares)


def confirm(held: Redemption, points: int | None, now: datetime, policy: Policy) -> Redemption:
    """The redemption with `points` of the hold spent (None: all). The same again changes nothing.

    Raises RedemptionStateError, HoldExpiredError, NotAllowedPointsError.
    """
    wanted = held.held if points is None else points
    if held.state in (CONFIRMED, GIVEN_BACK) and wanted == held.points:
        return held
    if held.state != HELD:
        raise RedemptionStateError(held.redemption_id, held.state, "only what is held can be confirmed")
    if held.expires_at is not None and held.expires_at <= now:
        raise HoldExpiredError(held.redemption_id, held.expires_at)
    if wanted > held.held:
        raise NotAllowedPointsError("held", points=wanted, allowed=held.held)
    if wanted != held.held:
        check_number(policy, wanted)
    value = None if held.order_amount is None else worth(policy, wanted)
    lines = over_lines(held.lines, wanted, value or 0) if wanted != held.held else held.lines
    return replace(held, state=CONFIRMED, points=wanted, value=value, lines=lines, settled_at=now)


def end(held: Redemption, state: str, now: datetime) -> Redemption:
    """The hold cancelled or expired. Raises RedemptionStateError."""
    if held.state != HELD:
        raise RedemptionStateError(held.redemption_id, held.state, "it is no hold any more")
    return replace(held, state=state, settled_at=now)


def to_give_back(redeemed: Redemption, points: int | None, numbers: Sequence[int]) -> tuple[Redemption, dict[int, int]]:
    """The redemption after `points` (None: what is left), or what these lines still hold, were given back.

    Also gives the points of each line. Raises RedemptionStateError, NotAllowedPointsError, UnknownLineError.
    """
    if redeemed.state not in (CONFIRMED, GIVEN_BACK):
        raise RedemptionStateError(redeemed.redemption_id, redeemed.state, "only what is confirmed can be given back")
    left = {line.number: line.points - line.given_back for line in redeemed.lines}
    if numbers:
        unknown = [number for number in numbers if number not in left]
        if unknown:
            raise UnknownLineError(redeemed.redemption_id, unknown)
        back = {number: left[number] for number in numbers if left[number]}
        wanted = sum(back.values())
    else:
        wanted = redeemed.left if points is None else points
        shares = spread(wanted, list(left.values())) if left and wanted <= redeemed.left else ()
        back = {number: share for number, share in zip(left, shares, strict=bool(shares)) if share}
    if wanted > redeemed.left:
        raise NotAllowedPointsError("redeemed", points=wanted, allowed=redeemed.left)
    if not wanted:
        raise RedemptionStateError(redeemed.redemption_id, redeemed.state, "nothing of it is left to give back")
    lines = tuple(replace(line, given_back=line.given_back + back.get(line.number, 0)) for line in redeemed.lines)
    total = redeemed.given_back + wanted
    state = GIVEN_BACK if total == redeemed.points else CONFIRMED
    return replace(redeemed, given_back=total, state=state, lines=lines), back


def as_money(of: Redemption, value: int | None) -> dict[str, str | int | None]:
    """What events say of the order that points pay for, and of `value` minor units of it; {} where there is none."""
    if not of.order_id:
        return {}
    return {"order_source": of.source, "order_id": of.order_id, "value": value, "currency": of.currency}


def value_given_back(before: Redemption, after: Redemption) -> int | None:
    """In minor units: cumulative, so that any split sums to what all of it was worth."""
    if before.value is None:
        return None
    return before.value * after.given_back // before.points - before.value * before.given_back // before.points
