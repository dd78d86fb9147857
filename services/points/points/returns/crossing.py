"""Activities that crossed the order they follow: each was written in a transaction that did not see the other."""

from common.storage import Transaction
from points.accruals import handlers as accruals
from points.activities import handlers as activities
from points.earning.pricing import pricing
from points.ledger import handlers as ledger
from points.returns import store
from points.returns.domain import APPLIED
from points.returns.handlers import SETTLE_LIMIT, begin


async def settle(tx: Transaction) -> None:
    """Timed job: of activities that came before their order was known, set free what waits for them, or let them go
    with an order that came back wholly. Mostly that was done when the order came; then nothing changes.
    """
    crossed = await activities.unmet(tx, SETTLE_LIMIT)
    if not crossed:
        return
    priced = await pricing(tx)
    applying, wallets = await begin(tx, priced, {one.order for one in crossed})
    gone = await accruals.wholly_returned(tx, applying.purchases)
    left = [one for one in crossed if one.order not in gone]
    await activities.set_free(tx, left, priced, wallets, applying.purchases)
    for order in sorted(gone):
        applied = [one for one in await store.of_order(tx, order) if one.state == APPLIED]
        applying.follow_again(max(applied, key=lambda one: (one.settled_at or one.recorded_at, one.key)))
    await applying.finish()
    await activities.met(tx, crossed)
    await ledger.save(tx, wallets)
