"""What analytics hears. Within a batch types are served in this order.

Purchases come before their returns; members come last, since their rows are locked until the commit.
"""

from analytics.calendar import handlers as calendar
from analytics.facts import handlers as facts
from analytics.happenings import handlers as happenings
from analytics.notices import handlers as notices
from analytics.people import handlers as people
from analytics.points_usage import handlers as points_usage
from analytics.returns import handlers as returns
from common.events.coupons import (
    CouponExpired,
    CouponExpiring,
    CouponIssued,
    CouponReturned,
    CouponRevoked,
    CouponUsed,
)
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
from common.events.notices import NoticeFailed, NoticeSent, NoticeSuppressed
from common.events.points import (
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsExpired,
    PointsExpiring,
    PointsGivenBack,
    PointsHeld,
    PointsHoldEnded,
    PointsPending,
    PointsRedeemed,
    PointsReleased,
    PointsRepriced,
    PointsTransferred,
)
from common.events.programme import ProgrammeUpdated
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.events.returns import ReturnReferred, ReturnRefused
from common.events.rewards import RewardOrderChanged, RewardOrdered
from common.events.rules import BudgetExhausted, RulePublished, RuleRetired
from common.messaging import Subscription, on

MOVEMENTS = (
    *(PointsEarned, PointsPending, PointsReleased, PointsClawedBack, PointsRepriced, PointsHeld, PointsHoldEnded),
    *(PointsRedeemed, PointsGivenBack, PointsExpired, PointsAdjusted, PointsTransferred),
)
COUPONS = (CouponIssued, CouponUsed, CouponReturned, CouponRevoked, CouponExpiring, CouponExpired)

SUBSCRIPTIONS: list[Subscription] = [
    on(ProgrammeUpdated, calendar.programmes_updated),
    on(PurchaseCompleted, facts.purchases_completed),
    on(PurchaseRefunded, returns.purchases_refunded),
    *(on(contract, points_usage.points_moved) for contract in MOVEMENTS),
    on(PointsExpiring, happenings.points_expiring),
    on(ReturnReferred, happenings.returns_set_aside),
    on(ReturnRefused, happenings.returns_set_aside),
    on(RewardOrdered, happenings.rewards_happened),
    on(RewardOrderChanged, happenings.rewards_happened),
    *(on(contract, happenings.coupons_happened) for contract in COUPONS),
    on(StreakReached, happenings.streaks_reached),
    on(TaskCompleted, happenings.tasks_happened),
    on(TaskRevoked, happenings.tasks_happened),
    on(BadgeAwarded, happenings.badges_happened),
    on(BadgeRevoked, happenings.badges_happened),
    on(DrawPlayed, happenings.draws_happened),
    on(DrawUndone, happenings.draws_happened),
    on(RulePublished, happenings.rules_happened),
    on(RuleRetired, happenings.rules_happened),
    on(BudgetExhausted, happenings.budgets_exhausted),
    on(NoticeSent, notices.notices_sent),
    on(NoticeFailed, notices.notices_failed),
    on(NoticeSuppressed, notices.notices_suppressed),
    on(MemberRegistered, people.members_registered),
    on(MemberUpdated, people.members_updated),
    on(MemberTierChanged, people.members_tier_changed),
]
