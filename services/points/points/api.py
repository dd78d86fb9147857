"""The HTTP doors of all subjects."""

from points.activities.api import router as activities
from points.adjustments.api import router as adjustments
from points.badges.api import router as badges
from points.checks.api import router as checks
from points.coupon_batches.api import router as coupon_batches
from points.coupon_checkout.api import router as coupon_checkout
from points.coupon_pools.api import router as coupon_pools
from points.coupon_templates.api import router as coupon_templates
from points.coupons.api import router as coupons
from points.draws.api import router as draws
from points.draws.proof_api import router as draw_proofs
from points.evaluation.api import router as evaluation
from points.gifts.api import router as gifts
from points.incentives.api import router as incentives
from points.ledger.api import router as ledger
from points.liability.api import router as liability
from points.merges.api import router as merges
from points.receipts.api import router as receipts
from points.redemption.api import router as redemption
from points.reports.api import router as reports
from points.returns.api import router as returns
from points.reward_fulfilment.api import router as reward_fulfilment
from points.reward_offers.api import router as reward_offers
from points.reward_orders.api import router as reward_orders
from points.rewards.api import router as rewards
from points.rules.api import router as rules
from points.simulation.api import router as simulation
from points.statement.api import router as statement
from points.streaks.api import router as streaks
from points.tasks.api import router as tasks
from points.wallet_types.api import router as wallet_types

ROUTERS = [
    ledger,
    statement,
    returns,
    rules,
    evaluation,
    checks,
    reports,
    liability,
    simulation,
    wallet_types,
    activities,
    reward_offers,
    rewards,
    reward_orders,
    reward_fulfilment,
    redemption,
    adjustments,
    gifts,
    merges,
    receipts,
    incentives,
    streaks,
    tasks,
    badges,
    draws,
    draw_proofs,
    coupon_templates,
    coupon_pools,
    coupon_batches,
    coupon_checkout,
    coupons,
]
