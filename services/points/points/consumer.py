"""What points hears. Within a batch facts come first, so that purchases are priced by what is known then."""

from common.events.members import MemberRegistered, MemberTierChanged, MemberUpdated
from common.events.programme import ProgrammeUpdated
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.messaging import on
from common.storage.programme import programmes_updated
from points.earning import handlers as earning
from points.facts import handlers as facts
from points.repricing import handlers as repricing
from points.returns import handlers as returns

SUBSCRIPTIONS = [
    on(ProgrammeUpdated, programmes_updated),
    on(MemberRegistered, facts.members_registered),
    on(MemberUpdated, facts.members_updated),
    on(MemberTierChanged, repricing.tiers_changed),
    on(PurchaseCompleted, earning.purchases_completed),
    on(PurchaseRefunded, returns.purchases_refunded),
]
