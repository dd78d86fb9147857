"""What each event of points is as a movement: its kind, its points, what of them waits or is owed by nobody."""

from datetime import date
from typing import Any

from analytics.points_usage import domain
from analytics.points_usage.domain import MovementFact, written_off
from common.events import Event
from common.events.points import (
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsExpired,
    PointsGivenBack,
    PointsHeld,
    PointsHoldEnded,
    PointsPending,
    PointsRedeemed,
    PointsReleased,
    PointsRepriced,
    PointsTransferred,
)

KINDS: dict[type[Any], str] = {
    PointsEarned: domain.EARNED,
    PointsPending: domain.PENDING,
    PointsReleased: domain.RELEASED,
    PointsClawedBack: domain.CLAWED_BACK,
    PointsRepriced: domain.REPRICED,
    PointsHeld: domain.HELD,
    PointsHoldEnded: domain.HOLD_ENDED,
    PointsRedeemed: domain.REDEEMED,
    PointsGivenBack: domain.GIVEN_BACK,
    PointsExpired: domain.EXPIRED,
}
"""Contract → kind; of those that go both ways the sign decides."""


def movement(event: Event[Any], day: date) -> MovementFact:
    data = event.data
    kind = _kind(data)
    return MovementFact(
        member_id=data.member_id,
        wallet=data.wallet,
        sequence=data.sequence,
        kind=kind,
        points=data.points if kind == domain.REPRICED else abs(data.points),
        written_off=written_off(getattr(data, "shortfall", 0), getattr(data, "policy", domain.DEBT_POLICY)),
        waiting=_waiting(data, kind),
        unexpired=abs(getattr(data, "unexpired", 0)),
        balance=data.balance,
        debt=data.debt,
        occurred_at=data.occurred_at,
        day=day,
        order_source=getattr(data, "order_source", None) or "",
        order_id=getattr(data, "order_id", None) or "",
        shares=_shares(data),
        body_hash=event.body_hash,
    )


def _kind(data: Any) -> str:
    if isinstance(data, PointsAdjusted):
        return domain.ADJUSTED_UP if data.points >= 0 else domain.ADJUSTED_DOWN
    if isinstance(data, PointsTransferred):
        return domain.TRANSFERRED_IN if data.points >= 0 else domain.TRANSFERRED_OUT
    return KINDS[type(data)]


def _waiting(data: Any, kind: str) -> int:
    if kind in (domain.PENDING, domain.RELEASED):
        return int(data.points)
    pending = getattr(data, "pending", 0)
    return pending if kind == domain.REPRICED else abs(pending)


def _shares(data: Any) -> tuple[tuple[str, int, int], ...]:
    if not isinstance(data, (PointsEarned, PointsPending)):
        return ()
    if data.rules:
        return tuple((one.rule, one.version, one.points) for one in data.rules)
    return ((data.rule, data.rule_version, data.points),)
