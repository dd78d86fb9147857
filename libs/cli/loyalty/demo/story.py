"""One member's life as the services tell it: purchases and tiers by members, points by points, notices by notify."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from loyalty.cdnow import TIME_ZONE
from loyalty.demo.figures import House


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened, in the programme's time; `order` puts causes before their effects."""

    at: datetime
    order: tuple[int, int]
    who: str
    what: str


def tell(house: House, member_id: str) -> list[Moment]:
    """Everything known of the member, in the order in which it happened in the world."""
    moments = [
        *_purchases(house, member_id),
        *_tiers(house, member_id),
        *_points(house, member_id),
        *_notices(house, member_id),
    ]
    return sorted(moments, key=lambda moment: (moment.at, moment.order))


def _purchases(house: House, member_id: str) -> list[Moment]:
    moments = []
    for one in house.members.items(f"/v1/members/{member_id}/purchases"):
        told = f"buys for {_money(one['amount'])} (order {one['order_id']})"
        moments.append(_moment(one["occurred_at"], 0, "members", told))
        for back in one["returns"]:
            told = f"gives back {_money(back['amount'])} of order {one['order_id']}"
            moments.append(_moment(back["occurred_at"], 0, "members", told))
    return moments


def _tiers(house: House, member_id: str) -> list[Moment]:
    history = house.members.get(f"/v1/members/{member_id}/tier")["history"]
    return [
        _moment(one["since"], 1, "members", f"holds {one['name'] or one['tier']} from now on ({one['reason']})")
        for one in history
    ]


def _points(house: House, member_id: str) -> list[Moment]:
    return [
        _moment(
            one["occurred_at"],
            2,
            "points",
            f"{one['points']:+,} points, {one['kind'].replace('_', ' ')}; balance {one['balance']:,}",
            sequence=one["sequence"],
        )
        for one in house.points.items(f"/v1/members/{member_id}/statement")
    ]


def _notices(house: House, member_id: str) -> list[Moment]:
    return [
        _moment(one["facts"].get("occurred_at") or one["decided_at"], 3, "notify", f"is told: “{one['subject']}”")
        for one in house.notify.items(f"/v1/members/{member_id}/inbox")
    ]


def _moment(at: str, order: int, who: str, what: str, *, sequence: int = 0) -> Moment:
    local = datetime.fromisoformat(at).astimezone(ZoneInfo(TIME_ZONE))
    return Moment(at=local, order=(order, sequence), who=who, what=what)


def _money(cents: Any) -> str:
    return f"{cents / 100:,.2f} USD"
