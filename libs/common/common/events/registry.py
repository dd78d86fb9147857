"""All contracts, by publisher: what AsyncAPI, golden files, permissions and dead letters are made from."""

from common.events.activities import ActivityCompleted
from common.events.contract import Contract
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
from common.events.members import MemberMerged, MemberRegistered, MemberTierChanged, MemberUnmerged, MemberUpdated
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
from common.events.purchases import (
    PurchaseCompleted,
    PurchaseRefunded,
    PurchaseSubmitted,
)
from common.events.returns import ReturnReferred, ReturnRefused
from common.events.rewards import RewardOrderChanged, RewardOrdered
from common.events.rules import BudgetExhausted, RulePublished, RuleRetired
from common.events.segments import SegmentEntered, SegmentLeft

POINTS = (
    *(PointsEarned, PointsPending, PointsReleased, PointsClawedBack, PointsRepriced),
    *(PointsHeld, PointsHoldEnded, PointsRedeemed, PointsGivenBack),
    *(PointsExpiring, PointsExpired, PointsAdjusted, PointsTransferred),
    *(ReturnReferred, ReturnRefused),
    *(RewardOrdered, RewardOrderChanged),
    *(CouponIssued, CouponUsed, CouponReturned, CouponRevoked, CouponExpiring, CouponExpired),
    *(StreakReached, TaskCompleted, TaskRevoked, BadgeAwarded, BadgeRevoked, DrawPlayed, DrawUndone),
    *(RulePublished, RuleRetired, BudgetExhausted),
)
"""All that points tells; analytics hears all of it."""

PUBLISHERS: dict[str, tuple[type[Contract], ...]] = {
    "outside": (
        PurchaseCompleted,
        PurchaseRefunded,
        PurchaseSubmitted,
        ActivityCompleted,
        SegmentEntered,
        SegmentLeft,
        MemberMerged,
        MemberUnmerged,
    ),
    "members": (
        PurchaseCompleted,
        PurchaseRefunded,
        PurchaseSubmitted,
        MemberRegistered,
        MemberUpdated,
        MemberTierChanged,
        ProgrammeUpdated,
    ),
    "points": POINTS,
    "notify": (NoticeSent, NoticeFailed, NoticeSuppressed),
    "analytics": (),
}

CONTRACTS: dict[str, type[Contract]] = {
    contract.TYPE: contract for contracts in PUBLISHERS.values() for contract in contracts
}

SUBSCRIBERS: dict[str, tuple[str, ...]] = {
    "members": (
        ProgrammeUpdated.TYPE,
        PurchaseCompleted.TYPE,
        PurchaseRefunded.TYPE,
        PurchaseSubmitted.TYPE,
    ),
    "points": (
        ProgrammeUpdated.TYPE,
        MemberRegistered.TYPE,
        MemberUpdated.TYPE,
        MemberTierChanged.TYPE,
        PurchaseCompleted.TYPE,
        PurchaseRefunded.TYPE,
        ActivityCompleted.TYPE,
        SegmentEntered.TYPE,
        SegmentLeft.TYPE,
        MemberMerged.TYPE,
        MemberUnmerged.TYPE,
    ),
    "notify": (
        ProgrammeUpdated.TYPE,
        MemberRegistered.TYPE,
        MemberUpdated.TYPE,
        MemberTierChanged.TYPE,
        PointsEarned.TYPE,
        PointsClawedBack.TYPE,
        PointsRepriced.TYPE,
        PointsRedeemed.TYPE,
        PointsGivenBack.TYPE,
        PointsExpiring.TYPE,
        PointsExpired.TYPE,
        PointsAdjusted.TYPE,
        PointsTransferred.TYPE,
        PointsReleased.TYPE,
        PointsPending.TYPE,
        RewardOrdered.TYPE,
        RewardOrderChanged.TYPE,
        CouponIssued.TYPE,
        CouponUsed.TYPE,
        CouponRevoked.TYPE,
        CouponExpiring.TYPE,
        CouponReturned.TYPE,
        TaskCompleted.TYPE,
        TaskRevoked.TYPE,
        StreakReached.TYPE,
        BadgeAwarded.TYPE,
        BadgeRevoked.TYPE,
        DrawPlayed.TYPE,
        DrawUndone.TYPE,
    ),
    "analytics": (
        ProgrammeUpdated.TYPE,
        MemberRegistered.TYPE,
        MemberUpdated.TYPE,
        MemberTierChanged.TYPE,
        PurchaseCompleted.TYPE,
        PurchaseRefunded.TYPE,
        *(contract.TYPE for contract in POINTS),
        NoticeSent.TYPE,
        NoticeFailed.TYPE,
        NoticeSuppressed.TYPE,
    ),
}
"""Who hears what; a test holds each service's SUBSCRIPTIONS against it."""
