"""A member's coupon: what it is, when it can be used, and what it turns into. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from points.coupon_templates.domain import Terms

ACTIVE, LOCKED, USED, EXPIRED, REVOKED = "active", "locked", "used", "expired", "revoked"
STATES = (ACTIVE, LOCKED, USED, EXPIRED, REVOKED)

MANUAL, RULE, REWARD, BULK, DRAW = "manual", "rule", "reward", "bulk", "draw"

ORDER_RETURNED = "order_returned"


class Coupon(NamedTuple):
    """One coupon of one member. It ends at `expires_at`, exclusive, whether or not the sweep has run.

    `cause_*` is the purchase a rule gave it for; `order_*` the order it is locked for or was used on. `discount` in
    minor units. `noticed_at` is when the notice of its end went out.
    """

    coupon_id: UUID
    template: str
    version: int
    kind: str
    name: str
    member_id: UUID
    state: str
    reason: str
    reference: str
    cause_source: str
    cause_order: str
    pool: str
    issued_at: datetime
    valid_from: datetime
    expires_at: datetime | None
    notice_at: datetime | None
    order_source: str
    order_id: str
    used_by: UUID | None
    locked_until: datetime | None
    used_at: datetime | None
    discount: int
    currency: str

    def state_at(self, now: datetime) -> str:
        """What it is at `now`: what has ended is expired, and an overdue lock is gone, before anybody wrote it down."""
        state = self.state
        if state == LOCKED and self.locked_until is not None and self.locked_until <= now:
            state = ACTIVE
        if state == ACTIVE and self.expires_at is not None and self.expires_at <= now:
            return EXPIRED
        return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """That a member shall have a coupon. The same (member, template, reason, reference) again gives the same coupon.

    An empty reference is never the same. `cause` is the purchase (source, order id) a rule gives it for: when that
    comes back whole, the coupon is taken back if it was not used.
    """

    template: str
    member_id: UUID
    reason: str
    reference: str
    occurred_at: datetime
    cause: tuple[str, str] = ("", "")

    @property
    def key(self) -> tuple[UUID, str, str, str]:
        return (self.member_id, self.template, self.reason, self.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """From when until when (exclusive; None is for ever), and when the notice of its end is due."""

    valid_from: datetime
    expires_at: datetime | None
    notice_at: datetime | None


def validity(terms: Terms, issued_at: datetime, zone: ZoneInfo) -> Validity:
    """N days end with the N-th day after that of the issue, in the programme's zone; the window's end cuts them off.

    What is issued before its window begins counts them from there, or it could end before anybody may use it.
    """
    valid_from = issued_at if terms.starts_at is None else max(issued_at, terms.starts_at)
    ends = [] if terms.ends_at is None else [terms.ends_at]
    if terms.days is not None:
        day = valid_from.astimezone(zone).date() + timedelta(days=terms.days + 1)
        ends.append(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(issued_at.tzinfo))
    expires_at = min(ends, default=None)
    return Validity(
        valid_from=valid_from,
        expires_at=expires_at,
        notice_at=notice_at(expires_at, terms.notice_days),
    )


def notice_at(expires_at: datetime | None, notice_days: int) -> datetime | None:
    """When the notice of the end is due; None when none is wanted."""
    return expires_at - timedelta(days=notice_days) if expires_at is not None and notice_days else None


def given_back(coupon: Coupon, notice_days: int, now: datetime, grace_days: int) -> Coupon:
    """A used coupon whose order came back: as it was, or with the programme's grace when it has ended meanwhile."""
    expires_at, notice = coupon.expires_at, coupon.notice_at
    if expires_at is not None and expires_at <= now:
        expires_at = now + timedelta(days=grace_days)
        notice = notice_at(expires_at, min(notice_days, grace_days))
    return freed(coupon)._replace(expires_at=expires_at, notice_at=notice)


def freed(coupon: Coupon) -> Coupon:
    """Neither locked nor used."""
    return coupon._replace(
        state=ACTIVE,
        order_source="",
        order_id="",
        used_by=None,
        locked_until=None,
        used_at=None,
        discount=0,
        currency="",
    )
