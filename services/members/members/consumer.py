"""What members hears. Submitted purchases are recognised here and heard again as completed ones, like everybody's."""

from common.events.programme import ProgrammeUpdated
from common.events.purchases import PurchaseCompleted, PurchaseRefunded, PurchaseSubmitted
from common.messaging import on
from common.storage.programme import programmes_updated
from members.purchases import handlers as purchases
from members.submissions import handlers as submissions

SUBSCRIPTIONS = [
    on(ProgrammeUpdated, programmes_updated),
    on(PurchaseSubmitted, submissions.purchases_submitted),
    on(PurchaseCompleted, purchases.purchases_completed),
    on(PurchaseRefunded, purchases.purchases_refunded),
]
