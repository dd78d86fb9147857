"""Timed jobs."""

from common.runtime.schedule import daily, every
from points.checks import handlers as checks
from points.returns import handlers as returns

SCHEDULE = [
    every(seconds=10, run=returns.settle),
    every(seconds=60, run=checks.check, name="ledger.check"),
    daily(at="04:00", run=checks.check_everything, name="ledger.check_everything"),
]
