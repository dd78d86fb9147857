"""What points counts beside what every service counts."""

from prometheus_client import Gauge

from common.runtime.metrics import REGISTRY

LEDGER_DIFFERENCE = Gauge(
    "loyalty_ledger_difference_points", "Sum over all accounts, 0 in a ledger that holds", ["wallet"], registry=REGISTRY
)
LEDGER_PROBLEMS = Gauge(
    "loyalty_ledger_problems", "Differences the last ledger check found", ["wallet"], registry=REGISTRY
)
OUTSTANDING = Gauge("loyalty_points_outstanding", "Points in members' wallets", ["wallet"], registry=REGISTRY)
DEBT = Gauge("loyalty_points_debt", "Points members owe", ["wallet"], registry=REGISTRY)
