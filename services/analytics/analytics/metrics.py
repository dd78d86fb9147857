"""Measurements of this service alone, beside those every service has."""

from prometheus_client import Gauge

from common.runtime.metrics import REGISTRY

ROLLUP_DRIFT = Gauge(
    "loyalty_analytics_rollup_drift",
    "Keys of a roll-up that differed from the facts when last compared, and were repaired; anything but 0 is a fault",
    ["rollup"],
    registry=REGISTRY,
)
