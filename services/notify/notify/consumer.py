"""What notify hears. Facts come before the causes that are judged by them."""

from common.events.members import MemberRegistered, MemberTierChanged, MemberUpdated
from common.events.points import PointsClawedBack, PointsEarned, PointsRepriced
from common.events.programme import ProgrammeUpdated
from common.messaging import on
from common.storage.programme import programmes_updated
from notify.dispatch import handlers as dispatch
from notify.preferences import handlers as preferences

SUBSCRIPTIONS = [
    on(ProgrammeUpdated, programmes_updated),
    on(MemberRegistered, preferences.members_changed),
    on(MemberUpdated, preferences.members_changed),
    on(PointsRepriced, dispatch.points_repriced),
    on(PointsClawedBack, dispatch.points_clawed_back),
    on(MemberTierChanged, dispatch.members_tier_changed),
    on(PointsEarned, dispatch.points_earned),
]
