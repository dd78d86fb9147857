"""What points hears. Within a batch facts come first, so that purchases are priced by what is known then."""

from common.events.activities import ActivityCompleted
from common.events.members import (
    MemberMerged,
    MemberRegistered,
    MemberTierChanged,
    MemberUnmerged,
    MemberUpdated,
)
from common.events.programme import ProgrammeUpdated
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.events.segments import SegmentEntered, SegmentLeft
from common.messaging import on
from common.storage.programme import programmes_updated
from points.activities import handlers as activities
from points.earning import handlers as earning
from points.merges import handlers as merges
from points.repricing import handlers as repricing
from points.returns import handlers as returns

SUBSCRIPTIONS = [
    on(ProgrammeUpdated, programmes_updated),
    on(MemberRegistered, repricing.members_told),
    on(MemberUpdated, repricing.members_told),
    on(MemberTierChanged, repricing.tiers_changed),
    on(SegmentEntered, repricing.segments_changed),
    on(SegmentLeft, repricing.segments_changed),
    on(MemberMerged, merges.members_merged),
    on(MemberUnmerged, merges.members_unmerged),
    on(PurchaseCompleted, earning.purchases_completed),
    on(PurchaseRefunded, returns.purchases_refunded),
    on(ActivityCompleted, activities.activities_completed),
]
