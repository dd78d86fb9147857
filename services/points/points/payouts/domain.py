"""What an incentive gives a member, and until when the points live."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from points.times import days_later
from points.wallet_types.domain import WalletType


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """`expires_days` None: the points live as long as their type of wallet says. `coupon` is a template's key."""

    points: int = 0
    wallet: str = "points"
    expires_days: int | None = None
    coupon: str = ""
    badge: str = ""

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Reward":
        return cls(
            points=facts.get("points", 0),
            wallet=facts.get("wallet", "points"),
            expires_days=facts.get("expires_days"),
            coupon=facts.get("coupon") or "",
            badge=facts.get("badge") or "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Whose reward for what: `kind` is the word (streak, task, badge, draw), `reference` names the one occasion."""

    member_id: UUID
    kind: str
    key: str
    revision: int
    reference: str
    occurred_at: datetime


def expiry(reward: Reward, occurred_at: datetime, kind: WalletType, months: int, zone: ZoneInfo) -> datetime | None:
    """When points end that were given then: after `expires_days`, else as their type of wallet says, whose life
    may be the programme's `months` (0: never).
    """
    if reward.expires_days is not None:
        return days_later(occurred_at, reward.expires_days, zone)
    return kind.expires_at(occurred_at, zone, months)
