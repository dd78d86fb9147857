"""What notify hears. Facts come before the causes that are judged by them."""

from common.events.coupons import CouponExpiring, CouponIssued, CouponReturned, CouponRevoked, CouponUsed
from common.events.incentives import (
    BadgeAwarded,
    BadgeRevoked,
    DrawPlayed,
    DrawUndone,
    StreakReached,
    TaskCompleted,
    TaskRevoked,
)
from common.events.members import MemberRegistered, MemberTierChanged, MemberUpdated
from common.events.points import (
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsExpired,
    PointsExpiring,
    PointsGivenBack,
    PointsPending,
    PointsRedeemed,
    PointsReleased,
    PointsRepriced,
    PointsTransferred,
)
from common.events.programme import ProgrammeUpdated
from common.events.rewards import RewardOrderChanged, RewardOrdered
from common.messaging import on
from common.storage.programme import programmes_updated
from notify.dispatch import handlers as dispatch
from notify.dispatch import listeners
from notify.preferences import handlers as preferences

SUBSCRIPTIONS = [
    on(ProgrammeUpdated, programmes_updated),
    on(MemberRegistered, preferences.members_changed),
    on(MemberUpdated, preferences.members_changed),
    on(PointsRepriced, dispatch.points_repriced),
    on(PointsClawedBack, dispatch.points_clawed_back),
    on(MemberTierChanged, dispatch.members_tier_changed),
    on(PointsGivenBack, listeners.points_moved),
    on(PointsRedeemed, listeners.points_moved),
    on(PointsExpired, listeners.points_moved),
    on(PointsAdjusted, listeners.points_moved),
    on(PointsTransferred, listeners.points_moved),
    on(PointsReleased, listeners.points_moved),
    on(PointsPending, listeners.points_moved),
    on(PointsEarned, dispatch.points_earned),
    on(PointsExpiring, listeners.points_moved),
    on(CouponUsed, listeners.coupons_changed),
    on(CouponRevoked, listeners.coupons_changed),
    on(CouponReturned, listeners.coupons_changed),
    on(CouponIssued, listeners.coupons_changed),
    on(CouponExpiring, listeners.coupons_changed),
    on(RewardOrderChanged, listeners.rewards_ordered),
    on(RewardOrdered, listeners.rewards_ordered),
    on(BadgeRevoked, listeners.badges_changed),
    on(BadgeAwarded, listeners.badges_changed),
    on(TaskRevoked, listeners.tasks_completed),
    on(TaskCompleted, listeners.tasks_completed),
    on(StreakReached, listeners.streaks_reached),
    on(DrawUndone, listeners.draws_played),
    on(DrawPlayed, listeners.draws_played),
]
"""From a cause to notices: one per occasion, cause and channel, judged by the facts at send time."""
