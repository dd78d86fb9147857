"""What analytics hears. Within a batch types are served in this order.

Purchases come before their returns; members come last, since their rows are locked until the commit.
"""

from analytics.calendar import handlers as calendar
from analytics.facts import handlers as facts
from analytics.notices import handlers as notices
from analytics.people import handlers as people
from analytics.points_usage import handlers as points_usage
from analytics.returns import handlers as returns
from common.events.members import MemberRegistered, MemberTierChanged, MemberUpdated
from common.events.notices import NoticeFailed, NoticeSent, NoticeSuppressed
from common.events.points import PointsClawedBack, PointsEarned, PointsRepriced
from common.events.programme import ProgrammeUpdated
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.messaging import on

SUBSCRIPTIONS = [
    on(ProgrammeUpdated, calendar.programmes_updated),
    on(PurchaseCompleted, facts.purchases_completed),
    on(PurchaseRefunded, returns.purchases_refunded),
    on(PointsEarned, points_usage.points_earned),
    on(PointsClawedBack, points_usage.points_clawed_back),
    on(PointsRepriced, points_usage.points_repriced),
    on(NoticeSent, notices.notices_sent),
    on(NoticeFailed, notices.notices_failed),
    on(NoticeSuppressed, notices.notices_suppressed),
    on(MemberRegistered, people.members_registered),
    on(MemberUpdated, people.members_updated),
    on(MemberTierChanged, people.members_tier_changed),
]
